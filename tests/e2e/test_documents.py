"""Each configuration in the documents: breakwater -t says of it what the document says, the daemon
takes it, and a phone registers through it at a registrar and is absorbed, where it shall be."""
import os
import re
import ssl

import pytest

from harness import credentials, documents, net
from harness.admin import Admin
from harness.daemon import Daemon, run_daemon
from harness.kamailio import REGISTRAR, registrar_modules, registrar_params
from harness.phone import Phone, Registering
from harness.pki import Pki
from harness.registrar import Registrar
from harness.stream_ua import StreamUa
from harness.ua import Ua
from harness.ws_ua import WsUa

EVERYTHING = documents.everything()
NAME = "sip.example.com"


class StreamPhone(Registering, StreamUa):
    """Over TCP or TLS."""


class WebPhone(Registering, WsUa):
    """In a browser."""


def test_nothing_is_forgotten():
    where = [one.where for one in EVERYTHING]
    assert {w.split(":")[0] for w in where} >= {
        "README.md", "docs/operations.md", "docs/man/breakwater.conf.5.in", "etc/breakwater.conf"}
    for recipe in ("Rehearse: storm", "In front of Kamailio", "In front of Asterisk",
                   "In front of FreeSWITCH", "In front of a carrier's trunk", "Phones on TLS",
                   "Phones in browsers (WebRTC)", "Coming from OpenSIPS mid_registrar"):
        assert any(w.endswith(": " + recipe) for w in where), recipe
    assert sum(bool(one.said) for one in EVERYTHING) == 1


class World:
    """One configuration, its files, and what stands behind it."""
    def __init__(self, found, site):
        self.found, self.site = found, site
        self.staged = documents.Staged(found, site.directory)
        self.path = site.path("breakwater.conf")
        with open(self.path, "w", encoding="utf-8") as f:
            f.write(self.staged.text)
        self.judges = dict(self.staged.values("domain", "authentication"))
        self.domain = next(iter(self.judges))
        self.judge = (self.judges[self.domain] or ["relay"])[0]
        self.mode = (dict(self.staged.values("domain", "mode"))[self.domain] or ["aor-throttle"])[0]
        self.write_files()

    def file(self, name, text):
        credentials.write(self.staged.directory + "/etc/breakwater/" + name, text)

    def write_files(self):
        """Whatever it may name."""
        self.pki = Pki(self.staged.directory + "/etc/breakwater/tls")
        for made, name in zip(self.pki.issue(NAME, NAME, "sip.example.test"), ("fullchain.pem", "key.pem")):
            os.rename(made, self.pki.path(name))
        with open(self.pki.ca, encoding="ascii") as f:
            self.file("tls/devices-ca.pem", f.read())
        self.file("token", "a-secret-of-the-operator\n")
        self.file("credentials", credentials.line("alice", "pw", realm=self.domain))
        if self.found.accounts:
            self.file("upstream-credentials", self.found.accounts)

    def check(self):
        """What -t says; without a word in the document it has nothing to complain of."""
        code, out, err = run_daemon("-t", "-c", self.path)
        said = [line.replace("/etc/breakwater/breakwater.conf", self.path)
                for line in self.found.said]
        assert code == 0, err
        if said:
            assert sorted(said) == sorted((out + err).splitlines())
        else:
            assert err == ""

    def start_upstream(self):
        site, self.password = self.site, "pw"
        site.core = self.staged.server()
        if "In front of Kamailio" in self.found.where:
            self.password = "secret-alice"
            site.kamailio(REGISTRAR, registrar_modules, registrar_params)
            return
        options = ["--password", "pw"] if self.judge == "relay" else []
        for line in self.found.accounts.splitlines():
            _, user, _, secret = line.split()
            options += ["--password-of", f"{user}={secret.removeprefix('plain:')}"]
        self.registrar = site.keep(Registrar(site, options))
        self.registrar.wait_ready()

    def start(self):
        self.daemon = self.site.keep(Daemon(self.staged.text, self.site.directory))
        self.daemon.wait_ready()
        self.admin = Admin(self.staged.socket)

    def place(self):
        """An address for a phone: one that its lists let in."""
        allowed = [a for _, list_ in self.staged.values("access-list", "allow") for a in list_]
        return allowed[0].split("/")[0] if allowed else net.Net().phone()

    def secure(self):
        context = ssl.create_default_context(cafile=self.pki.ca)
        if "client-ca" in self.staged.text:
            context.load_cert_chain(*self.pki.issue("alice", f"URI:sip:alice@{self.domain}"))
        return context

    def phone(self, transport, where):
        ladder = self.site.ladder
        if transport == "udp":
            made = Phone("alice", self.place(), ladder, where)
        elif transport in ("tcp", "tls"):
            made = StreamPhone("alice", ladder, where, self.secure() if transport == "tls" else None,
                               server_name=NAME)
        else:
            origin = re.search(r'origins\s*= \{"([^"]+)"', self.staged.text)
            made = WebPhone("alice", ladder, where, self.secure() if transport == "wss" else None,
                            **({"Origin": origin[1]} if origin else {}))
        made.domain, made.password = self.domain, self.password
        made.restart()
        return self.site.add(made)

    def sent(self):
        return self.admin.metrics()['registers_total{direction="out"}']


@pytest.mark.parametrize("found", EVERYTHING, ids=[one.where for one in EVERYTHING])
def test_a_configuration_does_what_it_is_there_for(site, found):
    world = World(found, site)
    world.check()
    world.start_upstream()
    world.start()
    if 'line "' in found.text:
        assert_lines(world)
        return
    for transport, where in world.staged.listeners():
        phone, expires = world.phone(transport, where), 3600 if found.said else 60
        assert phone.register(expires=expires).status == 200
        before = world.sent()
        assert before > 0
        assert phone.register(expires=expires).status == 200
        if found.said or world.mode == "mirror":
            assert world.sent() > before
        else:
            assert world.sent() == before, "it is not absorbed"


def assert_lines(world):
    """They are registered by themselves; their calls come to the PBX, and it may call, but not
    everywhere."""
    def states():
        return [line["state"] for line in world.admin.get("/api/v1/lines").json["lines"]]
    world.site.wait_for(lambda: states() and set(states()) == {"registered"})
    assert len(states()) == world.found.text.count('line "') == \
        len(world.found.accounts.splitlines())
    (_, (target,)), *_ = world.staged.values("line", "target")
    user, host, port = re.match(r"sip:(.*)@(.*):(\d+)", target).groups()
    pbx = world.site.add(Ua(user, host, world.site.ladder, world.staged.listeners()[0][1], int(port)))
    world.registrar.command("calls 1")
    world.registrar.command("calls-per-second 1")
    ringing = pbx.expect("INVITE")
    assert ringing.uri.startswith(f"sip:{user}@{host}:{port}")
    pbx.answer(ringing, 486)
    pbx.expect("ACK")
    whose = f"<sip:{user}@{world.domain}>;tag=pbx"
    for number, status in (("+31307654321", 405), ("+882123456", 403)):  # 405: the registrar's
        call = pbx.send(pbx.request("INVITE", f"sip:{number}@{world.domain}", from_=whose))
        pbx.ack(call, pbx.expect(status, of=call))
