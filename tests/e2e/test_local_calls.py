"""Two real phones call each other while the Kamailio behind us, where they have registered, is dead,
or asleep and awake again."""
import os
import signal
import time

import pytest

from test_calls_baresip import assert_media_is_direct
from test_calls_kamailio import MODULES, ROUTE, registrar_params

SILENCE = 5.0  # seconds
TRACE = '    xlog("got $rm to $rU\\n");\n'


@pytest.fixture
def upstream(site):
    site.judge_upstream()
    upstream = site.kamailio(TRACE + ROUTE, MODULES, registrar_params)
    site.start()
    return upstream


@pytest.fixture
def phones(site, upstream):
    """(alice, bob)"""
    assert upstream.is_running
    phones = [site.baresip(name, f"secret-{name}", is_tracing=True) for name in ("alice", "bob")]
    for phone in phones:
        phone.wait_output("} 200 OK")
        phone.connect()  # it tells of events only then
    return phones


def local_requests(site):
    return site.http.metrics()['local_requests_total{reason="outage"}']


def ring(caller, name, called):
    """The seconds until it rings."""
    began = time.monotonic()
    assert caller.command("dial", f"sip:{name}@example.test")["ok"]
    called.wait_event("CALL_INCOMING")
    return time.monotonic() - began


def talk(site, caller, called):
    assert called.command("accept")["ok"]
    for phone in (caller, called):
        phone.wait_event("CALL_ESTABLISHED")
    assert_media_is_direct(site, caller, called)


def hang_up(one, other):
    one.command("hangup")
    other.wait_event("CALL_CLOSED")


def test_they_talk_while_the_upstream_is_dead(site, upstream, phones):
    alice, bob = phones
    upstream.kill()
    assert ring(alice, "bob", bob) >= SILENCE - 0.1
    talk(site, alice, bob)
    hang_up(bob, alice)
    assert ring(bob, "alice", alice) < SILENCE / 2
    talk(site, bob, alice)
    hang_up(bob, alice)
    assert local_requests(site) == 2


def test_calls_go_up_again_once_it_is_awake(site, upstream, phones):
    alice, bob = phones
    assert ring(alice, "bob", bob) < SILENCE / 2
    hang_up(bob, alice)
    assert local_requests(site) == 0
    os.killpg(upstream.process.pid, signal.SIGSTOP)
    try:
        assert ring(alice, "bob", bob) >= SILENCE - 0.1
        talk(site, alice, bob)
    finally:
        os.killpg(upstream.process.pid, signal.SIGCONT)
    # what it slept through it sees now, and the CANCEL for it: the call here goes on
    upstream.wait_output("got CANCEL to bob")
    assert_media_is_direct(site, alice, bob)
    hang_up(alice, bob)
    seen = upstream.output().count("got INVITE to alice")
    assert ring(bob, "alice", alice) < SILENCE / 2
    upstream.wait_output("got INVITE to alice", seen + 1)
    hang_up(bob, alice)
    assert local_requests(site) == 1
