"""The line of the log and the counts for each call, as an operator reads them."""
import json
import re
import signal

import pytest

from harness import net

LINE = re.compile(r"^\S+Z info (?:worker\d*|main): call (.*)$", re.M)


def parse(text):
    fields = dict(word.split("=", 1) for word in text.split(" "))
    assert list(fields) == ["to", "outcome", "status", "by", "from", "branches", "ringing-ms",
                            "setup-ms", "call-id"]
    return fields


def calls(daemon):
    return [parse(text) for text in LINE.findall(daemon.output())]


@pytest.fixture
def line(site):
    """(caller, two devices of alice's); all is up."""
    site.judge_upstream()
    site.trust_upstream_host()
    site.registrar()
    site.config.set("log", level="info")
    site.start()
    devices = [site.registering("alice", "pw") for _ in range(2)]
    for device in devices:
        assert device.register().status == 200
    return site.beside_upstream("caller"), devices


def ring(caller, devices):
    invite = caller.send(caller.request("INVITE", "sip:alice@example.test"))
    there = [device.expect("INVITE") for device in devices]
    for device, request in zip(devices, there):
        device.answer(request, 180, to_tag=f"t{device.port}")
        caller.expect(180, of=invite)
    return invite, there


def cancelled(device, invite):
    cancel = device.expect("CANCEL")
    device.answer(cancel, 200)
    device.answer(invite, 487, to_tag=f"t{device.port}")
    device.expect("ACK")
    return cancel


def answered(caller, devices):
    invite, there = ring(caller, devices)
    devices[1].answer(there[1], 200, to_tag=f"t{devices[1].port}",
                      fields=[("Contact", f"<{devices[1].contact}>")])
    caller.ack(invite, caller.expect(200, of=invite))
    cancelled(devices[0], there[0])
    devices[1].expect("ACK")
    return invite


def declined(caller, devices):
    invite, there = ring(caller, devices)
    devices[1].answer(there[1], 603, to_tag=f"t{devices[1].port}")
    devices[1].expect("ACK")
    assert "cause=603" in cancelled(devices[0], there[0]).header("Reason")
    caller.ack(invite, caller.expect(603, of=invite))
    return invite


def test_a_line_and_a_count_for_each_call(site, line):
    caller, devices = line
    first, second = answered(caller, devices), declined(caller, devices)
    site.daemon.wait_output(" call to=", 2)
    taken, refused = calls(site.daemon)
    assert taken["call-id"] == first.header("Call-ID")
    assert taken["to"] == "alice@example.test" and taken["branches"] == "2"
    assert taken["outcome"] == "answered" and taken["by"] == net.text(*devices[1].address)
    assert taken["from"] == net.text(*caller.address)
    assert 0 <= int(taken["ringing-ms"]) <= int(taken["setup-ms"]) < 10000
    assert refused["call-id"] == second.header("Call-ID") and refused["status"] == "603"
    assert refused["outcome"] == "declined" and refused["by"] == net.text(*devices[1].address)
    metrics = site.http.metrics()
    assert metrics['calls_ended_total{outcome="answered"}'] == 1
    assert metrics['calls_ended_total{outcome="declined"}'] == 1
    assert metrics["call_branches_total"] == 4
    assert metrics["calls_pending"] == 0
    assert metrics["call_setup_seconds_count"] == metrics['call_setup_seconds_bucket{le="+Inf"}'] == 2
    sums = sum(int(c["setup-ms"]) for c in (taken, refused))
    assert metrics["call_setup_seconds_sum"] == pytest.approx(sums / 1000)
    assert metrics["call_ringing_delay_seconds_count"] == 2
    buckets = [v for k, v in metrics.items() if k.startswith("call_setup_seconds_bucket")]
    assert len(buckets) == 10 and buckets == sorted(buckets)


def test_a_call_that_is_no_more_at_the_stop_is_told(site, line):
    caller, devices = line
    site.config.set("", drain_timeout=3600)
    site.daemon.write(site.config)
    site.daemon.reload()
    ring(caller, devices)
    assert site.http.metrics()["calls_pending"] == 1
    site.daemon.signal(signal.SIGTERM)
    site.daemon.wait_output("stopping:")
    site.daemon.signal(signal.SIGTERM)
    assert site.daemon.wait(15) == 0
    (call,) = calls(site.daemon)
    assert call["outcome"] == "drained" and call["by"] == "us" and call["status"] == "0"


def test_a_level_without_calls_counts_them_still(site, line):
    caller, devices = line
    site.config.set("log", level="warning")
    site.daemon.write(site.config)
    site.daemon.reload()
    declined(caller, devices)
    assert site.http.metrics()['calls_ended_total{outcome="declined"}'] == 1
    assert not calls(site.daemon)


def test_json_holds_what_others_wrote(site):
    """A phone may call whom it likes, and write it as it likes."""
    site.config.set("log", level="info", format="json")
    site.config.set('upstream "registrar"', probe_interval="59m")  # without, a warning before there is a log
    upstream, phone = site.upstream(), site.phone()
    site.start()
    invite = phone.send(phone.request("INVITE", 'sip:caf\xc3\xa9;outcome=answered@example.test',
                                      call_id='"},{"call-id":"x%00\\n'))
    upstream.answer(upstream.expect("INVITE"), 404, to_tag="x")
    upstream.expect("ACK")
    phone.ack(invite, phone.expect(404))
    texts = [json.loads(text)["message"] for text in site.daemon.output().splitlines()]
    (call,) = [parse(text.removeprefix("call ")) for text in texts if text.startswith("call ")]
    assert call["to"] == "sip:caf%c3%a9;outcome=answered@example.test"
    assert call["outcome"] == "failed" and call["call-id"] == '"},{"call-id":"x%00\\n'
