"""Phones that come over TCP: a raw socket, SIPp and baresip."""
import socket

import pytest

from harness import net, sip
from harness.kamailio import REGISTRAR, registrar_modules, registrar_params
from harness.stream_ua import StreamUa

PARTS = {"call_id": "one", "from_": "<sip:alice@example.test>;tag=f"}


@pytest.fixture(params=[1, 2], ids=["one-worker", "two-workers"])
def listening(site, request):
    site.set_workers(request.param)
    site.tcp = site.add_stream("tcp", site.net.proxy)
    return site


def phone(site, name="alice"):
    return site.add(StreamUa(name, site.ladder, site.tcp))


def ask_options(ua):
    return ua.request("OPTIONS", f"sip:{net.text(*ua.peer)};transport=tcp")


def register(site, ua, upstream, cseq, line=None):
    """By way of upstream; the request there. line: not alice's."""
    parts = {"from_": f"<sip:{line}@example.test>;tag=f"} if line else PARTS
    sent = ua.send(ua.request("REGISTER", fields=[("Expires", "60")], cseq=cseq, **parts))
    came = upstream.expect("REGISTER")
    upstream.answer(came, 200, fields=[("Contact", came.header("Contact") + ";expires=3600")])
    ua.expect(200, of=sent)
    return came


