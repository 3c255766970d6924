"""Stopping with calls under way, reloading, and log files that are rotated."""
import json
import os
import re
import signal
import time

import pytest


def ring(site, phone, upstream):
    """A call that rings: (INVITE, as the upstream got it)."""
    invite = phone.send(phone.request("INVITE", "sip:bob@example.test"))
    there = upstream.expect("INVITE")
    upstream.answer(there, 180)
    phone.expect(180)
    return invite, there


# ---------------------------------------------------------------- SIGTERM

def test_a_drain_waits_for_the_call_that_rings(site):
    site.config.set("", drain_timeout=30)
    upstream, phone, late = site.upstream(), site.phone(), site.phone("late")
    daemon = site.start()
    invite, there = ring(site, phone, upstream)
    daemon.signal(signal.SIGTERM)
    daemon.wait_output("stopping:")
    refused = late.ask(late.request("MESSAGE", "sip:bob@example.test"))
    assert refused.status == 503 and refused.header("Retry-After")
    upstream.answer(there, 200)
    phone.ack(invite, phone.expect(200))
    assert daemon.wait(15) == 0


def test_a_call_that_still_rings_at_the_end_of_the_drain_gets_503(site):
    site.config.set("", drain_timeout=1)
    upstream, phone = site.upstream(), site.phone()
    daemon = site.start()
    invite, _ = ring(site, phone, upstream)
    began = time.monotonic()
    daemon.signal(signal.SIGTERM)
    phone.expect(503, of=invite)
    assert time.monotonic() - began > 0.9
    assert daemon.wait(15) == 0


def test_a_second_sigterm_does_not_wait(site):
    site.config.set("", drain_timeout=3600)
    upstream, phone = site.upstream(), site.phone()
    daemon = site.start()
    ring(site, phone, upstream)
    daemon.signal(signal.SIGTERM)
    daemon.wait_output("stopping:")
    daemon.signal(signal.SIGTERM)
    assert daemon.wait(15) == 0


def test_a_drain_takes_cancel(site):
    site.config.set("", drain_timeout=30)
    upstream, phone = site.upstream(), site.phone()
    daemon = site.start()
    invite, there = ring(site, phone, upstream)
    daemon.signal(signal.SIGTERM)
    daemon.wait_output("stopping:")
    phone.send(phone.follow(invite, "CANCEL"))
    phone.expect(200)
    upstream.answer(upstream.expect("CANCEL"), 200)
    upstream.answer(there, 487)
    phone.ack(invite, phone.expect(487))
    assert daemon.wait(15) == 0


# ---------------------------------------------------------------- SIGHUP

def test_a_reload_takes_effect_and_loses_no_call(site):
    upstream, phone = site.upstream(), site.phone()
    daemon = site.start()
    invite, there = ring(site, phone, upstream)
    other = phone.request("MESSAGE", "sip:bob@other.test")
    assert phone.ask(other).status == 403
    site.add_domain("other.test")
    daemon.write(site.config)
    daemon.reload()
    assert "reload: done" in daemon.output()
    with upstream.serving(lambda request: 202):
        assert phone.ask(phone.request("MESSAGE", "sip:bob@other.test")).status == 202
    upstream.answer(there, 200)
    phone.ack(invite, phone.expect(200, of=invite))


def test_a_reload_with_a_mistake_changes_nothing(site):
    upstream, phone = site.upstream(), site.phone()
    daemon = site.start()
    good = site.config.text()
    daemon.write(good.replace("drain-timeout = 0", 'drain-timeout = "never"'))
    daemon.reload()
    out = daemon.output()
    assert f"{daemon.path}:2: " in out and "the running configuration stays" in out
    with upstream.serving(lambda request: 202):
        assert phone.ask(phone.request("MESSAGE", "sip:bob@example.test")).status == 202
    daemon.write(good)
    daemon.reload()
    assert "reload: done" in daemon.output()


def test_a_reload_names_what_needs_a_restart(site):
    daemon = site.start()
    site.config.set('listen "phones"', side="access")
    daemon.write(site.config)
    daemon.reload()
    assert re.search(r'listen "phones" side: .*restart', daemon.output())


def test_many_reloads_under_load(site):
    upstream, phone = site.upstream(), site.phone()
    daemon = site.start()
    with upstream.serving(lambda request: 200):
        for i in range(20):
            site.config.set(f'domain "d{i}.test"')
            daemon.write(site.config)
            daemon.reload()
            request = phone.request("MESSAGE", f"sip:bob@d{i}.test")
            assert phone.ask(request).status in (200, 403)  # a worker takes it at its next turn


# ---------------------------------------------------------------- the log

def test_sigusr1_opens_the_log_file_again(site):
    path = site.path("breakwater.log")
    site.config.set("log", target=path)
    daemon = start_with_log(site, path)
    os.rename(path, path + ".1.log")
    daemon.signal(signal.SIGUSR1)
    wait_for(lambda: os.path.exists(path))
    daemon.stop()
    assert "stopped" in read(path) and "stopped" not in read(path + ".1.log")


@pytest.mark.parametrize("form", ["text", "json"])
def test_each_line_of_the_log_has_its_form(site, form):
    path = site.path("breakwater.log")
    site.config.set("log", target=path, format=form)
    start_with_log(site, path).stop()
    lines = read(path).splitlines()
    assert len(lines) >= 3
    for line in lines:
        if form == "json":
            entry = json.loads(line)
            assert set(entry) == {"time", "level", "thread", "message"}
            line = f"{entry['time']} {entry['level']} {entry['thread']}: {entry['message']}"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z "
                            r"(error|warning|info|debug) \w+: .+", line), line


def start_with_log(site, log):
    """A daemon whose log goes to a file, ready."""
    daemon = site.launch()
    assert daemon.told() == "READY=1"
    assert "is ready" in read(log)
    return daemon


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def wait_for(holds, timeout=15.0):
    end = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)
