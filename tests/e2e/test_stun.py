"""STUN on SIP's own UDP sockets, as phones use it for a keepalive (RFC 5626 4.4.2, RFC 5389)."""
import os
import select
import socket
import struct
import zlib

import pytest

COOKIE = 0x2112A442
BINDING, SUCCESS, ERROR = 0x0001, 0x0101, 0x0111
MAPPED, FINGERPRINT, ERROR_CODE, UNKNOWN, SOFTWARE = 0x20, 0x8028, 0x09, 0x0A, 0x8022


def message(kind=BINDING, attributes=(), fingerprint=False):
    body = b"".join(struct.pack("!HH", a, len(v)) + v + bytes(-len(v) % 4) for a, v in attributes)
    raw = struct.pack("!HHI", kind, len(body) + 8 * fingerprint, COOKIE) + os.urandom(12) + body
    if fingerprint:
        raw += struct.pack("!HHI", FINGERPRINT, 4, zlib.crc32(raw) ^ 0x5354554E)
    return raw


class Client:
    def __init__(self, site):
        self.socket = socket.socket(socket.AF_INET6 if ":" in site.access[0] else socket.AF_INET,
                                    socket.SOCK_DGRAM)
        self.socket.connect(site.access)
        self.address = self.socket.getsockname()[:2]

    def send(self, raw):
        self.socket.send(raw)

    def receive(self, timeout=2.0):
        return self.socket.recv(65536) if select.select([self.socket], [], [], timeout)[0] else None

    def ask(self, **parts):
        """(type, attributes) of the answer to a request, which must be of its transaction."""
        request = message(**parts)
        self.send(request)
        raw = self.receive(15.0)
        assert raw[4:20] == request[4:20]
        kind, length = struct.unpack("!HH", raw[:4])
        assert length == len(raw) - 20
        found, at = {}, 20
        while at < len(raw):
            name, n = struct.unpack("!HH", raw[at:at + 4])
            found[name] = raw[at + 4:at + 4 + n]
            if name == FINGERPRINT:
                assert struct.unpack("!I", found[name])[0] == zlib.crc32(raw[:at]) ^ 0x5354554E
            at += 4 + (n + 3) // 4 * 4
        return kind, found

    def mapped(self, value, request_id):
        family, port = struct.unpack("!xBH", value[:4])
        mask = struct.pack("!I", COOKIE) + request_id
        host = bytes(a ^ b for a, b in zip(value[4:], mask))
        return (socket.inet_ntop({1: socket.AF_INET, 2: socket.AF_INET6}[family], host),
                port ^ COOKIE >> 16)


@pytest.fixture
def client(site):
    site.start()
    return Client(site)


def test_a_request_is_told_where_it_came_from(site, client):
    request = message()
    client.send(request)
    raw = client.receive()
    assert struct.unpack("!HH", raw[:4]) == (SUCCESS, len(raw) - 20)
    assert raw[20:22] == struct.pack("!H", MAPPED) and len(raw) <= 52
    assert client.mapped(raw[24:], request[8:20]) == client.address
    assert client.ask(attributes=[(SOFTWARE, b"phone")], fingerprint=True)[1].keys() == \
        {MAPPED, FINGERPRINT}
    assert site.unix.metrics()['stun_requests_total{outcome="answered"}'] == 2


def test_an_unknown_attribute_is_refused(site, client):
    kind, found = client.ask(attributes=[(0x7001, b"abc"), (0x8FFF, b"x")], fingerprint=True)
    assert kind == ERROR and found[ERROR_CODE][:4] == b"\0\0\4\x14"
    assert found[UNKNOWN] == b"\x70\x01" and FINGERPRINT in found
    assert site.unix.metrics()['stun_requests_total{outcome="refused"}'] == 1


def test_what_is_broken_gets_nothing(site, client):
    spoilt = bytearray(message(fingerprint=True))
    spoilt[-1] ^= 1
    for raw in (message(attributes=[(SOFTWARE, b"phone")])[:-4], message() + b"\0\0\0\0",
                bytes(spoilt), message(kind=0x11), message() + bytes(60000),
                message(kind=SUCCESS, attributes=[(MAPPED, bytes(8))])):
        client.send(raw)
    assert client.receive(0.3) is None
    metrics = site.unix.metrics()
    assert metrics['packets_dropped_total{reason="malformed-stun"}'] == 6
    assert client.ask()[0] == SUCCESS


def test_it_is_limited_by_source_and_costs_no_sip(site):
    site.config.set("limits", requests_per_source=20)
    site.start()
    client = Client(site)
    for _ in range(200):
        client.send(message())
    n = 0
    while client.receive(0.3):
        n += 1
    assert 20 <= n <= 60
    dropped = site.unix.metrics()['packets_dropped_total{reason="source-rate"}']
    assert dropped == 200 - n
    phone = site.phone()
    assert phone.ask(phone.request("OPTIONS")).status == 200
