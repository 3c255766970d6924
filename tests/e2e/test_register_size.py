"""D13: who has no licence gets nothing larger than what it sent, so that we are of no use to those who
send from somebody else's address. The barest REGISTER that is legal may grow by what RFC 3261 makes us
add: received and rport in the Via, the To tag, Content-Length, and the one header that its status asks
for."""
import re

import pytest

from harness import sip


def registered(site, **domain):
    """A line with a device; its phone."""
    site.judge_upstream()
    registrar = site.registrar("--password", "pw")
    site.config.set('domain "example.test"', **domain)
    site.start()
    device = site.registering("alice", "pw")
    assert device.register(expires=300).status == 200
    return registrar, device


def lines(phone, contact=None, expires=None, **more):
    """The barest one: no User-Agent, no Supported, and what may be left out is."""
    fields = {"Via": phone.via(params=more.pop("via", ";rport")), "From": f"<sip:alice@example.test>;tag=1",
              "To": "<sip:alice@example.test>", "Call-ID": sip.unique("c"), "CSeq": "1 REGISTER",
              "Max-Forwards": "70"}
    fields |= {"Contact": contact} if contact else {}
    fields |= {"Expires": str(expires)} if expires is not None else {}
    fields |= {name.replace("_", "-"): value for name, value in more.items()}
    return sip.Message(("REGISTER sip:example.test SIP/2.0\r\n" + "".join(
        f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n").encode())


MANDATORY = {405: "Allow", 420: "Unsupported", 423: "Min-Expires", 503: "Retry-After"}


def added(answer):
    """Bytes that RFC 3261 demands of this answer beyond the request's own."""
    via = answer.header("Via")
    n = sum(len(p) for p in re.findall(r";received=[^;]*|(?<=;rport)=\d+", via))
    n += len(re.search(r";tag=.*", answer.header("To")).group())
    n += len("Content-Length: 0\r\n")
    name = MANDATORY.get(answer.status)
    return n + (len(f"{name}: {answer.header(name)}\r\n") if name else 0)


REFUSED = {
    "400 no line": (400, dict(To="<sip:example.test>")),
    "400 star": (400, dict(contact="*", expires=60)),
    "400 q": (400, dict(contact="<sip:a@192.0.2.1>;q=7")),
    "400 CSeq": (400, dict(CSeq="1 INVITE")),
    "404": (404, dict(To="<sip:alice@elsewhere.test>")),
    "420": (420, dict(Require="gruu, 100rel")),
    "423": (423, dict(contact="<sip:a@192.0.2.1>", expires=1)),
    "483": (483, dict(Max_Forwards="0", contact=None)),
    "503": (503, dict(contact="<sip:a@192.0.2.1>", expires=60)),
}


@pytest.mark.parametrize("status, what", REFUSED.values(), ids=REFUSED.keys())
def test_a_refusal_is_no_larger_than_what_was_sent(site, status, what):
    domain = {"max_contacts": 1, "when_full": "reject"}
    _, device = registered(site, **domain)
    stranger = site.registering("stranger")
    for via in (";rport", ""):
        request = stranger.send(lines(stranger, via=via, **what))
        answer = stranger.expect(status)
        assert len(answer.raw) <= len(request.raw) + added(answer), (request.raw, answer.raw)
        assert device.contact not in answer.raw.decode()


def test_as_phones_send_it_the_answer_is_not_larger_at_all(site):
    """With a Contact, a User-Agent and a length."""
    registered(site, max_contacts=1, when_full="reject")
    phone = site.registering("stranger")
    usual = {"contact": f"<{phone.contact}>", "User_Agent": "Phone/1.0.0", "Content_Length": "0"}
    for status, what in REFUSED.values():
        request = phone.send(lines(phone, **(usual | {"expires": 60} | what)))
        answer = phone.expect(status)
        assert len(answer.raw) <= len(request.raw), (request.raw, answer.raw)


def test_a_source_that_is_not_allowed(site):
    site.registrar()
    site.config.set('access-list "home"', allow=["203.0.113.0/24"])
    site.config.set('domain "example.test"', authentication="trusted", access_list="home")
    site.start()
    stranger = site.registering("stranger")
    request = stranger.send(lines(stranger, contact="<sip:a@192.0.2.1>", expires=60))
    answer = stranger.expect(403)
    assert len(answer.raw) <= len(request.raw) + added(answer)


def test_where_registration_is_refused(site):
    site.registrar()
    site.config.set('domain "example.test"', registration="refuse")
    site.start()
    stranger = site.registering("stranger")
    request = stranger.send(lines(stranger))
    answer = stranger.expect(405)
    assert len(answer.raw) <= len(request.raw) + added(answer)


def test_our_own_contact(site):
    registrar, _ = registered(site)
    ours = registrar.bindings("alice@example.test")[0].split(";expires=")[0].strip("<>")
    stranger = site.registering("stranger")
    request = stranger.send(lines(stranger, contact=f"<{ours}>"))
    answer = stranger.expect(482)
    assert len(answer.raw) <= len(request.raw) + added(answer)


def test_what_upstream_fails(site):
    """500: a 2xx without our contact; 503 and 504 in our words."""
    upstream, stranger = site.upstream(), site.registering("stranger")
    site.judge_upstream()
    site.start()
    for theirs, ours in ((200, 500), (302, 500), (503, 503), (None, 504)):
        request = stranger.send(lines(stranger, contact=f"<sip:{ours}@192.0.2.1>"))
        relayed = upstream.expect("REGISTER")
        if theirs:
            upstream.answer(relayed, theirs, fields=[("Contact", "<sip:other@192.0.2.9>")] * 9)
        answer = stranger.expect(ours)
        assert len(answer.raw) <= len(request.raw) + added(answer), (request.raw, answer.raw)


def test_a_fetch_shows_the_line_only_to_who_has_proven_something(site):
    """An upstream that challenges nobody: its 2xx is no proof about other devices."""
    site.judge_upstream()
    site.registrar("--challenge", "never")
    site.start()
    device, stranger = site.registering("alice"), site.registering("alice")
    assert device.register(expires=300).status == 200
    request = stranger.send(lines(stranger))
    answer = stranger.expect(200)
    assert not answer.all("Contact")
    assert len(answer.raw) <= len(request.raw) + added(answer) + len(f"Date: {answer.header('Date')}\r\n")
