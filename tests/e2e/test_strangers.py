"""What those get who are neither registered nor upstream: nothing is carried for them, to nobody."""
import pytest

from harness import net, sip
from harness.dialog import Dialog

METHODS = ["INVITE", "MESSAGE", "OPTIONS", "SUBSCRIBE", "REFER", "NOTIFY", "BYE"]


class World:
    """alice is registered and has answered a call; everybody listens."""
    def __init__(self, site):
        site.judge_upstream()
        self.site, self.upstream = site, site.upstream()
        self.foreign = site.phone("foreign")
        site.start()
        self.phone = site.registering("alice")
        request = self.phone.send(self.phone.build_register(f"<{self.phone.contact}>", 60))
        there = self.upstream.expect("REGISTER")
        self.token = sip.uris(there.all("Contact"))[0]
        self.upstream.answer(there, 200, fields=[("Contact", f"<{self.token}>;expires=3600")])
        self.phone.expect(200, of=request)
        self.call()
        self.stranger = site.phone("mallory")

    def call(self):
        invite = self.upstream.send(self.upstream.request("INVITE", self.token))
        there = self.phone.expect("INVITE")
        self.phone.answer(there, 200, fields=[("Contact", f"<{self.phone.contact}>")])
        answer = self.upstream.expect(200, of=invite)
        self.upstream.ack(invite, answer)
        self.phone.expect("ACK")
        self.dialog = Dialog.of_caller(self.upstream, invite, answer)

    def is_refused(self, request, *statuses):
        answer = self.stranger.ask(request)
        assert answer.status in (statuses or (403, 404)), answer
        if request.method == "INVITE":
            self.stranger.ack(request, answer)

    def nobody_heard(self):
        for ua in (self.upstream, self.phone, self.foreign):
            ua.expect_nothing(0.1)


@pytest.fixture
def world(site):
    return World(site)


@pytest.mark.parametrize("method", METHODS)
def test_nothing_is_carried(world, method):
    s = world.stranger
    tag = "<sip:alice@example.test>;tag=x"
    for uri in ("sip:bob@example.test", world.token, world.phone.contact, world.upstream.contact,
                world.foreign.contact):
        world.is_refused(s.request(method, uri))
        world.is_refused(s.request(method, uri, from_="<sip:alice@example.test>;tag=1"))
        world.is_refused(s.request(method, uri, to=tag))
        for hop in (world.foreign, world.upstream, world.phone):
            route = [("Route", f"<sip:{net.text(*world.site.access)};lr>, "
                               f"<sip:{net.text(*hop.address)};lr>")]
            world.is_refused(s.request(method, uri, route))
            world.is_refused(s.request(method, uri, route, to=tag))
    world.nobody_heard()


def spoiled(route):
    """Near misses of a Record-Route of ours."""
    user, rest = route.removeprefix("sip:").split("@", 1)
    yield f"sip:{user[:-1]}{'0' if user[-1] != '0' else '1'}@{rest}"
    yield f"sip:{user[:5]}{'0' if user[5] != '0' else '1'}{user[6:]}@{rest}"
    yield f"sip:{user[:-1]}@{rest}"
    yield f"sip:{user}0@{rest}"
    yield f"sip:rr@{rest}"
    yield f"sip:rrb@{rest}"
    yield f"sip:rr{'c' if user[2] != 'c' else 'a'}{user[3:]}@{rest}"
    yield f"sip:{user[:3]}{'0' * len(user[3:])}@{rest}"


@pytest.mark.parametrize("method", ["INVITE", "BYE", "INFO", "MESSAGE"])
def test_a_forged_route_carries_nothing(world, method):
    s, (route,) = world.stranger, world.dialog.routes
    for wrong in spoiled(route):
        for to in (None, world.dialog.remote):
            for more in ("", f", <sip:{net.text(*world.foreign.address)};lr>"):
                world.is_refused(s.request(method, world.foreign.contact,
                                           [("Route", f"<{wrong}>{more}")], to=to,
                                           call_id=world.dialog.call_id), 403)
    world.nobody_heard()


@pytest.mark.parametrize("method", ["INVITE", "BYE", "INFO", "MESSAGE"])
def test_a_true_route_is_of_one_dialog_only(world, method):
    s, route = world.stranger, [("Route", f"<{world.dialog.routes[0]}>")]
    for uri in (world.phone.contact, world.foreign.contact, world.token):
        world.is_refused(s.request(method, uri, route), 403)
        world.is_refused(s.request(method, uri, route, to=world.dialog.remote), 403)
    world.nobody_heard()


def test_a_stray_ack_is_dropped(world):
    s = world.stranger
    for uri in (world.phone.contact, world.foreign.contact, "sip:alice@example.test", world.token):
        for route in ([], [("Route", f"<{world.dialog.routes[0]}>")]):
            s.send(s.request("ACK", uri, route, to=world.dialog.remote))
    s.expect_nothing(0.1)
    world.nobody_heard()


def test_a_phone_may_call_the_upstream_only(world):
    """Registered, it names other hosts and hops: all goes to the upstream of its line."""
    p = world.phone
    for route in ([], [("Route", f"<sip:{net.text(*world.foreign.address)};lr>")]):
        request = p.send(p.request("MESSAGE", world.foreign.contact, route))
        there = world.upstream.expect("MESSAGE")
        world.upstream.answer(there, 404)
        p.expect(404, of=request)
    world.foreign.expect_nothing(0.1)


def test_a_cancel_of_a_stranger_ends_nothing(world):
    invite = world.upstream.send(world.upstream.request("INVITE", world.token))
    there = world.phone.expect("INVITE")
    world.phone.answer(there, 180)
    world.upstream.expect(180, of=invite)
    s = world.stranger
    s.send(s.follow(invite, "CANCEL"))
    s.send(s.follow(there, "CANCEL"))
    world.phone.expect_nothing(0.2)
    world.phone.answer(there, 200)
    world.upstream.expect(200, of=invite)
