"""What is said on the wire, live: as text, as a capture for tshark, as HEP for Homer's kind."""
import json
import os
import shutil
import socket
import struct
import subprocess
import time

import pytest

from harness import accounts, net
from harness.accounts import ctl
from harness.daemon import ENVIRONMENT, binary


@pytest.fixture
def registrar(site):
    site.judge_upstream()
    site.config.set(accounts.DOMAIN, mode="aor-throttle")
    return site.registrar("--password", "pw")


class Trace:
    """breakwaterctl trace beside the test."""
    def __init__(self, site, *words):
        self.path = site.path("trace.out")
        with open(self.path, "wb") as out:
            self.process = subprocess.Popen(
                [binary("breakwaterctl"), "--socket", site.path("admin.sock"), *words],
                stdout=out, stderr=subprocess.STDOUT, env={**os.environ, **ENVIRONMENT})
        self.wait(lambda: site.http.metrics()["traces"] >= 1)

    def wait(self, condition):
        end = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < end and self.process.poll() is None, self.text()
            time.sleep(0.02)

    def text(self):
        with open(self.path, encoding="latin-1") as f:
            return f.read()

    def finish(self):
        """It has seen as many as it was to see."""
        assert self.process.wait(30) == 0, self.text()
        return self.text()


def is_blanked(text):
    return 'nonce="xxxx' in text and 'response="xxxx' in text


def test_a_line_is_shown_as_text(site, registrar):
    site.start()
    alice, bob = site.registering("alice", "pw"), site.registering("bob", "pw")
    trace = Trace(site, "trace", "alice@example.test", "--count", "8")
    assert bob.register().status == 200
    assert alice.register().status == 200
    text = trace.finish()
    # a challenge and the answer to it, at the phone and upstream
    assert text.count("REGISTER sip:") == 4 and text.count("SIP/2.0 401") == 2
    assert text.count("SIP/2.0 200") == 2 and "bob" not in text
    assert "%s:%d -> " % alice.address in text and "-> %s:%d udp" % site.core in text
    assert is_blanked(text)
    end = time.monotonic() + 30
    while site.http.metrics()["traces"]:  # that the reader has gone is noticed soon
        assert time.monotonic() < end
        time.sleep(0.1)

    trace = Trace(site, "trace", "--source", "%s:%d" % alice.address, "--show-secrets",
                  "--count", "2")
    assert alice.register().status == 200
    assert "Call-ID: " + alice.call_id in trace.finish()


def test_secrets_are_shown_to_who_asks(site, registrar):
    site.start()
    trace = Trace(site, "--json", "trace", "alice@example.test", "--show-secrets", "--count", "8")
    assert site.registering("alice", "pw").register().status == 200
    seen = [json.loads(line) for line in trace.finish().splitlines()]
    assert not any(is_blanked(m["message"]) for m in seen)
    assert any("response=" in m["message"] for m in seen)
    assert {m["direction"] for m in seen} == {"in", "out"}


def test_tshark_reads_the_capture(site, registrar):
    assert shutil.which("tshark"), "tshark is missing"
    site.start()
    path = site.path("trace.pcap")
    trace = Trace(site, "trace", "alice@example.test", "--pcap", path, "--count", "8")
    phone = site.registering("alice", "pw")
    assert phone.register().status == 200
    trace.finish()
    done = subprocess.run(
        ["tshark", "-r", path, "-d", "udp.port==%d,sip" % site.core[1],
         "-d", "udp.port==%d,sip" % site.access[1], "-T", "fields", "-E", "separator=|",
         "-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE",
         "-e", "ip.src", "-e", "udp.srcport", "-e", "ip.dst", "-e", "udp.dstport",
         "-e", "sip.Method", "-e", "sip.Status-Code", "-e", "sip.auth.digest.response",
         "-e", "udp.checksum.status", "-e", "ip.checksum.status"],
        capture_output=True, text=True, timeout=60, check=True)
    rows = [line.split("|") for line in done.stdout.splitlines()]
    assert len(rows) == 8, done.stdout
    assert rows[0][:5] == [phone.address[0], str(phone.address[1]), site.access[0],
                           str(site.access[1]), "REGISTER"]
    assert [r[4] or r[5] for r in rows] == ["REGISTER", "REGISTER", "401", "401"] + \
        ["REGISTER", "REGISTER", "200", "200"]
    assert {r[6].strip('"') for r in rows if r[6]} == {"x" * 32}
    assert all(r[7] == "1" and r[8] == "1" for r in rows)  # good


def test_bad_requests_and_who_may(site, registrar):
    site.start()
    for query in ("source=nowhere", "aor=a%40b.example", "secrets=yes", "x=1", "aor=a&aor=b"):
        assert site.unix.get("/api/v1/trace?" + query).status == 400, query
    assert site.unix.ask("POST", "/api/v1/trace").status == 405
    answer = site.http.get("/api/v1/trace")
    assert answer.status == 403 and answer.json["error"]["code"] == "token-only"
    code, _, err = ctl(site, "trace", "--source", "nowhere")
    assert code == 1 and "source=ADDRESS" in err
    assert ctl(site, "trace", "a", "b")[0] == 64
    assert ctl(site, "trace", "--count", "0")[0] == 64
    code, _, err = ctl(site, "trace", "--pcap", "/nonexistent/x")
    assert code == 1 and "/nonexistent/x" in err


def test_a_stop_ends_a_trace(site, registrar):
    daemon = site.start()
    trace = Trace(site, "trace")
    assert daemon.end()
    assert trace.process.wait(30) == 1 and "ended the trace" in trace.text()


def chunks(datagram):
    """HEP version 3: {type: bytes}."""
    assert datagram[:4] == b"HEP3"
    assert struct.unpack("!H", datagram[4:6])[0] == len(datagram)
    found, at = {}, 6
    while at < len(datagram):
        vendor, kind, length = struct.unpack("!HHH", datagram[at:at + 6])
        assert vendor == 0 and length >= 6
        found[kind] = datagram[at + 6:at + length]
        at += length
    assert at == len(datagram)
    return found


def test_hep_goes_to_its_server(site, registrar):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((site.core[0], 0))
    server.settimeout(30)
    token = site.path("hep-token")
    with open(token, "w", encoding="ascii") as f:
        f.write("hep-key\n")
    os.chmod(token, 0o600)
    site.config.set("hep", server=net.text(*server.getsockname()), capture_id=77, token_file=token)
    site.start()
    phone = site.registering("alice", "pw")
    before = int(time.time())
    assert phone.register().status == 200
    got = [chunks(server.recv(65536)) for _ in range(8)]
    first = got[0]
    assert first[1] == b"\x02" and first[2] == b"\x11" and first[11] == b"\x01"
    assert socket.inet_ntoa(first[3]) == phone.address[0]
    assert socket.inet_ntoa(first[4]) == site.access[0]
    assert struct.unpack("!H", first[7])[0] == phone.address[1]
    assert struct.unpack("!H", first[8])[0] == site.access[1]
    assert before - 1 <= struct.unpack("!I", first[9])[0] <= time.time() + 1
    assert struct.unpack("!I", first[10])[0] < 1000000
    assert struct.unpack("!I", first[12])[0] == 77 and first[14] == b"hep-key"
    assert first[15].startswith(b"REGISTER sip:example.test")
    text = b"".join(c[15] for c in got).decode("latin-1")
    assert is_blanked(text) and text.count("SIP/2.0 200") == 2
    assert site.http.metrics()['hep_messages_total{outcome="sent"}'] >= 8
    server.close()
