"""Many forked calls at once, by SIPp: one device answers, two ring in vain; nothing is left."""
import os

import pytest

from harness import net

MANY = 10000 if os.environ.get("BREAKWATER_SOAK") == "1" else 300
RATE = 50
GAUGES = ('transactions{side="server"}', 'transactions{side="client"}', "forwards_pending")


@pytest.fixture
def devices(site):
    """Three registered phones of bob's; nothing of their registering is left either."""
    site.judge_upstream()
    site.trust_upstream_host()
    site.config.set("log", level="info")
    site.config.set('domain "example.test"', max_expires=3600)
    site.registrar()
    site.start()
    phones = [site.registering("bob", "pw") for _ in range(3)]
    for phone in phones:
        assert phone.register(expires=3600).status == 200
    return phones


def run_calls(site, devices, calls, *args):
    """The caller's and the callees' SIPp, ended well."""
    limit = calls // RATE + 60
    args = ["-timeout", f"{limit}s", *args]
    called = [site.sipp_device(scenario, calls, phone, *args)
              for scenario, phone in zip(("callee", "loser", "loser"), devices)]
    for program in called:
        site.wait_for(lambda p=program: net.is_bound(p.address))
    caller = site.sipp_upstream("uac", calls, "-r", RATE, "-l", calls, *args)
    for program in (caller, *called):
        program.succeed(limit)


def assert_all_is_over(site):
    """The longest wait of an ended transaction is 32 s."""
    site.wait_for(lambda: not any(site.http.metrics()[g] for g in GAUGES), timeout=60)


@pytest.mark.last
def test_forked_calls_end(site, devices):
    run_calls(site, devices, 200)
    metrics = site.http.metrics()
    assert metrics['transaction_timeouts_total{side="client"}'] == 0
    assert metrics['packets_dropped_total{reason="stray-ack"}'] == 0
    assert_all_is_over(site)


@pytest.mark.last
def test_forked_calls_end_where_packets_get_lost(site, devices):
    run_calls(site, devices, MANY, "-lost", "1")
    assert_all_is_over(site)
