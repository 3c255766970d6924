"""Many registered lines without a thread or a socket for each: one socket, REGISTERs in flight."""
import select
import time

from . import net, sip
from .phone import DOMAIN

TEXT = ("REGISTER sip:{domain} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{tag}.{i}.{cseq};rport\r\n"
        "Max-Forwards: 70\r\nFrom: <sip:c{i}@{domain}>;tag={tag}\r\nTo: <sip:c{i}@{domain}>\r\n"
        "Call-ID: {i}@{tag}\r\nCSeq: {cseq} REGISTER\r\nContact: <sip:c{i}@{at}>\r\n"
        "Expires: {expires}\r\nContent-Length: 0\r\n\r\n")


class Crowd:
    """Lines c0, c1, …; their upstream must not challenge."""
    def __init__(self, host, peer):
        self.socket, self.peer = net.udp_socket(host), peer
        self.at = net.text(*self.socket.getsockname()[:2])
        self.tag, self.cseq = sip.unique("crowd"), 0

    def close(self):
        self.socket.close()

    def register(self, indices, expires=3000, window=64, timeout=600.0):
        """Registers or refreshes these lines; returns when each has its 200. How many were sent
        again."""
        self.cseq += 1
        missing, again, end = list(indices), -1, time.monotonic() + timeout
        n = len(missing)
        while missing:
            assert time.monotonic() < end, f"{len(missing)} of {n} are not registered"
            again += 1
            missing = self.round(missing, expires, window)
        return again

    def round(self, indices, expires, window):
        """Those that got no 200."""
        waiting, todo, done = set(), list(reversed(indices)), set()
        while todo or waiting:
            while todo and len(waiting) < window:
                i = todo.pop()
                waiting.add(i)
                self.socket.sendto(TEXT.format(domain=DOMAIN, at=self.at, tag=self.tag, i=i,
                                               cseq=self.cseq, expires=expires).encode(), self.peer)
            if not select.select([self.socket], [], [], 1.0)[0]:
                break
            raw = self.socket.recv(65536)
            if raw.startswith(b"SIP/2.0 1") or not raw.strip(b"\r\n"):
                continue  # on its way, or a keepalive
            i = int(raw.split(b"Call-ID: ", 1)[1].split(b"@", 1)[0])
            waiting.discard(i)
            if raw.startswith(b"SIP/2.0 200"):
                done.add(i)
        return [i for i in indices if i not in done]
