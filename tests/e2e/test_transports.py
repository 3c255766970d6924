"""The same life of a phone over each transport and both versions of IP: it proves itself, is absorbed,
is forked to beside a phone of the other kind, talks, is called back in the dialog, calls out, and
leaves."""
import pytest

from harness import net, sip
from harness.dialog import Dialog
from harness.pki import Pki
from harness.stream_ua import StreamUa
from harness.ua import Ua
from harness.ws_ua import WsUa
from test_tls import NAME, client

HOSTS = {"4": None, "6": "::1"}
WAYS = [(t, v) for t in ("udp", "tcp", "tls", "ws", "wss") for v in HOSTS]


@pytest.fixture(params=WAYS, ids=[f"{t}-ipv{v}" for t, v in WAYS])
def way(site, request):
    """site.make(): a phone that comes by this way."""
    transport, version = request.param
    if version == "6" and not net.has_ipv6():
        pytest.skip("this machine has no IPv6")
    host, options = HOSTS[version] or site.net.proxy, {}
    if transport in ("tls", "wss"):
        site.pki = Pki(site.directory)
        options = dict(zip(("certificate", "private_key"), site.pki.issue(NAME)))
    secure = client(site) if options else None
    if transport == "udp":
        peer = site.add_listen("way", host) if version == "6" else site.access
        site.make = lambda: Ua("alice", HOSTS[version] or site.net.phone(), site.ladder, peer)
    else:
        peer = site.add_stream("way", host, transport, **options)
        kind = WsUa if transport.startswith("ws") else StreamUa
        site.make = lambda: kind("alice", site.ladder, peer, secure)
    site.judge_upstream()
    site.config.set('domain "example.test"', expires_spread=0)
    return site


class Registering:
    """A phone of alice's line, by whatever way."""
    def __init__(self, ua, upstream):
        self.ua, self.upstream, self.cseq = ua, upstream, 0
        self.parts = {"call_id": sip.unique("r"), "from_": "<sip:alice@example.test>;tag=f",
                      "to": "<sip:alice@example.test>"}

    def send(self, expires, *fields):
        self.cseq += 1
        return self.ua.send(self.ua.request("REGISTER", cseq=self.cseq, fields=[
            ("Expires", str(expires)), *fields], **self.parts))

    def prove(self, expires=60):
        """Challenged, proven; the request that upstream took."""
        sent = self.send(expires)
        self.upstream.answer(self.upstream.expect("REGISTER"), 401, fields=[
            ("WWW-Authenticate", 'Digest realm="example.test", nonce="n"')])
        self.ua.expect(401, of=sent)
        sent = self.send(expires, ("Authorization", 'Digest username="alice", nonce="n"'))
        came = self.upstream.expect("REGISTER")
        assert came.header("Authorization")
        self.upstream.answer(came, 200, fields=[("Contact", came.header("Contact"))])
        answer = self.ua.expect(200, of=sent)
        assert f"<{self.ua.contact}>" in ", ".join(answer.all("Contact"))
        return came

    def refresh(self, expires=60):
        """Answered without upstream."""
        sent = self.send(expires)
        answer = self.ua.expect(200, of=sent)
        self.upstream.expect_nothing()
        return answer


def check_forked_call(upstream, alice, other, uri):
    """alice takes it, the other is cancelled; then both ends speak in the dialog."""
    call = upstream.send(upstream.request("INVITE", uri))
    ringing = alice.expect("INVITE")
    assert ringing.uri == alice.contact
    alice.answer(ringing, 180)
    beside = other.expect("INVITE")
    other.answer(beside, 180)
    for _ in range(2):
        upstream.expect(180, of=call)
    taken = alice.answer(ringing, 200, fields=[("Contact", f"<{alice.contact}>")])
    answer = upstream.expect(200, of=call)
    upstream.ack(call, answer)
    assert alice.expect("ACK").uri == alice.contact
    other.answer(other.expect("CANCEL"), 200)
    other.answer(beside, 487)
    other.expect("ACK")
    far = Dialog.of_caller(upstream, call, answer)
    asked = upstream.send(far.request("INFO"))
    alice.answer(alice.expect("INFO"), 200)
    upstream.expect(200, of=asked)
    bye = alice.send(Dialog.of_called(alice, ringing, taken).request("BYE"))
    upstream.answer(upstream.expect("BYE"), 200)
    alice.expect(200, of=bye)


def check_call_out(upstream, alice):
    """Her own call, which the other side ends."""
    call = alice.send(alice.request("INVITE", "sip:bob@example.test"))
    came = upstream.expect("INVITE")
    taken = upstream.answer(came, 200, fields=[("Contact", f"<{upstream.contact}>")])
    alice.ack(call, alice.expect(200, of=call))
    upstream.expect("ACK")
    bye = upstream.send(Dialog.of_called(upstream, came, taken).request("BYE"))
    alice.answer(alice.expect("BYE"), 200)
    upstream.expect(200, of=bye)


def test_the_life_of_a_phone(way):
    site = way
    site.start()
    upstream, alice, other = site.upstream(), site.add(site.make()), site.phone("desk")
    hers, beside = Registering(alice, upstream), Registering(other, upstream)
    (uri,) = sip.uris(hers.prove().all("Contact"))
    hers.refresh()
    beside.prove()
    assert len(hers.refresh().all("Contact")) == 2
    check_forked_call(upstream, alice, other, uri)
    check_call_out(upstream, alice)
    assert len(beside.refresh(expires=0).all("Contact")) == 1
    sent = hers.send(0)
    came = upstream.expect("REGISTER")
    assert came.header("Contact").endswith(";expires=0")
    upstream.answer(came, 200)
    assert not alice.expect(200, of=sent).all("Contact")
    call = upstream.send(upstream.request("INVITE", uri))
    upstream.ack(call, upstream.expect(480, of=call))