def test_framing(listening):
    site = listening
    site.start()
    ua = phone(site)
    raw = ask_options(ua).raw
    for piece in (1, 3, 100):
        request = ask_options(ua)
        for i in range(0, len(request.raw), piece):
            ua.socket.sendall(request.raw[i:i + piece])
        ua.expect(200, of=request)
    many = [ask_options(ua) for _ in range(200)]
    ua.socket.sendall(b"\r\n\r\n".join(m.raw for m in many))
    for request in many:
        ua.expect(200, of=request)
    ua.socket.sendall(b"\r\n\r\n")
    assert ua.read(5) == b"\r\n"
    ua.socket.sendall(raw.replace(b"Content-Length: 0\r\n", b""))
    assert ua.is_closed()
    ua.connect()
    ua.socket.sendall(raw.replace(b"Content-Length: 0", b"Content-Length: 65536"))
    assert ua.is_closed()
    ua.connect()
    ua.socket.sendall(b"GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
    assert ua.is_closed()
    metrics = site.http.metrics()
    assert metrics['connections_closed_total{reason="malformed"}'] == 2
    assert metrics['connections_closed_total{reason="too-long"}'] == 1
    assert metrics['connections{transport="tcp"}'] == 0


def test_it_registers_is_absorbed_and_called(listening):
    """L1, and D69 for the time after the connection has gone."""
    site = listening
    site.judge_upstream()
    site.start()
    upstream, alice = site.upstream(), phone(site)
    leg = register(site, alice, upstream, 1)
    for cseq in (2, 3):
        sent = alice.send(alice.request("REGISTER", fields=[("Expires", "60")], cseq=cseq, **PARTS))
        assert alice.contact in alice.expect(200, of=sent).header("Contact")
    upstream.expect_nothing()
    (uri,) = sip.uris(leg.all("Contact"))
    call = upstream.send(upstream.request("INVITE", uri))
    ringing = alice.expect("INVITE")
    assert ringing.all("Via")[0].startswith("SIP/2.0/TCP ")
    assert ";transport=tcp" in ringing.all("Record-Route")[0]
    alice.answer(ringing, 486)
    upstream.ack(call, upstream.expect(486, of=call))
    alice.expect("ACK")
    alice.socket.close()
    site.wait_for(lambda: site.http.metrics()['connections{transport="tcp"}'] == 0)
    call = upstream.send(upstream.request("INVITE", uri))
    upstream.ack(call, upstream.expect(480, of=call))
    # the same, without a proof, over another connection: upstream judges
    alice.connect()
    sent = alice.send(alice.request("REGISTER", fields=[("Expires", "60")], cseq=4, **PARTS))
    upstream.answer(upstream.expect("REGISTER"), 401)
    alice.expect(401, of=sent)
    assert site.http.metrics()['register_decisions_total{reason="licensed-flow"}'] == 2


def test_two_flows_of_a_device(listening):
    """RFC 5626: over TCP and UDP; the one that is refreshed last is called, the other when that is
    gone."""
    site = listening
    site.judge_upstream()
    site.config.set('domain "example.test"', expires_spread=0)
    site.start()
    upstream, wired, mobile = site.upstream(), phone(site), site.phone("alice")
    for reg_id, ua in enumerate((mobile, wired), 1):
        request = ua.request("REGISTER", fields=[
            ("Expires", "60"), ("Supported", "path, outbound")], **PARTS)
        raw = request.raw.replace(f"Contact: <{ua.contact}>".encode(), (
            f'Contact: <{ua.contact};ob>;+sip.instance="<urn:uuid:1>";reg-id={reg_id}').encode())
        sent = ua.send(raw)
        came = upstream.expect("REGISTER")
        assert "reg-id" not in came.header("Contact") and "outbound" not in came.header("Supported")
        upstream.answer(came, 200, fields=[("Contact", came.header("Contact") + ";expires=3600")])
        answer = ua.expect(200, of=sent)
        assert answer.header("Require") == "outbound"
        assert len(answer.all("Contact")) == reg_id
        assert answer.all("Flow-Timer") == (["120"] if ua is wired else [])
    (uri,) = sip.uris(came.all("Contact"))
    call = upstream.send(upstream.request("INVITE", uri))
    wired.answer(wired.expect("INVITE"), 486)
    wired.expect("ACK")
    upstream.ack(call, upstream.expect(486, of=call))
    wired.socket.close()
    site.wait_for(lambda: site.http.metrics()['connections{transport="tcp"}'] == 0)
    call = upstream.send(upstream.request("INVITE", uri))
    mobile.answer(mobile.expect("INVITE"), 486)
    upstream.ack(call, upstream.expect(486, of=call))


def test_many_connections(listening):
    """Each worker has its own, and each is answered on its own."""
    site = listening
    site.start()
    phones = [phone(site, f"p{i}") for i in range(50)]
    asked = [(ua, ua.send(ask_options(ua))) for ua in phones]
    for ua, request in asked:
        ua.expect(200, of=request)
    assert site.http.metrics()['connections{transport="tcp"}'] == 50


def test_ipv6_and_a_wildcard(site):
    site.tcp = site.add_stream("tcp6", "::1")
    port = net.free_port("127.0.0.1", socket.SOCK_STREAM)
    site.config.set('listen "any"', address=f"tcp:0.0.0.0:{port}")
    site.start()
    for site.tcp in (site.tcp, ("127.0.0.1", port)):
        ua = phone(site)
        ua.expect(200, of=ua.send(ask_options(ua)))


def test_limits_and_slow_peers(site):
    """connections-per-source is for connections that no binding needs; a message that does not end
    ends its connection, and the others do not notice."""
    site.tcp = site.add_stream("tcp", site.net.proxy)
    site.config.set("limits", connections_per_source=3)
    site.start()
    first, slow, other = (phone(site, f"p{i}") for i in range(3))
    slow.socket.sendall(b"OPTIONS sip:x SIP/2.0\r\n")
    # another worker may see the fourth before one sees the third
    site.wait_for(lambda: site.http.metrics()['connections{transport="tcp"}'] == 3)
    with socket.create_connection(site.tcp) as fourth:
        fourth.settimeout(5)
        assert fourth.recv(1) == b""
    first.expect(200, of=first.send(ask_options(first)))
    other.socket.close()
    site.wait_for(lambda: site.http.metrics()['connections{transport="tcp"}'] == 2)
    busy = phone(site, "fifth")
    asked = ask_options(busy)
    busy.socket.sendall(asked.raw[:9])
    for _ in range(25):
        if slow.is_closed(2):
            break
        slow.socket.sendall(b"X: y\r\n")
        after = ask_options(busy)  # there is no moment without a message that has begun
        busy.socket.sendall(asked.raw[9:] + after.raw[:9])
        busy.expect(200, of=asked)
        asked = after
    busy.socket.sendall(asked.raw[9:])
    busy.expect(200, of=asked)
    assert site.http.metrics()['connections_closed_total{reason="slow"}'] == 1
    first.expect(200, of=first.send(ask_options(first)))
    assert site.http.metrics()['connections_rejected_total{limit="connections-per-source"}'] == 1


def test_another_program_has_the_port(site):
    host = site.net.proxy
    taken = site.add_stream("tcp", host)
    with socket.create_server(taken):
        daemon = site.launch()
        assert daemon.wait() == 1
    daemon.process.returncode = 0


def test_sipp(listening):
    site = listening
    site.judge_upstream()
    site.kamailio(REGISTRAR, registrar_modules, registrar_params)
    site.start()
    site.access = site.tcp
    users = site.path("users.csv")
    with open(users, "w", encoding="ascii") as f:
        f.write("SEQUENTIAL\n")
        for i in range(1, 101):
            f.write(f"u{i};[authentication username=u{i} password=secret-u{i}]\n")
    site.sipp_client("register", 100, "-r", 100, "-t", "tn", "-max_socket", 500, "-inf",
                     users).succeed()
    assert site.http.metrics()['register_decisions_total{reason="licensed-flow"}'] == 200


def test_baresip(listening):
    site = listening
    site.judge_upstream()
    kamailio = site.kamailio(REGISTRAR, registrar_modules, registrar_params)
    site.config.set('domain "example.test"', min_expires=1, max_expires=3, default_expires=3)
    site.start()
    site.access = site.tcp
    alice = site.plain_baresip("alice", transport="tcp")
    alice.wait_output("200 OK")
    site.wait_for(lambda: site.http.metrics()[
        'register_decisions_total{reason="licensed-flow"}'] >= 1)
    assert len(kamailio.registers()) == 2
    assert alice.end()
    assert kamailio.bindings("alice") == {}
