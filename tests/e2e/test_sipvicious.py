"""SIPVicious, the tools that most scans on the Internet are made with, finds no extension and no
password, and is banned; phones at the same address go on."""
import os
import sys

import pytest

from harness.program import Program
from harness.stream_ua import StreamUa

# Fedora has no package of it.
pytestmark = pytest.mark.skipif(not os.path.exists("/usr/bin/svcrack"), reason="no SIPVicious here")

PASSWORD = "0042"  # the cracker would come to it


@pytest.fixture
def target(site):
    """alice, 100, is registered; upstream challenges everybody."""
    site.judge_upstream()
    site.registrar("--password", PASSWORD)
    site.config.set("limits", scanners="none")
    site.start()
    site.alice = site.registering("100", PASSWORD)
    assert site.alice.register().status == 200
    return site


HOST = "127.0.0.1"  # where the tools send from, whatever they are told to bind to


def run(site, tool, *args):
    where, port = site.access
    program = site.keep(Program(tool, [sys.executable, f"/usr/bin/{tool}", *args, "-p", port, where],
                                site.directory, {"HOME": site.directory}))
    program.wait(60.0)
    return program.output()


def crack(site):
    return run(site, "svcrack", "-u", "100", "-r", "0-99", "-z", "4", "--maximumtime", "2",
               "--domain", "example.test")


def bans(site):
    return [b["address"] for b in site.unix.get("/api/v1/bans").json["bans"]]


def test_by_default_nobody_is_at_home(target):
    target.config.set("limits", scanners=["friendly-scanner"])
    target.restart()
    output = run(target, "svmap")
    assert "found nothing" in output
    assert target.http.metrics()['packets_dropped_total{reason="scanner"}'] >= 1


def test_with_another_name_it_finds_a_proxy_and_no_extension(target):
    assert "breakwater" not in run(target, "svmap").lower()
    for method in ("REGISTER", "INVITE", "OPTIONS"):
        output = run(target, "svwar", "-e", "95-105", "-m", method, "--domain",
                     "example.test", "--force", "--maximumtime", "2")
        rows = [line.split("|")[1:3] for line in output.splitlines() if line.startswith("| 1") or
                line.startswith("| 9")]
        words = {state.strip() for _, state in rows}
        assert len(words) <= 1, f"{method} tells the extensions apart:\n{output}"
    assert target.http.metrics()["calls_pending"] == 0


def scan(target, tool, n):
    """What svwar does, who stops by himself where all lines are answered alike."""
    for line in range(200, 200 + n):
        aor = f"<sip:{line}@example.test>"
        tool.send(tool.request("REGISTER", from_=f"{aor};tag=s", to=aor))


def test_who_asks_for_line_after_line_is_slowed(target):
    """Datagrams may be forged: they ban nobody, and the phone at the same address goes on."""
    target.config.set("limits", lines_before_scan=5, requests_per_source=100)
    target.restart()
    tool = target.phone("tool")
    bob = target.registering("101", PASSWORD, host=tool.host)
    assert bob.register().status == 200
    scan(target, tool, 60)
    target.wait_for(lambda: target.http.metrics()['packets_dropped_total{reason="scan"}'] >= 20)
    assert target.http.metrics()["bans_total"] == 0
    assert bob.register().status == 200


def test_who_asks_for_line_after_line_by_a_connection_is_banned(target):
    target.config.set("limits", lines_before_scan=5, requests_per_source=100)
    wire = target.add_stream("tcp", target.net.proxy)
    target.restart()
    tool = target.add(StreamUa("tool", target.ladder, wire))
    scan(target, tool, 6)  # the one behind the fifth
    target.wait_for(lambda: bans(target) == [tool.host])
    assert target.http.metrics()["bans_total"] == 1
    assert f"ban source={tool.host} for 600 s: one connection asks for line after line" in \
        target.daemon.output()
    assert target.alice.register().status == 200


def test_the_cracker_is_banned_before_it_finds_the_password(target):
    bob = target.registering("101", PASSWORD, host=HOST)  # behind the same address
    assert bob.register().status == 200
    output = crack(target)
    assert PASSWORD not in output, output
    assert bans(target) == [HOST]
    assert target.http.metrics()["bans_total"] == 1
    log = target.daemon.output()
    assert log.count(f"failure source={HOST} aor=100@example.test") == 10
    assert f"ban source={HOST} for 600 s" in log
    assert PASSWORD not in log
    assert target.alice.register().status == 200
    assert bob.register().status == 200
