"""Two of us in a chain, an edge in front of an inner one: each has its own Record-Route, signed with
its own key, in every dialog, and each looks after its own."""
import os
import re

import pytest

from harness import net, sip
from harness.admin import Admin
from harness.daemon import Daemon, usual_config
from harness.dialog import Dialog

STRAY_ACKS = 'packets_dropped_total{reason="stray-ack"}'
FORGED = 'requests_refused_total{reason="forged-dialog"}'


class Chain:
    """phone - edge - inner - upstream; with two_sides each of us has a listener for either side."""
    def __init__(self, site, two_sides):
        self.site, self.n_routes = site, 4 if two_sides else 2
        inner = self.start_inner(two_sides)
        site.judge_upstream()
        site.config.set('upstream "registrar"', servers=["sip:" + net.text(*inner)])
        if two_sides:
            site.config.set('listen "phones"', side="access")
            site.add_listen("core", site.net.prefix + ".4", side="core")
        site.start()
        self.upstream, self.phone = site.upstream(), site.registering()
        self.register()

    def start_inner(self, two_sides):
        """Where the edge reaches it."""
        directory = self.site.path("inner")
        os.mkdir(directory)
        config = usual_config(self.site.net, directory, 1)
        at = (self.site.net.prefix + ".3", net.free_port(self.site.net.prefix + ".3"))
        config.set('listen "phones"', address="udp:" + net.text(*at))
        config.set('upstream "registrar"', servers=["sip:" + net.text(*self.site.core)])
        config.set('domain "example.test"', authentication="relay")
        if two_sides:
            core = (self.site.net.prefix + ".5", net.free_port(self.site.net.prefix + ".5"))
            config.set('listen "phones"', side="access")
            config.set('listen "core"', address="udp:" + net.text(*core), side="core")
        self.inner = self.site.keep(Daemon(config, self.site.directory, "inner"))
        self.inner.wait_ready()
        self.inner_admin = Admin(os.path.join(directory, "admin.sock"))
        return at

    def register(self):
        phone, upstream = self.phone, self.upstream
        request = phone.send(phone.build_register(f"<{phone.contact}>", 60))
        there = upstream.expect("REGISTER")
        (self.contact,) = sip.uris(there.all("Contact"))
        assert self.contact != phone.contact
        upstream.answer(there, 200, fields=[("Contact", f"<{self.contact}>;expires=3600")])
        assert phone.contact in sip.uris(phone.expect(200, of=request).all("Contact"))

    def counted(self, name):
        """By both together."""
        both = self.site.unix, self.inner_admin
        return sum(admin.metrics().get(name, 0) for admin in both)

    # ------------------------------------------------------------ calls

    def send(self, ua, request):
        """Upstream goes by the first Route, or by what it is to reach."""
        routes = sip.uris(request.all("Route")) or [request.uri]
        return ua.send(request, None if ua is self.phone else next_hop(routes[0]))

    def call(self, caller, called, uri):
        """A call that is answered and acknowledged: the dialog as each side has it."""
        invite = self.send(caller, caller.request("INVITE", uri, body=b"v=0\r\n"))
        there = called.expect("INVITE")
        assert len(there.all("Record-Route")) == self.n_routes and there.body == b"v=0\r\n"
        called.answer(there, 180)
        assert caller.expect(180, of=invite).to_tag
        accepted = called.answer(there, 200, fields=[("Contact", f"<{called.contact}>")])
        answer = caller.expect(200, of=invite)
        ours = Dialog.of_caller(caller, invite, answer)
        theirs = Dialog.of_called(called, there, accepted)
        assert len(ours.routes) == len(theirs.routes) == self.n_routes
        assert names(ours.routes) == names(theirs.routes)[::-1]
        self.send(caller, ours.ack())
        assert called.expect("ACK").uri == called.contact
        return ours, theirs

    def ask(self, asker, asked, method, target):
        """A request in the dialog and its 200."""
        request = self.send(asker.ua, asker.request(method))
        there = asked.ua.expect(method)
        assert there.uri == target and not there.all("Route") and not there.all("Record-Route")
        asked.ua.answer(there, 200, fields=[("Contact", f"<{asked.ua.contact}>")])
        asker.ua.expect(200, of=request)
        if method == "INVITE":
            self.send(asker.ua, asker.ack())
            assert asked.ua.expect("ACK").cseq == f"{asker.cseq} ACK"

    def both(self, direction):
        """The dialog of a call: (the phone's side, upstream's)"""
        if direction == "out":
            return self.call(self.phone, self.upstream, "sip:bob@example.test")
        upstream, phone = self.call(self.upstream, self.phone, self.contact)
        return phone, upstream


