import socket, ssl, time, struct
import pytest
from harness import net, sip
from harness.stream_ua import StreamUa
from test_stream import PARTS, ask_options, register
from test_tls import client, secured, handshakes

@pytest.fixture
def st(site):
    site.set_workers(2)
    site.tcp = site.add_stream("tcp", site.net.proxy)
    site.judge_upstream()
    site.start()
    return site

def ph(site, name="alice"):
    return site.add(StreamUa(name, site.ladder, site.tcp))

def send(ua, raw):
    ua.socket.sendall(raw)

def outcome(ua, wait=1.0):
    got = b""
    end = time.monotonic() + wait
    while time.monotonic() < end:
        b = ua.read(end - time.monotonic())
        if b == b"": return got, "closed"
        got += b or b""
    return got, "open"

CASES = {
 "two-lengths-same": lambda r: r.replace(b"Content-Length: 0", b"Content-Length: 0\r\nContent-Length: 0"),
 "two-lengths": lambda r: r.replace(b"Content-Length: 0", b"Content-Length: 0\r\nl: 5") + b"abcde",
 "two-lengths-b": lambda r: r.replace(b"Content-Length: 0", b"l: 5\r\nContent-Length: 0") + b"abcde",
 "negative": lambda r: r.replace(b"Content-Length: 0", b"Content-Length: -1"),
 "plus": lambda r: r.replace(b"Content-Length: 0", b"Content-Length: +0"),
 "huge": lambda r: r.replace(b"Content-Length: 0", b"Content-Length: 99999999999999999999"),
 "wrap": lambda r: r.replace(b"Content-Length: 0", b"Content-Length: 4294967296"),
 "hex": lambda r: r.replace(b"Content-Length: 0", b"Content-Length: 0x0"),
 "empty": lambda r: r.replace(b"Content-Length: 0", b"Content-Length: "),
 "folded": lambda r: r.replace(b"Content-Length: 0", b"Content-Length:\r\n 0"),
 "ws": lambda r: r.replace(b"Content-Length: 0", b"Content-Length \t: \t0 "),
 "list": lambda r: r.replace(b"Content-Length: 0", b"Content-Length: 0, 5"),
 "lf-only": lambda r: r.replace(b"\r\n", b"\n"),
 "lf-mixed": lambda r: r.replace(b"\r\n\r\n", b"\n\n"),
 "nul": lambda r: r.replace(b"Content-Length: 0", b"X: a\x00b\r\nContent-Length: 0"),
 "lead-crlf": lambda r: b"\r\n\r\n\r\n\r\n" + r,
 "tls-hello": lambda r: bytes.fromhex("16030100c6010000c20303") + b"\0"*200,
 "sctp-via": lambda r: r.replace(b"SIP/2.0/TCP", b"SIP/2.0/SCTP"),
 "udp-via": lambda r: r.replace(b"SIP/2.0/TCP", b"SIP/2.0/UDP"),
 "single-crlf": lambda r: b"\r\n",
 "crlf3": lambda r: b"\r\n\r\n\r\n",
 "response": lambda r: b"SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP 1.2.3.4;branch=z9hG4bKx\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nContent-Length: 0\r\n\r\n",
}

@pytest.mark.parametrize("case", list(CASES))
def test_framing(st, case):
    ua = ph(st)
    good = ask_options(ua)
    raw = CASES[case](ask_options(ua).raw)
    send(ua, raw)
    time.sleep(0.2)
    try:
        send(ua, good.raw)
    except OSError as e:
        print("RESULT", case, "send failed", e); return
    got, state = outcome(ua)
    first = [l for l in got.split(b"\r\n") if l.startswith(b"SIP/2.0 ")]
    print("RESULT", case, state, first, got[:4])

def test_half_close(st):
    ua = ph(st)
    r = ask_options(ua)
    send(ua, r.raw)
    ua.socket.shutdown(socket.SHUT_WR)
    print("RESULT half-close", outcome(ua)[0][:15])

def test_removed_stays_open(st):
    up, ua = st.upstream(), ph(st)
    register(st, ua, up, 1)
    sent = ua.send(ua.request("REGISTER", fields=[("Expires", "0")], cseq=2, **PARTS))
    came = up.expect("REGISTER")
    up.answer(came, 200)
    ua.expect(200, of=sent)
    time.sleep(0.3)
    print("RESULT removed", ua.expect(200, of=ua.send(ask_options(ua))))

def test_newest_over_workers(st):
    up = st.upstream()
    conns = []
    for i in range(1, 8):
        ua = ph(st)
        req = ua.request("REGISTER", fields=[("Expires", "60"), ("Authorization", "Digest x=y")], cseq=i, **PARTS)
        raw = req.raw.replace(f"<{ua.contact}>".encode(), f'<{ua.contact}>;+sip.instance="<urn:uuid:1>";reg-id=1'.encode())
        sent = ua.send(raw)
        came = up.expect("REGISTER")
        up.answer(came, 200, fields=[("Contact", came.header("Contact") + ";expires=3600")])
        a = ua.expect(200, of=sent)
        assert len(a.all("Contact")) == 1
        conns.append(ua)
        if i > 1:
            assert conns[-2].is_closed(2), i
    print("RESULT newest", st.http.metrics()['connections{transport="tcp"}'])

def test_wss_without_upgrade(secured):
    site = secured
    site.wss = site.add_stream("wss", site.net.proxy, "wss", certificate=site.pki.path("sip.example.test.pem"), private_key=site.pki.path("sip.example.test.key"))
    site.start()
    context = client(site)
    s = context.wrap_socket(socket.create_connection(site.wss), server_hostname="sip.example.test")
    t = time.monotonic()
    s.settimeout(60)
    try:
        r = s.recv(1)
    except Exception as e:
        r = repr(e)
    print("RESULT wss-no-upgrade", r, time.monotonic() - t)
