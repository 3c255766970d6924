"""What of a REGISTER and its answers passes, and what of them is ours, with the upstream played by
the test."""
import re

import pytest

from harness import net
from harness.phone import contacts

@pytest.fixture(autouse=True)
def judged(site):
    site.judge_upstream()


CHALLENGES = [
    ("WWW-Authenticate", 'Digest realm="example.test", nonce="abc", algorithm=SHA-256, qop="auth"'),
    ("WWW-Authenticate", 'Digest realm="example.test", nonce="abc", algorithm=MD5'),
    ("Proxy-Authenticate", 'Digest realm="other", nonce="x", stale=true')]
PROOF = 'Digest username="alice", realm="example.test", nonce="abc", uri="sip:example.test", ' \
        'response="00000000000000000000000000000000"'
FIELDS = [("X-Unknown", "  spaces\tand \"quotes\" ; x=y  "), ("User-Agent", "Phone/1.0 (a comment)"),
          ("Allow", "INVITE, ACK"), ("Supported", "path, gruu"), ("Authorization", PROOF)]


def ours(there):
    """The one contact of a relayed REGISTER, and its expires."""
    ((uri, expires),) = contacts(there).items()
    return uri, expires


def accept(upstream, there, expires=None, fields=()):
    uri, asked = ours(there)
    given = asked if expires is None else expires
    bindings = [("Contact", f"<{uri}>;expires={given}")] if given else []
    return upstream.answer(there, 200, fields=bindings + list(fields))


def registered(site, upstream, **options):
    """A phone whose REGISTER upstream has accepted."""
    phone = site.registering("alice")
    request = phone.send(phone.build_register(f"<{phone.contact}>", 60, [("Authorization", PROOF)]))
    accept(upstream, upstream.expect("REGISTER"), **options)
    phone.expect(200, of=request)
    return phone


def test_what_is_relayed(site):
    upstream = site.upstream()
    site.start()
    phone = site.registering("alice")
    sent = phone.send(phone.build_register(f'"A" <{phone.contact}>;q=0.5;+sip.instance="<urn:x>"', 60,
                                           FIELDS))
    there = upstream.expect("REGISTER")
    assert there.uri == sent.uri and there.header("To") == sent.header("To")
    for name, value in FIELDS:
        if name != "Supported":
            assert there.header(name) == value.strip()
    assert there.header("Supported") == "path"  # gruu is the device's own affair (D92)
    uri, expires = ours(there)
    assert expires == 3600 and there.all("Expires") == ["3600"]
    assert re.fullmatch(rf"sip:alice@{re.escape(net.text(*site.access))};bw=[a-z0-9]{{1,40}}"
                        ";transport=udp", uri)
    assert "instance" not in there.raw.decode()  # D92
    assert there.call_id != sent.call_id and there.header("From").startswith("<sip:alice@example.test>;")
    assert there.header("Max-Forwards") == "69" and len(there.all("Via")) == 2
    accept(upstream, there, fields=[("Service-Route", "<sip:a;lr>,<sip:b>"), ("X-Own", "yes")])
    here = phone.expect(200)
    for name in ("From", "Call-ID", "CSeq"):
        assert here.header(name) == sent.header(name)
    assert here.header("Via").startswith(sent.header("Via").split(";")[0])
    assert here.header("Service-Route") == "<sip:a;lr>,<sip:b>" and here.header("X-Own") == "yes"
    assert '+sip.instance="<urn:x>"' in here.header("Contact")
    assert here.header("Contact").startswith(f"<{phone.contact}>")


def test_a_challenge_passes_untouched(site):
    upstream = site.upstream()
    site.start()
    phone = site.registering("alice")
    sent = phone.send(phone.build_register(f"<{phone.contact}>", 60))
    upstream.answer(upstream.expect("REGISTER"), 401, fields=CHALLENGES)
    here = phone.expect(401)
    assert here.all("WWW-Authenticate") == [v for n, v in CHALLENGES if n[0] == "W"]
    assert here.all("Proxy-Authenticate") == [v for n, v in CHALLENGES if n[0] == "P"]
    assert (here.call_id, here.cseq) == (sent.call_id, sent.cseq)