def next_hop(uri):
    host, port = uri.split("@")[-1].split(";")[0].rsplit(":", 1)
    return host, int(port)


def names(routes):
    """Without what is signed in it of the other end, which a caller learns by the answer."""
    return [re.sub("x[0-9a-v]{16}@", "@", uri) for uri in routes]


def spoil(uri):
    """A digit of what says whose it is is another one."""
    at = uri.index("rr") + 20
    return uri[:at] + ("1" if uri[at] == "0" else "0") + uri[at + 1:]


@pytest.fixture(params=["one listener", "two sides"])
def chain(site, request):
    return Chain(site, request.param == "two sides")


@pytest.mark.parametrize("ender", ["phone", "upstream"])
@pytest.mark.parametrize("direction", ["in", "out"])
def test_a_call_through_both(chain, direction, ender):
    phone, upstream = chain.both(direction)
    chain.ask(phone, upstream, "INVITE", chain.upstream.contact)
    chain.ask(upstream, phone, "INVITE", chain.phone.contact)
    chain.ask(phone, upstream, "INFO", chain.upstream.contact)
    if ender == "phone":
        chain.ask(phone, upstream, "BYE", chain.upstream.contact)
    else:
        chain.ask(upstream, phone, "BYE", chain.phone.contact)
    assert chain.counted(STRAY_ACKS) == 0 and chain.counted(FORGED) == 0


@pytest.mark.parametrize("direction", ["in", "out"])
def test_each_route_of_ours_must_be_genuine(chain, direction):
    phone, upstream = chain.both(direction)
    n = 0
    for dialog in (phone, upstream):
        genuine = dialog.routes
        for i in range(chain.n_routes):
            dialog.routes = genuine[:i] + [spoil(genuine[i])] + genuine[i + 1:]
            request = chain.send(dialog.ua, dialog.request("BYE"))
            dialog.ua.expect(403, of=request)
            chain.send(dialog.ua, dialog.ack())
            n += 1
            chain.site.wait_for(lambda n=n: chain.counted(STRAY_ACKS) == n)
        dialog.routes = genuine
    assert chain.counted(FORGED) == n
    chain.phone.expect_nothing()
    chain.upstream.expect_nothing()
    chain.ask(phone, upstream, "BYE", chain.upstream.contact)


def test_a_route_is_good_for_its_call_and_caller_only(chain):
    phone, upstream = chain.both("out")
    for dialog in (phone, upstream):
        call_id, dialog.call_id = dialog.call_id, sip.unique("c")
        dialog.ua.expect(403, of=chain.send(dialog.ua, dialog.request("BYE")))
        dialog.call_id = call_id
        local, dialog.local = dialog.local, "<sip:eve@example.test>;tag=eve"
        remote, dialog.remote = dialog.remote, "<sip:bob@example.test>;tag=bob"
        dialog.ua.expect(403, of=chain.send(dialog.ua, dialog.request("BYE")))
        dialog.local, dialog.remote = local, remote
    chain.ask(upstream, phone, "BYE", chain.phone.contact)


def test_the_edge_restarts_between_200_and_ack(chain):
    invite = chain.send(chain.upstream, chain.upstream.request("INVITE", chain.contact))
    there = chain.phone.expect("INVITE")
    accepted = chain.phone.answer(there, 200, fields=[("Contact", f"<{chain.phone.contact}>")])
    answer = chain.upstream.expect(200, of=invite)
    chain.site.restart()
    upstream = Dialog.of_caller(chain.upstream, invite, answer)
    chain.send(chain.upstream, upstream.ack())
    chain.phone.expect("ACK")
    phone = Dialog.of_called(chain.phone, there, accepted)
    chain.ask(phone, upstream, "BYE", chain.upstream.contact)
