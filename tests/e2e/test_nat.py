"""Phones behind a NAT that forgets: with keepalives a call finds them however long they have been
idle, without them it does not. By the kernel's own NAT."""
import os
import time

import pytest

from harness import nat
from harness.daemon import Daemon
from harness.fleet import Fleet
from harness.registrar import Registrar

IS_SOAK = os.environ.get("BREAKWATER_SOAK") == "1"
# How long a mapping lives, the keepalive, and how long the phone says nothing before it is called.
MAPPING_S, INTERVAL_S, IDLE_S = (30, 25, 50) if IS_SOAK else (3, 1, 6)
EXPIRES_S = 600  # no REGISTER keeps the mapping


@pytest.fixture
def home():
    made = nat.NatNetwork(MAPPING_S)
    yield made
    made.close()


def start(site, home, **keepalive):
    site.access, site.core = (nat.NET, 5060), (nat.NET, 5070)
    site.judge_upstream()
    site.set_workers(2)
    site.config.set("admin", http="")
    site.config.set("log", level="info")
    site.config.set('domain "example.test"', max_expires=EXPIRES_S)
    site.config.set('listen "phones"', address=f"udp:{nat.NET}:5060")
    site.config.set('upstream "registrar"', servers=[f"sip:{nat.NET}:5070"])
    site.config.set('domain "example.test"', keepalive=keepalive)
    site.caller = site.keep(Registrar(site, inside=home.inside("net"), options=[
        "--password", "pw", "--call-duration", 200]))
    site.caller.wait_ready()
    site.daemon = site.keep(Daemon(site.config, site.directory, inside=home.inside("net")))
    site.daemon.wait_ready()
    site.phones = site.keep(Fleet(site, "phones", [
        "--count", 3, "--password", "pw", "--expires", EXPIRES_S, "--instance", "--answer", "first",
        "--answer-after", 100, "--duration", 7200], inside=home.inside("home")))
    site.wait_for(lambda: site.caller.command("stats")["bindings"] == 3)
    site.phones.wait_registered(3)
    time.sleep(IDLE_S)


def call(site):
    site.caller.command("calls 3")
    site.caller.command("calls-per-second 10")

    def figures():
        return site.caller.command("stats")["calls"]

    site.wait_for(lambda: figures()["placed"] == 3)
    return figures


@pytest.mark.parametrize("method", ["crlf", "options"])
def test_a_call_finds_an_idle_phone(site, home, method):
    start(site, home, udp=INTERVAL_S, method=method)
    metrics = site.unix.metrics()
    assert metrics[f'keepalives_sent_total{{method="{method}"}}'] >= 3 * (IDLE_S // INTERVAL_S - 1)
    assert metrics["devices_unreachable"] == 0
    figures = call(site)
    site.wait_for(lambda: figures()["ended"] == 3)
    assert figures()["answered"] == 3
    site.phones.finish()


def test_without_keepalives_it_does_not(site, home):
    start(site, home, method="off")
    figures = call(site)
    time.sleep(2)
    assert figures()["answered"] == 0
    assert site.phones.report()["calls"]["invited"] == 0
