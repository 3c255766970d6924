"""Phones that come over WebSockets: a client of our own, plain and over TLS."""
import os
import re
import socket

import pytest

from harness import net, sip
from harness.dialog import Dialog
from harness.pki import Pki
from harness.stream_ua import StreamUa
from harness.ws_ua import BINARY, CLOSE, CONTINUATION, PING, TEXT, WsUa, ask, frame, upgrade
from test_stream import PARTS, ask_options, register
from test_tls import NAME, client

PAGE = "https://phone.example.com"


@pytest.fixture(params=["ws", "wss"])
def web(site, request):
    """site.web: the address; site.phone(name): a phone there."""
    pki, options = None, {}
    if request.param == "wss":
        site.pki = pki = Pki(site.directory)
        options = dict(zip(("certificate", "private_key"), pki.issue(NAME)))
    site.web = site.add_stream("web", site.net.proxy, request.param, **options)
    site.phone = lambda name="alice", **fields: site.add(
        WsUa(name, site.ladder, site.web, client(site) if pki else None, **fields))
    return site


@pytest.fixture
def plain(site):
    site.web = site.add_stream("web", site.net.proxy, "ws")
    site.phone = lambda name="alice", **fields: site.add(
        WsUa(name, site.ladder, site.web, **fields))
    return site


@pytest.mark.parametrize("workers", [1, 2])
def test_it_registers_is_absorbed_and_called(web, workers):
    """RFC 7118 5.2, 5.3; the phone's Contact leads nowhere, its connection does."""
    site = web
    site.judge_upstream()
    site.set_workers(workers)
    site.start()
    upstream, alice = site.upstream(), site.phone()
    leg = register(site, alice, upstream, 1)
    sent = alice.send(alice.request("REGISTER", fields=[("Expires", "60")], cseq=2, **PARTS))
    answer = alice.expect(200, of=sent)
    assert alice.contact in answer.header("Contact")
    assert f";received={alice.host}" in answer.header("Via")
    assert f";rport={alice.port}" in answer.header("Via")
    upstream.expect_nothing()
    (uri,) = sip.uris(leg.all("Contact"))
    call = upstream.send(upstream.request("INVITE", uri))
    ringing = alice.expect("INVITE")
    assert ringing.uri == alice.contact
    assert ringing.all("Via")[0].startswith(f"SIP/2.0/{alice.transport} {net.text(*site.web)};")
    ours = sip.uris(ringing.all("Record-Route"))
    assert len(ours) == 2 and ";transport=ws;lr" in ours[0] and "transport" not in ours[1]
    alice.answer(ringing, 180)
    upstream.expect(180, of=call)
    taken = alice.answer(ringing, 200, fields=[("Contact", f"<{alice.contact}>")])
    upstream.ack(call, upstream.expect(200, of=call))
    assert alice.expect("ACK").uri == alice.contact
    bye = alice.send(Dialog.of_called(alice, ringing, taken).request("BYE"))
    upstream.answer(upstream.expect("BYE"), 200)
    alice.expect(200, of=bye)
    assert set(alice.kinds) == {TEXT}
    assert site.http.metrics()['register_decisions_total{reason="licensed-flow"}'] == 1
    alice.socket.close()
    site.wait_for(lambda: not site.http.metrics()[
        f'connections{{transport="{alice.transport.lower()}"}}'])
    call = upstream.send(upstream.request("INVITE", uri))
    upstream.ack(call, upstream.expect(480, of=call))


def test_messages(web):
    """In a text or a binary one, in pieces, without Content-Length, between pings; the answer comes
    in the kind that was sent."""
    site = web
    site.start()
    ua = site.phone()
    for ua.kind in (TEXT, BINARY):
        ua.expect(200, of=ua.send(ask_options(ua)))
        assert ua.kinds[-1] == ua.kind
    request = ask_options(ua)
    raw = request.raw
    whole = (frame(TEXT, raw[:7], False) + frame(PING, b"1") + frame(CONTINUATION, b"", False) +
             frame(CONTINUATION, raw[7:99], False) + frame(CONTINUATION, raw[99:]))
    for i in range(0, len(whole), 11):
        ua.socket.sendall(whole[i:i + 11])
    ua.expect(200, of=request)
    assert ua.pongs == [b"1"]
    many = [ask_options(ua) for _ in range(200)]
    ua.socket.sendall(b"".join(frame(BINARY, m.raw) for m in many))
    for request in many:
        ua.expect(200, of=request)
    request = ask_options(ua)
    ua.socket.sendall(frame(TEXT, request.raw.replace(b"Content-Length: 0\r\n", b"")))
    ua.expect(200, of=request)
    ua.socket.sendall(frame(TEXT, b"\r\n\r\n"))
    assert ua.read(5) == b"\x81\x02\r\n"
    ua.socket.sendall(frame(CLOSE, b"\x03\xe8bye"))
    assert ua.closing_code() == 1000
    site.wait_for(lambda: site.http.metrics()['connections_closed_total{reason="peer"}'] == 1)


