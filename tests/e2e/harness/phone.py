"""A phone that registers: it keeps its Call-ID, counts its CSeq and answers digest challenges."""
import hashlib
import re

from . import sip
from .ua import TIMEOUT, Ua

DOMAIN = "example.test"


def digest(challenge, user, password, method, uri, count=1):
    """RFC 2617 with MD5, without qop or with qop=auth."""
    part = {k: v for k, v in re.findall(r'(\w+)="?([^",]+)"?', challenge)}

    def md5(*parts):
        return hashlib.md5(":".join(parts).encode()).hexdigest()

    ha1, ha2 = md5(user, part["realm"], password), md5(method, uri)
    text = f'Digest username="{user}", realm="{part["realm"]}", nonce="{part["nonce"]}", uri="{uri}"'
    if "qop" not in part:
        return f'{text}, response="{md5(ha1, part["nonce"], ha2)}"'
    response = md5(ha1, part["nonce"], f"{count:08x}", "abc", "auth", ha2)
    return f'{text}, qop=auth, nc={count:08x}, cnonce="abc", response="{response}"'


def contacts(answer):
    """URI -> expires of the contacts that an answer lists."""
    found = {}
    for value in re.findall(r"<[^>]*>[^,]*", ", ".join(answer.all("Contact"))):
        uri, params = value[1:].split(">", 1)
        expires = re.search(r';\s*expires="?(\d+)', params)
        found[uri] = int(expires.group(1)) if expires else None
    return found


def usable(answer):
    """Of its challenges the one that digest() can answer."""
    challenges = answer.all("WWW-Authenticate")
    return next((c for c in challenges if "SHA" not in c), challenges[0])


def registered(site, n):
    """So many lines, each of one phone that has registered; their password is "pw"."""
    phones = [site.registering(f"user{i}", "pw") for i in range(n)]
    for phone in phones:
        assert phone.register(expires=300).status == 200
    return phones


def assert_absorbed(registrar, phones):
    """A refresh of each is answered, and upstream hears nothing of it."""
    before = registrar.count()
    for phone in phones:
        answer = phone.register(expires=300)
        assert answer.status == 200 and list(contacts(answer)) == [phone.contact]
    assert registrar.count() == before


class Registering:
    """What a user agent needs to register. Answers a challenge once for each request, and once
    more where its nonce was stale (as that of a request whose answer a crash of ours has swallowed);
    keeps_proof: and sends the proof unasked from then on, as most phones do."""
    domain, password, keeps_proof = DOMAIN, None, False

    def restart(self):
        """As after a power cycle: what it had in memory is gone."""
        self.call_id, self.from_tag = sip.unique("r"), sip.unique("f")
        self.cseq, self.challenge, self.uses = 0, None, 0

    @property
    def aor(self):
        return f"{self.name}@{self.domain}"

    def proof(self, uri):
        self.uses += 1
        return digest(self.challenge, self.name, self.password, "REGISTER", uri, self.uses)

    def build_register(self, contact, expires, fields=()):
        """contact: a header value, None for none; expires: the header, None for none."""
        self.cseq += 1
        uri = "sip:" + self.domain
        fields = list(fields)
        if contact is not None:
            fields.append(("Contact", contact))
        if expires is not None:
            fields.append(("Expires", str(expires)))
        if self.challenge:
            fields.append(("Authorization", self.proof(uri)))
        usual = [("Via", self.via()), ("Max-Forwards", "70"),
                 ("From", f"<sip:{self.aor}>;tag={self.from_tag}"), ("To", f"<sip:{self.aor}>"),
                 ("Call-ID", self.call_id), ("CSeq", f"{self.cseq} REGISTER")]
        return sip.build(f"REGISTER {uri} SIP/2.0", usual + fields)

    def is_challenged(self, answer):
        return answer.status == 401 and self.password

    def is_stale(self, answer):
        return self.is_challenged(answer) and "stale=true" in answer.header("WWW-Authenticate")

    def send_register(self, contact, expires, fields=(), timeout=TIMEOUT):
        """The final answer, that to the challenge's answer if there is a challenge."""
        answer = self.ask(self.build_register(contact, expires, fields), timeout)
        for is_asked in (self.is_challenged, self.is_stale):
            if is_asked(answer):
                self.challenge, self.uses = usable(answer), 0
                answer = self.ask(self.build_register(contact, expires, fields), timeout)
        if not self.keeps_proof:
            self.challenge = None
        return answer

    def register(self, expires=60, **how):
        """Registers or refreshes; expires 0 removes. The final answer."""
        return self.send_register(f"<{self.contact}>", expires, **how)

    def query(self, **how):
        return self.send_register(None, None, **how)

    def remove_all(self, **how):
        return self.send_register("*", 0, **how)


class Phone(Registering, Ua):
    """On UDP."""
    def __init__(self, name, host, ladder, peer, password=None, keeps_proof=False):
        super().__init__(name, host, ladder, peer)
        self.password = password or "secret-" + name
        self.keeps_proof = keeps_proof
        self.restart()
