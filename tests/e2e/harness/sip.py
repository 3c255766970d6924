"""SIP messages: bytes that stay as they are, with their parts in reach."""
import itertools
import os
import re

COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length",
           "c": "content-type", "s": "subject", "k": "supported", "e": "content-encoding"}

REASONS = {100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK", 202: "Accepted",
           401: "Unauthorized", 404: "Not Found", 407: "Proxy Authentication Required",
           480: "Temporarily Unavailable", 486: "Busy Here", 487: "Request Terminated",
           500: "Server Internal Error", 503: "Service Unavailable", 603: "Decline"}

_serial = itertools.count(1)
_run = os.urandom(4).hex()


def unique(prefix=""):
    return f"{prefix}{_run}{next(_serial)}"


def uris(values):
    """Those in angle brackets, of several header values."""
    return re.findall(r"<([^>]*)>", ", ".join(values))


def long_name(name):
    name = name.strip().lower()
    return COMPACT.get(name, name)


class Message:
    """Parts are read from .raw when asked for. Bytes beyond ASCII are read as Latin-1, so nothing is
    lost."""
    def __init__(self, raw, source=None, target=None, at=0.0):
        self.raw = raw
        self.source, self.target, self.at = source, target, at  # where and when it was received
        head, _, self.body = raw.partition(b"\r\n\r\n")
        self.lines = head.decode("latin-1").split("\r\n")
        self.start = self.lines[0]
        self.fields = [tuple(part.strip() for part in line.split(":", 1))
                       for line in self.lines[1:] if ":" in line]

    def __repr__(self):
        return f"<{self.start} | {self.cseq}>"

    def all(self, name):
        return [v for n, v in self.fields if long_name(n) == name.lower()]

    def header(self, name):
        """The first value, or ''."""
        return next(iter(self.all(name)), "")

    @property
    def is_request(self):
        return not self.start.startswith("SIP/")

    @property
    def status(self):
        return 0 if self.is_request else int(self.start.split(" ")[1])

    @property
    def reason(self):
        return self.start.split(" ", 2)[2]

    @property
    def method(self):
        """A response's is its CSeq's."""
        return self.start.split(" ")[0] if self.is_request else self.cseq.split(" ")[-1]

    @property
    def uri(self):
        return self.start.split(" ")[1]

    @property
    def call_id(self):
        return self.header("Call-ID")

    @property
    def cseq(self):
        return self.header("CSeq")

    @property
    def branch(self):
        found = re.search(r";branch=([^;,\s]+)", self.header("Via"))
        return found.group(1) if found else ""

    @property
    def to_tag(self):
        found = re.search(r";tag=([^;\s]+)", self.header("To"))
        return found.group(1) if found else ""

    def with_line(self, old, new):
        """A copy with one piece of its bytes replaced."""
        assert old.encode("latin-1") in self.raw, old
        return Message(self.raw.replace(old.encode("latin-1"), new.encode("latin-1"), 1))


def build(start, fields, body=b""):
    fields = list(fields)
    if not any(long_name(n) == "content-length" for n, _ in fields):
        fields.append(("Content-Length", str(len(body))))
    head = "\r\n".join([start] + [f"{n}: {v}" for n, v in fields])
    return Message(head.encode("latin-1") + b"\r\n\r\n" + body)


def response(request, status, reason=None, fields=(), body=b"", to_tag=None):
    """An answer as a server makes it; to_tag "": none."""
    to = request.header("To")
    if to_tag is None and status > 100:
        to_tag = "t" + request.call_id.split("@")[0]
    if to_tag and not request.to_tag:
        to += f";tag={to_tag}"
    copied = [("Via", v) for v in request.all("Via")]
    if 100 < status < 300:
        copied += [("Record-Route", v) for v in request.all("Record-Route")]
    copied += [("From", request.header("From")), ("To", to), ("Call-ID", request.call_id),
               ("CSeq", request.cseq)]
    reason = REASONS.get(status, "Whatever") if reason is None else reason
    return build(f"SIP/2.0 {status} {reason}", copied + list(fields), body)