def test_what_breaks_the_rules(web):
    """RFC 6455 7.4.1, and that the others do not notice."""
    site = web
    site.start()
    other = site.phone("other")
    for bad, code in ((frame(TEXT, b"x", mask=None), 1002),
                      (b"\xc1" + frame(TEXT, b"x")[1:], 1002),
                      (frame(CONTINUATION, b"x"), 1002),
                      (frame(3, b"x"), 1002),
                      (frame(TEXT, b"\xff"), 1007),
                      (frame(TEXT, b"GET / HTTP/1.1\r\n\r\n"), 1008),
                      (frame(BINARY, b"x" * 65536), 1009),
                      (frame(BINARY, b"x" * 65535, False) + frame(CONTINUATION, b"x"), 1009)):
        ua = site.phone("bad")
        ua.socket.sendall(bad)
        assert ua.closing_code() == code, bad[:20]
        ua.socket.close()
        other.expect(200, of=other.send(ask_options(other)))
    for reason, n in (("malformed", 6), ("too-long", 2)):
        name = f'connections_closed_total{{reason="{reason}"}}'
        site.wait_for(lambda name=name, n=n: site.http.metrics()[name] == n)


def test_upgrades(plain):
    site = plain
    site.config.set('listen "web"', origins=[PAGE])
    site.start()
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    good = upgrade(site.web, key)
    cases = [(good, 101), (upgrade(site.web, key, Origin=PAGE), 101),
             (upgrade(site.web, key, Origin="https://evil.example"), 403),
             (upgrade(site.web, key, Sec_WebSocket_Protocol="chat"), 400),
             (upgrade(site.web, key, Sec_WebSocket_Version="8"), 426),
             (upgrade(site.web, key, Upgrade=None), 426),
             (upgrade(site.web, key, Host=None), 400),
             (good.replace(b"GET", b"POST"), 405),
             (good.replace(b"HTTP/1.1", b"HTTP/3.0"), 505),
             (upgrade(site.web, key, X="y" * 9000), 431)]
    for request, status in cases:
        got, answer = ask(site.web, request)
        assert got == status, answer
        assert (b"Sec-WebSocket-Version: 13" in answer) == (status == 426)
    stream = site.add(StreamUa("sip", site.ladder, site.web))
    stream.socket.sendall(ask_options(stream).raw)
    assert stream.read(5).startswith(b"HTTP/1.1 400 ")
    metrics = site.http.metrics()
    for status, n in ((101, 2), (400, 3), (403, 1), (405, 1), (426, 2), (431, 1), (505, 1)):
        assert metrics[f'websocket_upgrades_total{{status="{status}"}}'] == n
    site.wait_for(lambda: site.http.metrics()['connections_closed_total{reason="refused"}'] == 9)


def test_origins_by_reload(plain):
    site = plain
    site.start()
    request = upgrade(site.web, "dGhlIHNhbXBsZSBub25jZQ==", Origin="https://evil.example")
    assert ask(site.web, request)[0] == 101
    site.config.set('listen "web"', origins=[PAGE])
    site.daemon.write(site.config)
    site.daemon.reload()
    assert ask(site.web, request)[0] == 403
    ua = site.phone(Origin=PAGE)
    ua.expect(200, of=ua.send(ask_options(ua)))


def resident(daemon):
    with open(f"/proc/{daemon.process.pid}/status", encoding="ascii") as f:
        return int(re.search(r"VmRSS:\s+(\d+) kB", f.read()).group(1))


def test_floods(plain):
    """Half-open upgrades, messages that never end, pings, fragments by ten thousands: the memory is
    bounded, and the others do not notice."""
    site = plain
    site.config.set("limits", connections_per_source=300)
    site.start()
    good = site.phone("good")
    before = resident(site.daemon)
    idle = [socket.create_connection(site.web) for _ in range(100)]
    for s in idle:
        s.sendall(b"GET / HTTP/1.1\r\nX: " + b"y" * 8000)
    endless = [site.phone(f"e{i}") for i in range(20)]
    for ua in endless:
        ua.socket.sendall(frame(BINARY, b"x", False) + frame(CONTINUATION, b"x" * 6, False) * 10000)
    storm = site.phone("storm")
    request = ask_options(storm)
    for _ in range(3):
        storm.socket.sendall(
            frame(TEXT, request.raw, False) + frame(CONTINUATION, b"", False) * 10000 +
            frame(CONTINUATION))
    storm.expect(200, of=request)
    pings = site.phone("pings")
    pings.socket.settimeout(0.2)
    for _ in range(100):  # it never reads what it is answered
        try:
            pings.socket.sendall(frame(PING, b"x" * 125) * 1000)
        except (TimeoutError, ConnectionError):
            break
        good.expect(200, of=good.send(ask_options(good)))
    good.expect(200, of=good.send(ask_options(good)))
    grown = resident(site.daemon) - before
    is_sanitized = re.search("asan|tsan", os.environ.get("BREAKWATER_BIN", ""))
    assert grown < (60000 if is_sanitized else 12000), grown
    for s in idle:
        s.close()


def test_slow_ones_go(plain):
    """30 s for an upgrade, and for a message however many pings come between."""
    if not os.environ.get("BREAKWATER_SOAK"):
        pytest.skip("takes 30 s: ./dev soak")
    site = plain
    site.start()
    half = socket.create_connection(site.web)
    half.sendall(b"GET / HTTP/1.1\r\n")
    slow, good = site.phone("slow"), site.phone("good")
    slow.socket.sendall(frame(TEXT, b"OPTIONS", False))
    for _ in range(40):
        slow.socket.sendall(frame(PING) + frame(CONTINUATION, b"x", False))
        if slow.code or slow.is_closed(1):
            break
    half.settimeout(1)
    assert half.recv(1) == b""
    good.expect(200, of=good.send(ask_options(good)))
    # neither closes its own end, so each counts as closed two seconds later
    site.wait_for(lambda: site.http.metrics()['connections_closed_total{reason="slow"}'] == 2)
