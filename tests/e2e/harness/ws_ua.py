"""A user agent whose connection is a WebSocket: a message is a message (RFC 6455, RFC 7118)."""
import base64
import hashlib
import os
import socket
import struct
import time

from . import net, sip
from .stream_ua import StreamUa

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
SUFFIX = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def upgrade(peer, key, **fields):
    """The request; fields replace or, as None, take away the usual ones (_ stands for -)."""
    usual = {"Host": net.text(*peer), "Upgrade": "websocket", "Connection": "keep-alive, Upgrade",
             "Sec-WebSocket-Key": key, "Sec-WebSocket-Version": "13",
             "Sec-WebSocket-Protocol": "sip",
             "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}
    usual.update({name.replace("_", "-"): value for name, value in fields.items()})
    lines = [f"{name}: {value}\r\n" for name, value in usual.items() if value is not None]
    return ("GET /sip HTTP/1.1\r\n" + "".join(lines) + "\r\n").encode()


def frame(opcode, payload=b"", is_last=True, mask=b"\x12\x34\x56\x78"):
    """mask: None for a frame that is none of a client."""
    head = bytes([(0x80 if is_last else 0) | opcode])
    bit = 0x80 if mask else 0
    if len(payload) < 126:
        head += bytes([bit | len(payload)])
    elif len(payload) < 65536:
        head += bytes([bit | 126]) + struct.pack(">H", len(payload))
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", len(payload))
    if not mask:
        return head + payload
    stretched = mask * (len(payload) // 4 + 1)
    return head + mask + bytes(a ^ b for a, b in zip(payload, stretched))


class WsUa(StreamUa):
    """Its Contact cannot be reached but by its connection. kind: of the frames it sends; kinds:
    of those that have come; fields: of its upgrade, as for upgrade()."""
    def __init__(self, name, ladder, peer, secure=None, **fields):
        self.fields, self.kind, self.kinds = fields, TEXT, []
        self.pongs, self.code = [], None
        self.hidden = sip.unique("") + ".invalid"
        super().__init__(name, ladder, peer, secure)

    def connect(self):
        super().connect()
        self.transport = "WSS" if self.secure else "WS"
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(upgrade(self.peer, key, **self.fields))
        while b"\r\n\r\n" not in self.rest:
            self.rest += self.read(5)
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        accept = base64.b64encode(hashlib.sha1(key.encode() + SUFFIX).digest())
        assert head.startswith(b"HTTP/1.1 101 ") and b"Sec-WebSocket-Accept: " + accept in head, head
        assert b"Sec-WebSocket-Protocol: sip" in head and b"permessage" not in head

    @property
    def contact(self):
        return f"sip:{self.name}@{self.hidden};transport=ws"

    def via(self, branch=None, params=";rport"):
        here = net.text(self.host, self.port)
        return super().via(branch, params).replace(here, self.hidden)

    def send(self, message, to=None):
        if isinstance(message, bytes):
            message = sip.Message(message)
        self.ladder.add(self.address, self.peer, message)
        self.socket.sendall(frame(self.kind, message.raw))
        return message

    def take_frame(self):
        """(opcode, payload), or None; the server's are whole and bare."""
        if len(self.rest) < 2:
            return None
        assert self.rest[0] & 0xf0 == 0x80 and self.rest[1] < 128
        size, at = self.rest[1], 2
        if size > 125:
            at = 4 if size == 126 else 10
            size = int.from_bytes(self.rest[2:at], "big") if len(self.rest) >= at else 1 << 20
        if len(self.rest) < at + size:
            return None
        opcode, payload = self.rest[0] & 15, self.rest[at:at + size]
        self.rest = self.rest[at + size:]
        return opcode, payload

    def take(self):
        while True:
            got = self.take_frame()
            if not got:
                return None
            opcode, payload = got
            if opcode == PING:
                self.socket.sendall(frame(PONG, payload))
            elif opcode == PONG:
                self.pongs.append(payload)
            elif opcode == CLOSE:
                self.code = int.from_bytes(payload[:2], "big")
            elif payload.strip(b"\r\n"):
                break
        self.kinds.append(opcode)
        message = sip.Message(payload, self.peer, self.address, time.monotonic())
        self.ladder.add(self.peer, self.address, message)
        return message

    def closing_code(self, timeout=5.0):
        """Of the close frame that comes before the end; None: there was none."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            more = self.read(end - time.monotonic())
            if more == b"":
                return self.code
            self.rest += more or b""
            assert self.take() is None
        raise AssertionError(f"{self.name}: the connection goes on")

    def await_pong(self, payload):
        end = time.monotonic() + 5
        while payload not in self.pongs:
            assert time.monotonic() < end
            self.rest += self.read(end - time.monotonic()) or b""
            assert self.take() is None


def ask(peer, request):
    """The status that an upgrade is answered with, and the answer."""
    with socket.create_connection(peer, timeout=5) as s:
        s.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            more = s.recv(4096)
            assert more, answer
            answer += more
        if not answer.startswith(b"HTTP/1.1 101 "):
            assert s.recv(1) == b""
        return int(answer.split()[1]), answer