def test_the_sequence_upstream_is_one(site):
    """Whatever the phones' Call-IDs: one, with a rising CSeq (D32)."""
    upstream = site.upstream()
    site.start()
    seen = []
    for _ in range(3):
        phone = site.registering("alice")
        for _ in range(2):
            phone.send(phone.build_register(f"<{phone.contact}>", 60))
            there = upstream.expect("REGISTER")
            seen.append(there)
            upstream.answer(there, 401, fields=CHALLENGES)
            phone.expect(401)
            phone.restart()
    numbers = [int(m.cseq.split()[0]) for m in seen]
    assert len({m.call_id for m in seen}) == 1 and len({m.header("From") for m in seen}) == 1
    assert numbers == sorted(set(numbers))
    assert len({ours(m)[0] for m in seen}) == 1


def test_a_repeat_of_what_was_absorbed_gets_the_same_answer(site):
    upstream = site.upstream()
    site.start()
    phone = registered(site, upstream)
    sent = phone.send(phone.build_register(f"<{phone.contact}>", 60))
    first = phone.expect(200, of=sent)
    for _ in range(3):
        phone.send(sent)
        again = phone.expect(200, of=sent, again=True)
        assert again.to_tag == first.to_tag
        was, now = contacts(first)[phone.contact], contacts(again)[phone.contact]
        assert was - 2 <= now <= was
    upstream.expect_nothing(0.05)


def test_service_route_is_told_again(site):
    """D41"""
    upstream = site.upstream()
    site.start()
    phone = registered(site, upstream, fields=[
        ("Service-Route", "<sip:a;lr>"), ("Service-Route", "<sip:b;lr>"),
        ("P-Associated-URI", "<sip:alice@example.test>"), ("Authentication-Info", 'nextnonce="x"')])
    answer = phone.register()
    assert ", ".join(answer.all("Service-Route")) == "<sip:a;lr>, <sip:b;lr>"
    assert answer.header("P-Associated-URI") == "<sip:alice@example.test>"
    assert not answer.all("Authentication-Info") and answer.header("Date").endswith(" GMT")


def test_a_2xx_without_our_contact_is_a_failure(site):
    """D49"""
    upstream = site.upstream()
    site.start()
    phone = site.registering("alice")
    phone.send(phone.build_register(f"<{phone.contact}>", 60))
    upstream.answer(upstream.expect("REGISTER"), 200, fields=[("Contact", "<sip:x@192.0.2.1>")])
    phone.expect(500)
    assert site.http.metrics()['alarms_total{code="contact-missing"}'] == 1


@pytest.mark.parametrize("change", [
    lambda uri: f"<{uri.replace(';transport=udp', '')}>;expires=3600",
    lambda uri: f'"us" <{uri};extra=1> ; q=1 ;expires="3600"',
    lambda uri: f"<{re.sub(':([0-9]+);', ':9999;', uri)}>;expires=3600",
    lambda uri: f"<sip:x@192.0.2.9>;expires=10, <{uri.upper().replace('SIP:', 'sip:')}>;expires=3600",
])
def test_our_contact_is_known_again(site, change):
    """D48"""
    upstream = site.upstream()
    site.start()
    phone = site.registering("alice")
    phone.send(phone.build_register(f"<{phone.contact}>", 60))
    there = upstream.expect("REGISTER")
    upstream.answer(there, 200, fields=[("Contact", change(ours(there)[0]))])
    answer = phone.expect(200)
    assert list(contacts(answer)) == [phone.contact]


@pytest.mark.parametrize("granted, most", [(60, 28), (3600, 60), (100, 60), (7200, 60)])
def test_no_device_outlives_upstream(site, granted, most):
    """D51"""
    upstream = site.upstream()
    site.start()
    phone = site.registering("alice")
    phone.send(phone.build_register(f"<{phone.contact}>", 60))
    accept(upstream, upstream.expect("REGISTER"), expires=granted)
    assert contacts(phone.expect(200))[phone.contact] <= most


