"""What a binding survives: restarts, kill -9 at any time, a reboot, damage. Nobody registers anew
for it, and upstream does not notice."""
import os
import random
import re
import threading
import time

import pytest

from harness.daemon import binary
from harness.phone import assert_absorbed, contacts, registered

@pytest.fixture(autouse=True)
def judged(site):
    site.judge_upstream()

IS_SOAK = bool(os.environ.get("BREAKWATER_SOAK"))
# So much slower a sanitizer makes things, generously.
SLOWNESS = 15 if re.search("asan|tsan", binary()) else 1


def begin(site, **top):
    registrar = site.registrar("--password", "pw")
    site.config.set("", **top)
    site.start()
    return registrar


def reboot(site):
    os.unlink(site.path("leases"))


def tear(site):
    with open(site.path("leases"), "r+b") as f:
        f.truncate(5000)


def garbage(site):
    with open(site.path("leases"), "r+b") as f:
        f.write(os.urandom(4096))


def noise(site):
    """The head is good, the slots are not."""
    with open(site.path("leases"), "r+b") as f:
        f.seek(4096)
        f.write(os.urandom(64 * 100))


def lose_checkpoint(site):
    reboot(site)
    for name in os.listdir(site.path("state")):
        if "lease" in name or "checkpoint" in name:
            os.unlink(site.path("state/" + name))


def break_checkpoint(site):
    reboot(site)
    for name in os.listdir(site.path("state")):
        if "lease" in name or "checkpoint" in name:
            with open(site.path("state/" + name), "r+b") as f:
                f.seek(100)
                f.write(os.urandom(200))


@pytest.mark.parametrize("durability", ["power", "process"])
@pytest.mark.parametrize("how", ["stop", "kill"])
def test_refreshes_go_on_being_absorbed(site, how, durability):
    registrar = begin(site, durability=durability)
    phones = registered(site, 10)
    for _ in range(3):
        if how == "stop":
            site.restart()
        else:
            site.kill()
            site.start()
        assert_absorbed(registrar, phones)
    for phone in phones:
        assert list(contacts(phone.query())) == [phone.contact]


@pytest.mark.parametrize("damage, is_told", [
    (reboot, False), (tear, True), (garbage, True), (noise, False), (lose_checkpoint, False),
    (break_checkpoint, True)])
def test_nothing_is_lost_with_the_leases(site, damage, is_told):
    registrar = begin(site, lease_checkpoint="1s")
    phones = registered(site, 10)
    assert_absorbed(registrar, phones)
    site.wait_for(lambda: site.http.metrics()['lease_checkpoints_total{outcome="written"}'] >= 1)
    site.kill()
    damage(site)
    daemon = site.start()
    assert_absorbed(registrar, phones)
    assert is_told == ("damaged" in daemon.output())
    assert is_told == (site.http.metrics()["lease_files_damaged_total"] > 0)


# ---------------------------------------------------------------- under load

class Owner(threading.Thread):
    """A line with two devices: one refreshes, the other comes and goes. Keeps book of what it was
    told."""
    def __init__(self, site, number):
        super().__init__(daemon=True)
        self.devices = [site.registering(f"owner{number}", "pw", keeps_proof=True) for _ in range(2)]
        self.there = [False, False]
        self.stop, self.failure, self.adds = threading.Event(), None, 0

    def run(self):
        try:
            while not self.stop.is_set():
                self.act(random.choice([0, 0, 1]))
        except Exception as e:  # the test's thread reports it
            self.failure = f"{e!r}\n{self.story()}"

    def story(self):
        """The last of what it said and heard."""
        own = {d.address for d in self.devices}
        ladder = self.devices[0].ladder
        return "\n".join(f"{at:.3f} {'from' if source in own else 'to'} device "
                         f"{[d.call_id for d in self.devices].index(m.call_id)} {m} {contacts(m)} "
                         f"Expires: {m.header('Expires')}"
                         for at, source, target, m in ladder.steps if {source, target} & own)[-3000:]

    def act(self, which):
        device = self.devices[which]
        is_leaving = which == 1 and self.there[1] and random.random() < 0.5
        self.adds += not self.there[which]
        answer = device.register(expires=0 if is_leaving else 300, timeout=60.0)
        assert answer.status == 200, answer
        self.there[which] = not is_leaving
        # what another worker has just committed for the other device may be listed a moment later
        assert (device.contact in contacts(answer)) == self.there[which], answer

    def expected(self):
        return {d.contact for d, there in zip(self.devices, self.there) if there}


@pytest.mark.parametrize("durability", ["power", "process"])
def test_what_was_acknowledged_survives_a_kill_at_any_time(site, durability):
    kills = 250 if IS_SOAK else 4
    site.config.set("log", level="info")
    site.set_workers(2)
    registrar = begin(site, durability=durability)
    idle = registered(site, 50)
    owners = [Owner(site, i) for i in range(6)]
    for owner in owners:
        owner.start()
    for _ in range(kills):
        time.sleep(random.uniform(0.05, 0.8))
        site.kill()
        site.start()
    for owner in owners:
        owner.stop.set()
    for owner in owners:
        owner.join(90)
        assert owner.failure is None, owner.failure
    before = registrar.count()
    for owner in owners:
        first = owner.devices[0]
        assert first.register(expires=300).status == 200
        assert set(contacts(first.query())) == owner.expected()
    assert registrar.count() == before
    assert_absorbed(registrar, idle)
    assert not [row for row in registrar.journal()[100:] if row["aor"].startswith("user")]
    assert before <= 100 + 2 * sum(o.adds for o in owners) + 4 * kills * len(owners)


# ---------------------------------------------------------------- many

def start_ms(daemon):
    """What the store says it took, of its last start."""
    return int(re.findall(r"freed\) in (\d+) ms", daemon.output())[-1])


@pytest.mark.parametrize("n", [1000000 if IS_SOAK else 20000])
def test_many_bindings_are_there_soon(site, n):
    """A million in 3 s."""
    registrar = site.registrar("--challenge", "never")
    site.config.set("", durability="process")
    site.config.set("log", level="info")
    site.config.set('domain "example.test"', max_expires="1h", reproof="1d",
                    upstream_expires="1d")
    site.start()
    crowd = site.crowd()
    crowd.register(range(n))
    site.kill()
    daemon = site.start()
    assert f"store: {n} AoRs, {n} leases" in daemon.output()
    took = start_ms(daemon)
    print(f"{n} bindings in {took} ms")
    assert took <= (3000 if IS_SOAK else 500) * SLOWNESS
    before = registrar.count()
    crowd.register(range(0, n, n // 1000))
    assert registrar.count() == before
