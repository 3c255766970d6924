"""A user agent that has a connection: messages end where Content-Length says."""
import select
import socket
import ssl
import time

from . import net, sip
from .ua import Ua


def can_read(sock, timeout):
    """select() has no room for the descriptors of a crowd."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(timeout * 1000))


class StreamUa(Ua):
    """secure: an SSLContext; then the connection is TLS."""
    transport, scheme = "TCP", "sip"

    def __init__(self, name, ladder, peer, secure=None, session=None, *,
                 server_name="sip.example.test"):
        self.secure, self.session, self.rest = secure, session, b""
        self.name, self.ladder, self.peer = name, ladder, peer
        self.seen, self.waiting = set(), []
        self.socket, self.server_name = None, server_name
        self.connect()

    def connect(self):
        """Anew, from another port."""
        if self.socket:
            self.socket.close()
        plain = socket.create_connection(self.peer, timeout=5)
        self.socket = plain
        if self.secure:
            self.transport = "TLS"
            self.socket = self.secure.wrap_socket(plain, server_hostname=self.server_name,
                                                  session=self.session)
        self.rest = b""
        self.host, self.port = self.socket.getsockname()[:2]
        self.address = (self.host, self.port)
        self.ladder.name(self.address, self.name)

    @property
    def contact(self):
        if self.scheme == "sips":
            return super().contact.replace("sip:", "sips:", 1)
        return f"{super().contact};transport={self.transport.lower()}"

    def via(self, branch=None, params=";rport"):
        return super().via(branch, params).replace("SIP/2.0/UDP", f"SIP/2.0/{self.transport}")

    def send(self, message, to=None):
        if isinstance(message, bytes):
            message = sip.Message(message)
        self.ladder.add(self.address, self.peer, message)
        self.socket.sendall(message.raw)
        return message

    def take(self):
        """The first whole message of what has come, or None."""
        self.rest = self.rest.lstrip(b"\r\n")
        head, blank, _ = self.rest.partition(b"\r\n\r\n")
        if not blank:
            return None
        length = int(sip.Message(head + blank).header("Content-Length"))
        end = len(head) + len(blank) + length
        if len(self.rest) < end:
            return None
        raw, self.rest = self.rest[:end], self.rest[end:]
        message = sip.Message(raw, self.peer, self.address, time.monotonic())
        self.ladder.add(self.peer, self.address, message)
        return message

    def receive(self, timeout):
        end = time.monotonic() + timeout
        while True:
            message = self.take()
            left = end - time.monotonic()
            if message or left < 0:
                return message
            more = self.read(left)
            assert more != b"", f"{self.name}: the connection has ended"
            self.rest += more or b""

    def read(self, timeout):
        """Bytes; b"": the end; None: nothing came in time."""
        if not (self.secure and self.socket.pending()) and \
                not can_read(self.socket, max(timeout, 0)):
            return None
        try:
            return self.socket.recv(65536)
        except (ConnectionResetError, ssl.SSLEOFError):
            return b""
        except TimeoutError:
            return None

    def is_closed(self, timeout=5.0):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if self.read(end - time.monotonic()) == b"":
                return True
        return False