def test_upstream_wants_longer_registrations(site):
    """D54: 423 to what the phone never asked for is none of its business."""
    upstream = site.upstream()
    site.start()
    phone = site.registering("alice")
    phone.send(phone.build_register(f"<{phone.contact}>", 60))
    upstream.answer(upstream.expect("REGISTER"), 423, fields=[("Min-Expires", "7200")])
    there = upstream.expect("REGISTER")
    assert ours(there)[1] == 7200
    accept(upstream, there)
    phone.expect(200)


@pytest.mark.parametrize("status, told", [(403, 403), (404, 404), (500, 500), (503, 503), (600, 600),
                                          (302, 500)])
def test_a_refusal_of_a_stranger_removes_nothing(site, status, told):
    """D53, D55, D56"""
    upstream = site.upstream()
    site.start()
    phone = registered(site, upstream)
    other = site.registering("alice")
    other.call_id = phone.call_id
    other.cseq = 100
    other.send(other.build_register(f"<{phone.contact}>", 60))
    upstream.answer(upstream.expect("REGISTER"), status, fields=[("Contact", "<sip:core@192.0.2.1>")])
    assert "192.0.2.1" not in str(other.expect(told).all("Contact")) or status != 302
    assert list(contacts(phone.register())) == [phone.contact]
    upstream.expect_nothing(0.05)


@pytest.mark.parametrize("token", ["parameter", "user", "path"])
def test_our_own_token_comes_back(site, token):
    """D63: without our Via, so that only the token tells."""
    upstream = site.upstream()
    site.config.set('upstream "registrar"', contact_token="user" if token == "user" else "parameter")
    if token == "path":
        site.config.set('domain "example.test"', mode="contact-throttle", insertion="path")
    site.start()
    phone, other = site.registering("alice"), site.registering("alice")
    phone.send(phone.build_register(f"<{phone.contact}>", 60))
    there = upstream.expect("REGISTER")
    contact = there.header("Contact").split(";expires")[0]
    fields = [("Path", p) for p in there.all("Path")]
    other.send(other.build_register(contact if token != "path" else f"<{other.contact}>", 60, fields))
    other.expect(482)
    # a token of another server's making is none of ours
    foreign = "0p1kqtd4s4jhdrv70bmvhk5pgsjoll4"
    other.send(other.build_register(f"<{other.contact};bw={foreign}>", 60,
                                    [("Path", f"<sip:t-{foreign}@192.0.2.1;lr>")]))
    upstream.answer(there, 401)
    phone.expect(401)
    upstream.answer(upstream.expect("REGISTER"), 401)
    other.expect(401)


@pytest.mark.parametrize("fields, status", [
    ({"contact": "*", "expires": 60}, 400), ({"contact": "*", "expires": None}, 400),
    ({"contact": "*, <sip:a@192.0.2.1>", "expires": 0}, 400),
    ({"contact": "<sip:a@192.0.2.1>", "expires": 5}, 423),
    ({"contact": "<sip:a@192.0.2.1>;q=2", "expires": 60}, 400),
    ({"contact": "<sip:a@192.0.2.1", "expires": 60}, 400),
    ({"contact": "<sip:a@192.0.2.1>", "expires": 60, "fields": [("Require", "magic")]}, 420),
    ({"contact": ", ".join(f"<sip:a@192.0.2.{i}>" for i in range(11)), "expires": 60}, 400),
])
def test_what_is_refused_here(site, fields, status):
    upstream = site.upstream()
    site.start()
    phone = site.registering("alice")
    answer = phone.ask(phone.build_register(**fields))
    assert answer.status == status
    assert status != 423 or answer.header("Min-Expires") == "30"
    assert status != 420 or answer.header("Unsupported") == "magic"
    upstream.expect_nothing(0.05)


def test_a_huge_expiry_is_no_removal(site):
    """D14"""
    upstream = site.upstream()
    site.start()
    phone = site.registering("alice")
    for value in ("4294967296", "99999999999999999999", "00003600"):
        phone.send(phone.build_register(f"<{phone.contact}>;expires={value}", None))
        there = upstream.expect("REGISTER")
        assert ours(there)[1] == 3600
        accept(upstream, there)
        assert contacts(phone.expect(200))[phone.contact] >= 200
        phone.restart()


