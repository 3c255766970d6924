"""OPTIONS to the proxy itself: what probes and keepalives get."""
import pytest

from harness import net
from harness.program import run

needs_ipv6 = pytest.mark.skipif(not net.has_ipv6(), reason="no IPv6 here")


def test_the_answer_is_complete(site):
    site.start()
    phone = site.phone()
    request = phone.send(phone.request("OPTIONS", "sip:" + net.text(*site.access)))
    answer = phone.expect(200)
    assert answer.header("Via") == \
        request.header("Via").replace(";rport", f";rport={phone.port};received={phone.host}")
    for name in ("From", "Call-ID", "CSeq"):
        assert answer.header(name) == request.header(name)
    assert answer.header("To").startswith(request.header("To") + ";tag=")
    assert {"INVITE", "ACK", "CANCEL", "BYE", "OPTIONS"} <= set(answer.header("Allow").split(", "))
    assert answer.header("Content-Length") == "0" and answer.body == b""


def test_a_repeat_gets_the_same_answer(site):
    site.start()
    phone = site.phone()
    request = phone.request("OPTIONS")
    answers = []
    for _ in range(3):
        phone.send(request)
        answers.append(phone.expect(200, again=True).raw)
    assert len(set(answers)) == 1


@pytest.mark.parametrize("uri", ["sip:example.test", "sip:EXAMPLE.test:5060", "sip:alias.test",
                                 "sip:192.0.2.7", "sips:example.test"])
def test_names_that_mean_us(site, uri):
    site.config.set('domain "example.test"', aliases=["alias.test", "192.0.2.7"])
    site.start()
    phone = site.phone()
    phone.send(phone.request("OPTIONS", uri))
    phone.expect(200)


def test_a_line_s_options_go_upstream(site):
    upstream = site.upstream()
    site.start()
    phone = site.phone()
    phone.send(phone.request("OPTIONS", "sip:bob@example.test"))
    upstream.answer(upstream.expect("OPTIONS"), 486)
    phone.expect(486)


def test_the_upstream_s_probe_is_answered(site):
    upstream = site.upstream()
    site.start()
    upstream.send(upstream.request("OPTIONS", "sip:" + net.text(*site.access)))
    upstream.expect(200)


@needs_ipv6
def test_ipv6(site):
    access = site.add_listen("six", "::1")
    site.start()
    phone = site.phone(host="::1", peer=access)
    phone.send(phone.request("OPTIONS", f"sip:[::1]:{access[1]}"))
    answer = phone.expect(200)
    assert f";rport={phone.port};received=::1" in answer.header("Via")


def test_a_wildcard_listener_answers_from_where_it_was_asked(site):
    address = site.add_listen("any", "0.0.0.0")
    site.start()
    phone = site.phone(peer=(site.net.prefix + ".99", address[1]))
    phone.send(phone.request("OPTIONS", "sip:" + net.text(*phone.peer)))
    assert phone.expect(200).source == phone.peer


@pytest.mark.parametrize("via, port_of", [
    (";rport", "source"),       # RFC 3581: back to where it came from
    ("", "via"),                # RFC 3261 18.2.2: the port that the Via names
])
def test_where_the_answer_goes(site, via, port_of):
    site.start()
    phone = site.phone()
    other = site.phone("other", host=phone.host)
    request = phone.request("OPTIONS", via=other.via(params=via))
    phone.send(request)
    (phone if port_of == "source" else other).expect(200)


def test_sipsak(site):
    site.start()
    code, out, err = run(["sipsak", "-s", "sip:" + net.text(*site.access), "-vv"])
    assert code == 0, out + err
    assert "200 OK" in out + err


def test_keepalives_hear_nothing(site):
    site.start()
    phone = site.phone()
    for keepalive in (b"\r\n\r\n", b"\r\n", b"\0", b"\0\0\0\0", b""):
        phone.send(keepalive)
    phone.expect_nothing()
    assert phone.ask(phone.request("OPTIONS")).status == 200
