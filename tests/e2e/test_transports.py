"""The same life of a phone over each transport and both versions of IP: it proves itself, is absorbed,
is forked to beside a phone of the other kind, talks, is called back in the dialog, calls out, and
leaves."""
import os

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


def check_cancelled(upstream, alice, other, uri):
    """The caller gives up while both ring."""
    call = upstream.send(upstream.request("INVITE", uri))
    ringing = [(ua, ua.expect("INVITE")) for ua in (alice, other)]
    for ua, there in ringing:
        ua.answer(there, 180)
        upstream.expect(180, of=call)
    gone = upstream.send(upstream.follow(call, "CANCEL"))
    upstream.expect(200, of=gone)
    for ua, there in ringing:
        cancel = ua.expect("CANCEL")
        assert cancel.branch == there.branch
        ua.answer(cancel, 200)
        ua.answer(there, 487)
        ua.expect("ACK")
    upstream.ack(call, upstream.expect(487, of=call))


def check_declined(upstream, alice, other, uri):
    """Of two refusals the better one counts (RFC 3261 16.7 step 6)."""
    call = upstream.send(upstream.request("INVITE", uri))
    for ua, status in ((other, 486), (alice, 404)):
        ua.answer(ua.expect("INVITE"), status)
        ua.expect("ACK")
    refused = upstream.next_new(10.0)
    while refused.status < 200:
        refused = upstream.next_new(10.0)
    assert refused.status in (404, 486)
    upstream.ack(call, refused)


def check_out_cancelled(upstream, alice):
    call = alice.send(alice.request("INVITE", "sip:bob@example.test"))
    came = upstream.expect("INVITE")
    upstream.answer(came, 180)
    alice.expect(180, of=call)
    gone = alice.send(alice.follow(call, "CANCEL"))
    alice.expect(200, of=gone)
    upstream.answer(upstream.expect("CANCEL"), 200)
    upstream.answer(came, 487)
    upstream.expect("ACK")
    alice.ack(call, alice.expect(487, of=call))


def check_message(sender, taker, uri):
    sent = sender.send(sender.request("MESSAGE", uri, [("Content-Type", "text/plain")],
                                      b"x" * 1000))
    there = taker.expect("MESSAGE")
    assert there.body == b"x" * 1000
    taker.answer(there, 200)
    sender.expect(200, of=sent)


@pytest.mark.last
@pytest.mark.skipif(not os.environ.get("BREAKWATER_SOAK"), reason="twenty times; ./dev soak")
@pytest.mark.parametrize("workers", [1, 2])
def test_all_of_it(way, workers):
    """What the short form leaves out, and its own life before and after a restart of ours and from a
    new connection."""
    site = way
    site.set_workers(workers)
    site.start()
    upstream, alice, other = site.upstream(), site.add(site.make()), site.phone("desk")
    hers, beside = Registering(alice, upstream), Registering(other, upstream)
    (uri,) = sip.uris(hers.prove().all("Contact"))
    hers.refresh()
    beside.prove()
    beside.refresh()
    for _ in range(3):
        check_forked_call(upstream, alice, other, uri)
        check_cancelled(upstream, alice, other, uri)
        check_declined(upstream, alice, other, uri)
        check_call_out(upstream, alice)
        check_out_cancelled(upstream, alice)
        check_message(alice, upstream, "sip:bob@example.test")
    asked = alice.send(alice.request("OPTIONS", f"sip:{net.text(*alice.peer)}"))
    alice.expect(200, of=asked)
    site.restart()
    alice.close()
    alice = site.add(site.make())
    hers.ua = alice
    (uri,) = sip.uris(hers.prove().all("Contact"))
    hers.refresh()
    check_call_out(upstream, alice)
    assert len(beside.refresh(expires=0).all("Contact")) >= 1
