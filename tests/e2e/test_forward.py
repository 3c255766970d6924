"""What of a request and its answer reaches the other side: everything, byte for byte, but for what
a proxy must change."""
import pytest

from harness import net, sip
from harness.ua import Ua

needs_ipv6 = pytest.mark.skipif(not net.has_ipv6(), reason="no IPv6 here")


BEGIN_DIALOGS = ("INVITE", "SUBSCRIBE", "REFER")


def expected_upstream(sent, phone, there):
    """The bytes that must arrive: our Via on top, received and rport in the phone's, one hop less,
    and behind the headers who the phone is and our Record-Route."""
    via, ours = sent.header("Via"), there.header("Via")
    seen = via.replace(";rport", f";rport={phone.port};received={phone.host}")
    raw = sent.raw.replace(b"Via: " + via.encode(),
                           b"Via: " + ours.encode() + b"\r\nVia: " + seen.encode(), 1)
    added = f"\r\nP-Asserted-Identity: <sip:{phone.name}@example.test>"
    if sent.method in BEGIN_DIALOGS:
        added += "\r\nRecord-Route: " + there.header("Record-Route")
    raw = raw.replace(b"\r\n\r\n", added.encode() + b"\r\n\r\n", 1)
    return raw.replace(b"Max-Forwards: 70\r\n", b"Max-Forwards: 69\r\n", 1)


def forward(site, upstream, phone, request):
    """As the upstream got it, compared with what was sent."""
    phone.send(request)
    there = upstream.expect(request.method)
    assert there.raw == expected_upstream(request, phone, there)
    assert len(there.all("Record-Route")) == (request.method in BEGIN_DIALOGS)
    assert there.source == site.access
    assert there.header("Via").startswith("SIP/2.0/UDP " + net.text(*site.access) + ";branch=z9hG4bK")
    return there


def give_back(upstream, phone, there, answer):
    """The answer reaches the phone without the proxy's Via, otherwise unchanged."""
    upstream.send(answer, to=there.source)
    here = phone.expect(answer.status)
    top = b"Via: " + answer.header("Via").encode() + b"\r\n"
    assert here.raw == answer.raw.replace(top, b"", 1)
    return here


FIELDS = [("X-Unknown", "  spaces\tand \"quotes\" ; x=y  "), ("P-Access-Network-Info", "3GPP-UTRAN"),
          ("x-unknown", "again, in lower case"), ("s", "compact"), ("Subject", "\u00e9\u00ff Latin"),
          ("User-Agent", "Phone/1.0 (a comment)"), ("Empty", ""), ("k", "path, 100rel")]


@pytest.mark.parametrize("method", ["MESSAGE", "SUBSCRIBE", "PUBLISH", "NOTIFY", "INFO",
                                    "OPTIONS", "REFER", "BYE", "UPDATE", "PRACK", "FANCY.method~"])
def test_a_request_and_its_answer_pass_unchanged(site, method):
    upstream, phone = site.upstream(), site.phone()
    site.start()
    request = phone.request(method, "sip:bob@example.test;p=1", fields=FIELDS, body=b"hello")
    there = forward(site, upstream, phone, request)
    answer = sip.response(there, 299, "All \u00fcber fine", fields=FIELDS[::-1], body=b"bye")
    give_back(upstream, phone, there, answer)


