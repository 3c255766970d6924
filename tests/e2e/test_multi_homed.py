"""A host in three networks, by the kernel's own routes: what goes to the upstream leaves by the
interface and from the address that lead there, not by those of the listener that comes first, from
where no answer would find back."""
import pytest

from harness import net
from harness.daemon import Daemon
from harness.fleet import Fleet
from harness.network import Network
from harness.registrar import Registrar

PLACES = ("phones", "east", "west")
COUNT = 5


@pytest.fixture
def network(tmp_path):
    made = Network(str(tmp_path), PLACES)
    yield made
    made.close()


@pytest.mark.parametrize("place", ["east", "west"])
def test_the_route_chooses_the_listener(site, network, place):
    site.access, site.core = (network.hub("phones"), 5060), (network.host(place), 5070)
    site.judge_upstream()
    site.config.set("admin", http="")
    site.config.set("log", level="info")
    site.config.set('domain "example.test"', max_expires=600)
    site.config.set('listen "phones"', address="udp:" + net.text(*site.access), side="access")
    for name in ("east", "west"):
        site.config.set(f'listen "{name}"', address="udp:" + net.text(network.hub(name), 5060),
                        side="core")
    site.config.set('upstream "registrar"', servers=["sip:" + net.text(*site.core)])
    caller = site.keep(Registrar(site, inside=network.inside(place), options=[
        "--password", "pw", "--call-duration", 200, "--ring-time", 1000]))
    caller.wait_ready()
    site.daemon = site.keep(Daemon(site.config, site.directory, inside=network.inside("hub")))
    site.daemon.wait_ready()
    phones = site.keep(Fleet(site, "phones", [
        "--count", COUNT, "--password", "pw", "--expires", 600, "--instance", "--answer", "first",
        "--answer-after", 100, "--duration", 7200], inside=network.inside("phones")))
    site.wait_for(lambda: caller.command("stats")["bindings"] == COUNT, 30.0)
    phones.wait_registered(COUNT)
    caller.command(f"calls {COUNT}")
    caller.command("calls-per-second 10")
    site.wait_for(lambda: caller.command("stats")["calls"]["ended"] == COUNT, 60.0)
    assert caller.command("stats")["calls"]["answered"] == COUNT
    phones.finish()
