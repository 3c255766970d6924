"""Late forking on several workers: devices come and go all the time while their lines are called."""
import random
import time

import pytest

from harness.bustle import Stage

GAUGES = ('transactions{side="server"}', 'transactions{side="client"}', "forwards_pending",
          "registers_pending")
LINES, DEVICES, SECONDS = 5, 4, 5.0
MOMENTS = 300


def start(site):
    site.judge_upstream()
    site.trust_upstream_host()
    site.set_workers(4)
    site.config.set("log", level="info")
    site.config.set("", durability="process")
    site.registrar("--challenge", "never")
    site.start()


def assert_one_end(call, takers):
    """One refusal, or the 200 of each device that has sent one."""
    answers = [tag for tag, status in call.finals.items() if status == 200]
    assert sorted(answers) == sorted(takers), call.finals
    assert len(call.finals) == max(len(takers), 1), call.finals


@pytest.mark.last
def test_calls_end_once_and_ring_each_device_once(site):
    """Some calls go on until every device of their line has joined them."""
    start(site)
    stage = Stage(site, LINES, DEVICES)
    stage.play(SECONDS)
    devices = stage.devices()
    for call_id, call in stage.calls.items():
        assert_one_end(call, [d.taken[call_id] for d in devices if call_id in d.taken])
        rung = [d for d in devices if call_id in d.rung]
        assert set(rung) <= set(stage.lines[call.line])
        assert [len(d.rung[call_id]) for d in rung] == [1] * len(rung)
        assert not call.is_patient or len(rung) == DEVICES
    metrics = site.http.metrics()
    assert metrics["late_forks_total"] > len(stage.calls) / 4
    assert metrics["late_forks_refused_total"] == 0
    assert metrics["packets_handed_over_total"] > 0
    site.wait_for(lambda: not any(site.http.metrics()[g] for g in GAUGES), timeout=60)


def test_a_device_that_registers_the_moment_its_line_is_called_rings(site):
    """Its binding is committed on one worker while another one has looked the line up and does not
    wait for it yet: whatever the order, it rings once."""
    start(site)
    caller = site.beside_upstream("caller")
    steady, device = (site.registering("alice") for _ in range(2))
    for phone in (steady, device):
        assert phone.register().status == 200
    for _ in range(MOMENTS):
        began = time.monotonic()
        assert device.register(expires=0).status == 200
        moment_s = random.uniform(0, 2) * (time.monotonic() - began)
        register = device.send(device.build_register(f"<{device.contact}>", 60))
        pause_until(time.monotonic() + moment_s)
        invite = caller.send(caller.request("INVITE", "sip:alice@example.test"))
        there = [phone.expect("INVITE") for phone in (steady, device)]
        for phone, request in zip((steady, device), there):
            phone.answer(request, 486)
        device.expect(200, of=register)
        caller.ack(invite, caller.expect(486, of=invite))
        for phone in (steady, device):
            phone.expect("ACK")
    device.expect_nothing(0.05)


def pause_until(end):
    """More exactly than a sleep."""
    while time.monotonic() < end:
        pass