def test_registration_can_be_refused(site):
    site.config.set('domain "example.test"', registration="refuse")
    site.start()
    answer = site.registering("alice").register()
    assert answer.status == 405 and "REGISTER" not in answer.header("Allow")


def test_a_query_by_a_stranger_is_relayed_and_learns_no_core_address(site):
    upstream = site.upstream()
    site.start()
    phone = registered(site, upstream)
    other = site.registering("alice")
    query = other.send(other.build_register(None, None, [("Authorization", PROOF)]))
    there = upstream.expect("REGISTER")
    assert not there.all("Contact")
    upstream.answer(there, 200, fields=[("Contact", f"<sip:alice@{net.text(*site.access)};bw=x>;expires=9"),
                                        ("Contact", "<sip:alice@10.0.0.1>;expires=8")])
    answer = other.expect(200, of=query)
    assert list(contacts(answer)) == [phone.contact]
    own = phone.query()
    assert list(contacts(own)) == [phone.contact]
    upstream.expect_nothing(0.05)


def test_our_own_token_is_a_loop(site):
    """D63"""
    upstream = site.upstream()
    site.start()
    phone = site.registering("alice")
    phone.send(phone.build_register(f"<{phone.contact}>", 60))
    there = upstream.expect("REGISTER")
    accept(upstream, there)
    phone.expect(200)
    other = site.registering("alice")
    assert other.ask(other.build_register(f"<{ours(there)[0]}>", 60)).status == 482


def test_max_forwards_ends_what_would_be_relayed(site):
    """D25"""
    upstream = site.upstream()
    site.start()
    phone = registered(site, upstream)
    last = phone.build_register(f"<{phone.contact}>", 60).with_line("Max-Forwards: 70",
                                                                    "Max-Forwards: 0")
    assert phone.ask(last).status == 200
    new = site.registering("bob")
    first = new.build_register(f"<{new.contact}>", 60).with_line("Max-Forwards: 70", "Max-Forwards: 0")
    assert new.ask(first).status == 483
    upstream.expect_nothing(0.05)


def test_a_device_that_moves_proves_itself_and_is_then_known_there(site):
    """A NAT that has given it another port, say: Call-ID and CSeq go on."""
    registrar = site.registrar()
    site.start()
    old = site.registering("alice", "pw")
    assert old.register().status == 200
    new = site.registering("alice", "pw")
    new.call_id, new.from_tag, new.cseq = old.call_id, old.from_tag, old.cseq
    for n in (4, 4, 4):
        answer = new.send_register(f"<{old.contact}>", 60)
        assert answer.status == 200 and list(contacts(answer)) == [old.contact]
        assert registrar.count() == n
    old.password = "wrong"
    old.cseq = new.cseq
    assert old.register().status == 401
    assert list(contacts(new.query())) == [old.contact]


@pytest.mark.skipif(not net.has_ipv6(), reason="no IPv6 here")
def test_a_phone_with_ipv6_at_an_upstream_without(site):
    registrar = site.registrar()
    access = site.add_listen("six", "::1")
    site.start()
    phone = site.registering("alice", "pw", host="::1")
    phone.peer = access
    for _ in range(3):
        assert list(contacts(phone.register())) == [phone.contact]
    assert "[::1]" in phone.contact and registrar.count() == 2
    assert net.text(*site.access) in registrar.bindings("alice@example.test")[0]


def test_one_device_by_its_instance(site):
    """RFC 5626: another address and Call-ID, the same device; it is not counted twice."""
    registrar = site.registrar()
    site.config.set('domain "example.test"', max_contacts=1)
    site.start()
    for _ in range(3):
        phone = site.registering("alice", "pw")
        answer = phone.send_register(f'<{phone.contact}>;+sip.instance="<urn:uuid:1>";reg-id=1', 60)
        assert answer.status == 200 and list(contacts(answer)) == [phone.contact]
    assert len(registrar.bindings("alice@example.test")) == 1