BODIES = {
    "multipart": b"--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--b\r\n"
                 b"Content-Type: application/octet-stream\r\n\r\n\x00\xff\r\n--b--\r\n",
    "all bytes": bytes(range(256)) * 4,
    "NUL": b"\0" * 300,
    "like SIP": b"\r\n\r\nINVITE sip:x@y SIP/2.0\r\nVia: x\r\n\r\n",
    "one": b"\n",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_bodies_pass_byte_for_byte(site, body):
    upstream, phone = site.upstream(), site.phone()
    site.start()
    request = phone.request("MESSAGE", "sip:bob@example.test", body=body,
                            fields=[("Content-Type", "multipart/mixed;boundary=b")])
    there = forward(site, upstream, phone, request)
    assert there.body == body
    assert give_back(upstream, phone, there, sip.response(there, 200, body=body)).body == body


def test_what_follows_the_body_is_cut_off(site):
    upstream, phone = site.upstream(), site.phone()
    site.start()
    request = phone.request("MESSAGE", "sip:bob@example.test", body=b"12345")
    phone.send(request.raw + b"more")
    assert upstream.expect("MESSAGE").body == b"12345"


def test_without_content_length_the_body_is_the_rest(site):
    """As linphone sends its REGISTER and ACK."""
    upstream, phone = site.upstream(), site.phone()
    site.start()
    request = phone.request("MESSAGE", "sip:bob@example.test", body=b"12345")
    phone.send(request.with_line("Content-Length: 5\r\n", ""))
    there = upstream.expect("MESSAGE")
    assert there.body == b"12345" and not there.all("Content-Length")


def test_folded_and_odd_header_lines_pass(site):
    upstream, phone = site.upstream(), site.phone()
    site.start()
    request = phone.request("MESSAGE", "sip:bob@example.test", fields=[("Fold", "PLACE"), ("a", "b")])
    request = request.with_line("Fold: PLACE", "Fold :\tone\r\n two,\r\n\tthree ")
    there = forward(site, upstream, phone, request)
    assert b"Fold :\tone\r\n two,\r\n\tthree \r\n" in there.raw


def test_several_vias_come_back_in_their_order(site):
    upstream, phone = site.upstream(), site.phone()
    site.start()
    below = [("Via", "SIP/2.0/TCP 192.0.2.1;branch=z9hG4bKone, SIP/2.0/TLS h.test;branch=z9hG4bKtwo"),
             ("v", "SIP/2.0/UDP [2001:db8::1]:5070;branch=z9hG4bKthree")]
    request = phone.request("MESSAGE", "sip:bob@example.test", fields=below)
    there = forward(site, upstream, phone, request)
    here = give_back(upstream, phone, there, sip.response(there, 200))
    assert here.all("Via")[1:] == [v for _, v in below]


def test_a_missing_max_forwards_becomes_70(site):
    upstream, phone = site.upstream(), site.phone()
    site.start()
    request = phone.request("MESSAGE", "sip:bob@example.test")
    phone.send(request.with_line("Max-Forwards: 70\r\n", ""))
    assert upstream.expect("MESSAGE").header("Max-Forwards") == "70"


def test_a_phone_does_not_choose_its_way(site):
    """D88: neither a Route that names us nor another one goes on."""
    upstream, phone = site.upstream(), site.phone()
    site.start()
    ours = f"<sip:{net.text(*site.access)};lr>"
    request = phone.request("MESSAGE", "sip:bob@example.test",
                            fields=[("Route", f"{ours}, <sip:192.0.2.9;lr>"), ("Route", "<sip:c;lr>")])
    phone.send(request)
    there = upstream.expect("MESSAGE")
    assert there.uri == request.uri and not there.all("Route")


@pytest.mark.parametrize("size", [1300, 1500, 9000, 65000])
def test_big_messages_pass(site, size):
    upstream, phone = site.upstream(), site.phone()
    site.start()
    request = phone.request("MESSAGE", "sip:bob@example.test")
    request = phone.request("MESSAGE", "sip:bob@example.test", body=b"x" * (size - len(request.raw)))
    there = forward(site, upstream, phone, request)
    give_back(upstream, phone, there, sip.response(there, 200, body=there.body[:60000]))


def test_what_grows_beyond_a_datagram_is_refused(site):
    """UDP over IPv4 carries 65,507 bytes; the proxy's Via makes more of it."""
    upstream, phone = site.upstream(), site.phone()
    site.start()
    request = phone.request("MESSAGE", "sip:bob@example.test")
    request = phone.request("MESSAGE", "sip:bob@example.test", body=b"x" * (65490 - len(request.raw)))
    phone.send(request)
    assert phone.expect(500, of=request)
    upstream.expect_nothing(0.1)


def test_the_limit_on_size(site):
    site.config.set("limits", max_message=2000)
    upstream, phone = site.upstream(), site.phone()
    site.start()
    request = phone.request("MESSAGE", "sip:bob@example.test", body=b"x" * 2000)
    phone.send(request)
    phone.expect_nothing()
    upstream.expect_nothing(0)
    there = forward(site, upstream, phone, phone.request("MESSAGE", "sip:bob@example.test"))
    give_back(upstream, phone, there, sip.response(there, 200))


@needs_ipv6
def test_from_an_ipv6_phone_to_an_ipv4_upstream(site):
    upstream, access = site.upstream(), site.add_listen("six", "::1")
    site.start()
    phone = site.phone(host="::1", peer=access)
    there = forward(site, upstream, phone, phone.request("MESSAGE", "sip:bob@example.test"))
    give_back(upstream, phone, there, sip.response(there, 200))


@needs_ipv6
def test_to_an_ipv6_upstream(site):
    access = site.add_listen("six", "::1", side="core")
    upstream = site.add(Ua("upstream", "::1", site.ladder))
    site.config.set('upstream "registrar"', servers=["sip:" + net.text(*upstream.address)])
    site.start()
    phone = site.phone()
    phone.send(phone.request("MESSAGE", "sip:bob@example.test"))
    there = upstream.expect("MESSAGE")
    assert there.header("Via").startswith("SIP/2.0/UDP " + net.text(*access))
    give_back(upstream, phone, there, sip.response(there, 200))


def test_what_advertise_says_stands_in_via(site):
    site.config.set('listen "phones"', advertise="sbc.example.test:5099")
    upstream, phone = site.upstream(), site.phone()
    site.start()
    phone.send(phone.request("MESSAGE", "sip:bob@example.test"))
    there = upstream.expect("MESSAGE")
    assert there.header("Via").startswith("SIP/2.0/UDP sbc.example.test:5099;branch=")
    give_back(upstream, phone, there, sip.response(there, 200))
