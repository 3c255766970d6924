"""What one side keeps of a dialog (RFC 3261 12.1), and the requests it makes inside it."""
from . import sip


class Dialog:
    """local, remote: From and To with their tags; routes: URIs, the next hop's first."""
    def __init__(self, ua, first, local, remote):
        self.ua, self.local, self.remote = ua, local, remote
        self.call_id, self.cseq = first.call_id, int(first.cseq.split()[0])
        self.target, self.routes = first.uri, []

    @classmethod
    def of_caller(cls, ua, invite, answer):
        d = cls(ua, invite, invite.header("From"), answer.header("To"))
        d.target = next(iter(sip.uris(answer.all("Contact"))), invite.uri)
        d.routes = sip.uris(answer.all("Record-Route"))[::-1]
        return d

    @classmethod
    def of_called(cls, ua, invite, answer):
        """answer: what it sent itself."""
        d = cls(ua, invite, answer.header("To"), invite.header("From"))
        d.target = next(iter(sip.uris(invite.all("Contact"))), d.target)
        d.routes = sip.uris(invite.all("Record-Route"))
        return d

    def build(self, method, cseq, fields=(), **parts):
        routes = [("Route", f"<{r}>") for r in self.routes]
        return self.ua.request(method, self.target, routes + list(fields), call_id=self.call_id,
                               cseq=cseq, from_=self.local, to=self.remote, **parts)

    def ack(self, **parts):
        """To the 2xx of the request that began it."""
        return self.build("ACK", self.cseq, **parts)

    def request(self, method, fields=(), **parts):
        self.cseq += 1
        return self.build(method, self.cseq, fields, **parts)
