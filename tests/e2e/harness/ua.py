"""A user agent without transactions: it sends what it is told to and waits for what the test
expects. One UDP socket, one thread at a time."""
import contextlib
import select
import threading
import time

from . import net, sip
from .dialog import Dialog

TIMEOUT = 15.0   # seconds; only a failure waits so long
T1 = 0.5


class Ua:
    def __init__(self, name, host, ladder, peer=None, port=0):
        self.name, self.ladder, self.peer = name, ladder, peer
        self.socket = net.udp_socket(host, port)
        self.host, self.port = self.socket.getsockname()[:2]
        self.address = (self.host, self.port)
        self.seen = set()   # raw bytes of what came
        self.waiting = []   # came, and nobody has asked for it yet
        self.keepalives = []  # when each came
        ladder.name(self.address, name)

    def close(self):
        self.socket.close()

    @property
    def contact(self):
        return f"sip:{self.name}@{net.text(self.host, self.port)}"

    # ------------------------------------------------------------ sending

    def via(self, branch=None, params=";rport"):
        branch = branch or sip.unique("z9hG4bK")
        return f"SIP/2.0/UDP {net.text(self.host, self.port)};branch={branch}{params}"

    def request(self, method, uri="sip:example.test", fields=(), body=b"", **parts):
        """parts: via, call_id, cseq, from_, to; fields come behind the usual ones."""
        aor = f"<sip:{self.name}@example.test>"
        usual = [("Via", parts.get("via") or self.via()),
                 ("Max-Forwards", "70"),
                 ("From", parts.get("from_") or f"{aor};tag={sip.unique('f')}"),
                 ("To", parts.get("to") or (aor if method == "REGISTER" else f"<{uri}>")),
                 ("Call-ID", parts.get("call_id") or sip.unique("c")),
                 ("CSeq", f"{parts.get('cseq', 1)} {method}")]
        if method in ("INVITE", "REGISTER", "SUBSCRIBE"):
            usual.append(("Contact", f"<{self.contact}>"))
        return sip.build(f"{method} {uri} SIP/2.0", usual + list(fields), body)

    def follow(self, request, method, to=None):
        """The CANCEL of an INVITE, or the ACK to its refusal: same branch; to: the answer's To."""
        fields = [("Via", request.header("Via")), ("Max-Forwards", "70"),
                  ("From", request.header("From")), ("To", to or request.header("To")),
                  ("Call-ID", request.call_id), ("CSeq", f"{request.cseq.split()[0]} {method}")]
        return sip.build(f"{method} {request.uri} SIP/2.0", fields)

    def ack(self, request, answer):
        """Sends the ACK: to a refusal in the INVITE's branch, to a 2xx in one of its own."""
        if answer.status < 300:
            return self.send(Dialog.of_caller(self, request, answer).ack())
        return self.send(self.follow(request, "ACK", answer.header("To")))

    def send(self, message, to=None):
        """Bytes or a message; where requests go unless told otherwise: the proxy."""
        if isinstance(message, bytes):
            message = sip.Message(message)
        to = to or self.peer
        self.ladder.add(self.address, to, message)
        self.socket.sendto(message.raw, to)
        return message

    def answer(self, request, status, reason=None, fields=(), body=b"", **parts):
        return self.send(sip.response(request, status, reason, fields, body, **parts),
                         to=request.source)

    # ------------------------------------------------------------ receiving

    def receive(self, timeout):
        """The next message of any kind, None when none came in time. Keepalives are noted only."""
        end = time.monotonic() + timeout
        if not select.select([self.socket], [], [], max(timeout, 0))[0]:
            return None
        raw, source = self.socket.recvfrom(65536)
        if not raw.strip(b"\r\n"):
            self.keepalives.append(time.monotonic())
            return self.receive(end - time.monotonic())
        message = sip.Message(raw, source, self.address, time.monotonic())
        self.ladder.add(source, self.address, message)
        return message

    def next_new(self, timeout, again=False):
        """The next one that is no repeat (100 Trying is a hop's own affair: passed over)."""
        end = time.monotonic() + timeout
        while True:
            m = self.receive(end - time.monotonic())
            if m is None:
                return None
            is_repeat = m.raw in self.seen
            self.seen.add(m.raw)
            if again or not is_repeat:
                return m

    @staticmethod
    def fits(message, what, of):
        if isinstance(what, int):
            is_it = message.status == what
        else:
            is_it = message.is_request and message.method == what
        if of is not None:
            is_it = is_it and message.call_id == of.call_id and message.method == of.method
        return is_it

    def expect(self, what, of=None, timeout=TIMEOUT, again=False):
        """A request of that method, or a response of that status (of: to that request). What else
        comes waits to be expected; repeats are passed over unless again is set."""
        for m in self.waiting:
            if self.fits(m, what, of):
                self.waiting.remove(m)
                return m
        end = time.monotonic() + timeout
        while True:
            m = self.next_new(end - time.monotonic(), again)
            if m is None:
                raise AssertionError(f"{self.name} got no {what}; unexpected: {self.waiting}")
            if self.fits(m, what, of):
                return m
            if m.status != 100:
                self.waiting.append(m)
                assert not self.is_refused(m, what, of), f"{self.name}: {m} instead of {what}"

    @staticmethod
    def is_refused(message, what, of):
        """Another final answer to what was asked: no use to wait."""
        return isinstance(what, int) and of is not None and message.status >= 200 and \
            Ua.fits(message, message.status, of)

    def expect_nothing(self, seconds=0.3):
        """Nothing new comes, and nothing waits to be expected."""
        end = time.monotonic() + seconds
        while True:
            m = self.next_new(end - time.monotonic())
            if m is None:
                break
            if m.status != 100:
                self.waiting.append(m)
        assert not self.waiting, f"{self.name} got {self.waiting}"

    def ask(self, request, timeout=TIMEOUT, to=None):
        """Sends, and as a transaction would again and again, until the final answer is there."""
        end = time.monotonic() + timeout
        pause, answer = T1, None
        while time.monotonic() < end:
            if answer is None:
                self.send(request, to)
            answer = self.wait_answer(request, min(pause, end - time.monotonic())) or answer
            if answer is not None and answer.status >= 200:
                return answer
            pause = min(2 * pause, 4.0)
        raise AssertionError(f"{self.name}: no answer to {request}")

    def wait_answer(self, request, timeout):
        end = time.monotonic() + timeout
        while True:
            m = self.next_new(end - time.monotonic(), again=True)
            if m is None or (m.call_id == request.call_id and m.cseq == request.cseq):
                return m
            self.waiting.append(m)

    # ------------------------------------------------------------ by itself

    @contextlib.contextmanager
    def serving(self, answer):
        """While this lasts, answer(request) gives the responses to each new request: statuses or
        messages, a list or one; None: silence. A repeat gets the last one again."""
        stop, failures = threading.Event(), []
        thread = threading.Thread(target=self.serve, args=(answer, stop, failures), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            stop.set()
            thread.join(TIMEOUT)
        assert not failures, failures

    def serve(self, answer, stop, failures):
        answered = {}   # branch and method -> the last response
        while not stop.is_set():
            m = self.receive(0.05)
            if m is None or not m.is_request or m.method == "ACK":
                continue
            key = (m.branch, m.method)
            try:
                if key in answered:
                    self.send(answered[key], to=m.source)
                else:
                    answered[key] = self.serve_one(m, answer(m))
            except Exception as e:  # the test's thread reports it
                failures.append(repr(e))
                return

    def serve_one(self, request, answers):
        last = None
        for a in answers if isinstance(answers, (list, tuple)) else [answers]:
            if a is not None:
                last = self.answer(request, a) if isinstance(a, int) else \
                    self.send(a, to=request.source)
        return last
