"""Forked calls over a network that loses, doubles and reorders packets: each is accounted for on
all sides, and nothing is left of them in the daemon."""
import os

import pytest

from harness import net
from harness.daemon import Daemon, binary
from harness.fleet import Fleet
from harness.inuse import InUse
from harness.network import Network, ip
from harness.program import run
from harness.registrar import Registrar

IS_SOAK = os.environ.get("BREAKWATER_SOAK") == "1"
CALLS, RATE = (100000, 200) if IS_SOAK else (2000, 100)
WARM = CALLS // 10  # calls after which the daemon has the tables and pools that it will need
# Bytes that may be added: less than the least that can be lost in each call. Some are, for a table
# grows with the most calls that were under way at a time.
GROWTH = 20 * CALLS
GAUGES = ('transactions{side="server"}', 'transactions{side="client"}', "forwards_pending",
          "registers_pending", "upstream_legs")
DEVICES = 3
LINES = {"first": 20, "none": 10, "busy": 10}  # what its phones do when they are called: lines


@pytest.fixture
def network(tmp_path):
    """The daemon is in the hub."""
    made = Network(str(tmp_path), ["phones", "core"])
    yield made
    made.close()


@pytest.fixture
def broken(network, site):
    """All is up, and everybody is registered."""
    site.access, site.core = (network.hub("phones"), 5060), (network.host("core"), 5070)
    site.set_workers(2)
    site.judge_upstream()
    site.config.set("admin", http="")
    site.config.set("log", level="info")
    site.config.set('domain "example.test"', max_expires=3600)
    site.config.set('listen "phones"', address="udp:" + net.text(*site.access), side="access")
    site.config.set('listen "core"', address="udp:" + net.text(network.hub("core"), 5060),
                    side="core")
    site.config.set('upstream "registrar"', servers=["sip:" + net.text(*site.core)])
    site.caller = site.keep(Registrar(site, inside=network.inside("core"), options=[
        "--password", "pw", "--call-duration", 200, "--ring-time", 1000]))
    site.caller.wait_ready()
    site.in_use = InUse(site.directory) if IS_SOAK and not is_sanitized() else None
    site.daemon = site.keep(Daemon(site.config, site.directory, inside=[
        *network.inside("hub"), *(site.in_use.before if site.in_use else [])]))
    site.daemon.wait_ready()
    site.fleets = {answer: add_fleet(site, network, answer, 100 * i)
                   for i, answer in enumerate(LINES)}
    site.wait_for(lambda: site.caller.command("stats")["bindings"] == sum(LINES.values()), 60)
    for answer, fleet in site.fleets.items():
        fleet.wait_registered(DEVICES * LINES[answer])
    return site


def is_sanitized():
    """A sanitizer has its own allocator, and its own search for leaks."""
    with open(binary(), "rb") as f:
        program = f.read()
    return b"__asan_init" in program or b"__tsan_init" in program


def add_fleet(site, network, answer, first_user):
    return site.keep(Fleet(site, "phones-" + answer, [
        "--count", DEVICES * LINES[answer], "--devices-per-line", DEVICES, "--sources", DEVICES,
        "--first-user", first_user, "--password", "pw", "--expires", 3600, "--instance", "--answer",
        answer, "--answer-after", 300, "--duration", 7200], inside=network.inside("phones")))


def call(site, n):
    """Until so many calls in all have been placed and are over; the caller's figures."""
    site.caller.command(f"calls {n}")
    site.caller.command(f"calls-per-second {RATE}")

    def is_over():
        site.figures = site.caller.command("stats")["calls"]
        return site.figures["placed"] == n and not site.figures["under_way"]

    site.wait_for(is_over, timeout=n / RATE * 1.5 + 60)
    return site.figures


def end(site):
    """Until nothing is left of the calls in the daemon."""
    site.wait_for(lambda: not any(site.unix.metrics()[g] for g in GAUGES), timeout=60)


def assert_caller_knows_all(figures):
    assert figures["answered"] + figures["refused"] + figures["cancelled"] == CALLS, figures
    assert figures["ended"] == figures["answered"] + figures["more_answers"]
    assert figures["unreachable"] == figures["timeouts"] == figures["wrong"] == 0, figures
    assert set(figures["statuses"]) <= {"200", "486", "487"}, figures


def assert_phones_know_all(reports, figures):
    """Each device that rang was answered, refused by itself, or cancelled: once."""
    total = {name: sum(r["calls"][name] for r in reports.values())
             for name in reports["first"]["calls"]}
    assert total["invited"] == total["rung"] == DEVICES * CALLS, total
    assert total["answered"] + total["refused"] + total["cancelled"] == total["rung"], total
    assert total["answered"] == total["ended"] == figures["answered"] + figures["more_answers"]
    none, busy = reports["none"]["calls"], reports["busy"]["calls"]
    assert none["cancelled"] == none["rung"] > 0
    assert busy["answered"] == 0 and busy["refused"] >= DEVICES * figures["refused"] > 0


@pytest.mark.last
def test_calls_end_on_a_broken_network(broken):
    if broken.in_use:
        call(broken, WARM)
        end(broken)
        before = broken.in_use.bytes()
    figures = call(broken, CALLS)
    assert_caller_knows_all(figures)
    end(broken)
    if broken.in_use:
        assert broken.in_use.bytes() - before < GROWTH
    metrics = broken.unix.metrics()
    assert metrics['transaction_timeouts_total{side="client"}'] == 0
    assert metrics['transaction_timeouts_total{side="server"}'] == 0
    assert metrics["requests_cancelled_total"] >= figures["cancelled"] > 0
    assert metrics['retransmissions_total{direction="in"}'] > CALLS / 100  # it was broken indeed
    assert metrics['retransmissions_total{direction="out"}'] > CALLS / 100
    assert_phones_know_all({a: f.finish() for a, f in broken.fleets.items()}, figures)


def test_what_is_killed_leaves_no_network(tmp_path):
    """The names of a process that is not there any more."""
    name = "bw-4194999-0-hub"  # above the greatest process id
    ip("netns", "add", name)
    Network(str(tmp_path), []).close()
    assert name not in run(["ip", "netns", "list"])[1]
