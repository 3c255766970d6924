"""A stranger knows everything of a registered line but its password: address of record, contact,
Call-ID, and he counts higher. He changes nothing and learns nothing."""
import pytest

from harness.phone import contacts

@pytest.fixture(autouse=True)
def judged(site):
    site.judge_upstream()

MODES = ["mirror", "contact-throttle", "aor-throttle"]


class Scene:
    """A victim with two devices, registered, and what it was like before the stranger came."""
    def __init__(self, site, mode):
        self.registrar = site.registrar("--password", "pw")
        site.config.set('domain "example.test"', mode=mode)
        site.start()
        self.devices = [site.registering("alice", "pw"), site.registering("alice", "pw")]
        for device in self.devices:
            assert device.register(expires=300).status == 200
        self.upstream = self.registrar.bindings("alice@example.test")
        self.expected = {d.contact for d in self.devices}
        self.stranger = self.imitator(site)

    def imitator(self, site):
        """Another address; for all else the first device, and ahead of it."""
        victim = self.devices[0]
        stranger = site.registering("alice", "guessed")
        stranger.call_id, stranger.from_tag = victim.call_id, victim.from_tag
        stranger.cseq = victim.cseq + 1000
        return stranger

    def assert_untouched(self, site):
        same = [b.split(";expires=")[0] for b in self.registrar.bindings("alice@example.test")]
        assert same == [b.split(";expires=")[0] for b in self.upstream]
        before = self.registrar.count()
        for device in self.devices:
            answer = device.register(expires=300)
            assert answer.status == 200 and set(contacts(answer)) == self.expected
        if "mirror" not in site.config.sections['domain "example.test"'].values():
            assert self.registrar.count() == before  # they are absorbed as ever


def attacks(victim, own):
    """(contact, expires) of all that he could ask."""
    return {
        "refresh": (f"<{victim}>", 300), "removal": (f"<{victim}>", 0), "query": (None, None),
        "star": ("*", 0), "another": (f"<{own}>", 300), "exchange": (f"<{victim}>;expires=0, <{own}>", 300),
        "other removal": (f"<{own}>", 0), "parameter": (f"<{victim};x=y>", 300)}


@pytest.mark.parametrize("mode", MODES)
def test_a_stranger_changes_and_learns_nothing(site, mode):
    scene = Scene(site, mode)
    stranger = scene.stranger
    for contact, expires in attacks(scene.devices[0].contact, stranger.contact).values():
        first = stranger.ask(stranger.build_register(contact, expires))
        answer = stranger.send_register(contact, expires)
        assert first.status == 401 and answer.status in (401, 403)
        assert not first.all("Contact") and not answer.all("Contact")
        scene.assert_untouched(site)


@pytest.mark.parametrize("mode", MODES)
def test_another_user_of_the_same_upstream_changes_nothing(site, mode):
    """His own password is right, but the line is not his."""
    scene = Scene(site, mode)
    thief = scene.stranger
    thief.password = None
    for contact, expires in attacks(scene.devices[0].contact, thief.contact).values():
        challenge = thief.ask(thief.build_register(contact, expires))
        assert challenge.status == 401
        thief.challenge = challenge.header("WWW-Authenticate")
        thief.name, thief.password = "mallory", "pw"
        request = thief.build_register(contact, expires)
        thief.name, thief.password, thief.challenge = "alice", None, None
        request = request.with_line("To: <sip:mallory@", "To: <sip:alice@")
        answer = thief.ask(request)
        assert answer.status in (401, 403) and not answer.all("Contact")
        scene.assert_untouched(site)


@pytest.mark.parametrize("mode", MODES)
def test_trusted_sources_are_the_only_ones(site, mode):
    registrar = site.registrar("--challenge", "never")
    home = site.net.phone()
    site.config.set('access-list "home"', allow=[home])
    site.config.set('domain "example.test"', mode=mode, authentication="trusted", access_list="home")
    site.start()
    victim = site.registering("alice", host=home)
    assert victim.register().status == 200
    stranger = site.registering("alice")
    stranger.call_id, stranger.cseq = victim.call_id, 1000
    before = registrar.count()
    for contact, expires in attacks(victim.contact, stranger.contact).values():
        answer = stranger.ask(stranger.build_register(contact, expires))
        assert answer.status == 403 and not answer.all("Contact")
    assert registrar.count() == before
    assert list(contacts(victim.register())) == [victim.contact]


def test_a_stranger_cannot_keep_the_line_busy(site):
    """One REGISTER in flight is his; the owner's refresh is absorbed all the same, and what is not
    has its turn in time (D60)."""
    scene = Scene(site, "aor-throttle")
    scene.registrar.command("silent on")
    scene.stranger.send(scene.stranger.build_register("*", 0))
    for device in scene.devices:
        assert set(contacts(device.register(expires=300))) == scene.expected
    scene.registrar.command("silent off")


def test_behind_the_same_nat_a_neighbour_is_a_stranger(site):
    """Same IP address, another port."""
    scene = Scene(site, "aor-throttle")
    neighbour = site.registering("alice", "guessed", host=scene.devices[0].host)
    neighbour.call_id, neighbour.cseq = scene.devices[0].call_id, 1000
    for contact, expires in attacks(scene.devices[0].contact, neighbour.contact).values():
        answer = neighbour.send_register(contact, expires)
        assert answer.status in (401, 403) and not answer.all("Contact")
    scene.assert_untouched(site)


def test_a_stranger_s_refusals_cost_the_owner_no_refresh(site):
    """Each is a visit of the writer to the record; a refresh that meets one is answered all the
    same (it was 503)."""
    scene = Scene(site, "aor-throttle")
    scene.registrar.command("refuse 403:alice")
    strangers = [scene.imitator(site) for _ in range(4)]
    before = scene.registrar.count()
    for _ in range(100):
        for stranger in strangers:
            stranger.cseq += 1
            stranger.send(stranger.build_register(f"<{stranger.contact}>", 300))
        for device in scene.devices:
            answer = device.ask(device.build_register(f"<{device.contact}>", 300))
            assert answer.status == 200 and set(contacts(answer)) == scene.expected
    assert scene.registrar.count() > before
