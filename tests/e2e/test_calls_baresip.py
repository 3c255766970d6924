"""Two real phones of one line, and a real caller: at the Kamailio behind us, which wants to know who
he is, or a phone of ours as they are."""
import time

import pytest

from harness.capture import rtp_packets
from test_calls_kamailio import MODULES, ROUTE, registrar_params

PROOF = """
    if ($si != "PROXY") {
        if (!pv_proxy_authenticate("$fd", "secret-$fU", "0")) {
            proxy_challenge("$fd", "1");
            exit;
        }
        consume_credentials();
    }
    record_route();
"""
PACKETS = 100  # a phone sends 50 each second
QUIET_S = 0.2  # without a packet: ten would have come


def start(site, mode="aor-throttle"):
    site.judge_upstream()
    site.config.set('domain "example.test"', mode=mode)
    site.kamailio(ROUTE.replace("    record_route();\n", PROOF.replace("PROXY", site.net.proxy)),
                  MODULES, (*registrar_params, ("registrar", "append_branches", 1)))
    site.start()


def registered(*phones):
    for phone in phones:
        phone.wait_output("} 200 OK")
        phone.connect()  # it tells of events only then
    return phones


def add_carol(site, where="upstream"):
    return site.baresip("carol", "secret-carol", proxy=site.core if where == "upstream" else None)


def add_bob(site):
    return site.baresip("bob", "secret-bob", is_tracing=True)


@pytest.fixture(params=["aor-throttle", "contact-throttle"])
def phones(site, request):
    """(caller, desk, mobile)"""
    start(site, request.param)
    return registered(add_carol(site), add_bob(site), add_bob(site))


def ring(caller, *called):
    assert caller.command("dial", "sip:bob@example.test")["ok"]
    for phone in called:
        phone.wait_event("CALL_INCOMING")
    caller.wait_event("CALL_RINGING")


def cancels(phone):
    """The CANCELs that it got, each with its fields."""
    texts = phone.output().replace("\r", "").split("\n\n")
    return [t for t in texts if any(line.startswith("CANCEL sip:") for line in t.splitlines())]


def assert_media_is_direct(site, *ends, packets=PACKETS):
    """Packets go from each end to the other, and none to or from the daemon."""
    with rtp_packets() as seen:
        site.wait_for(lambda: all(sum(n for (_, to), n in list(seen.items())
                                      if to[0] == end.address[0]) >= packets for end in ends))
    one, other = (end.address[0] for end in ends)
    ports = {host: port for _, (host, port) in seen}
    assert site.net.proxy not in ports
    for (_, source_port), (host, port) in seen:
        if host in (one, other):
            assert (source_port, port) == (ports[other if host == one else one], ports[host])


def take(phone, caller, other):
    """Of two that ring one is answered, and the other one hears so."""
    assert phone.command("accept")["ok"]
    for end in (caller, phone):
        end.wait_event("CALL_ESTABLISHED")
    other.wait_event("CALL_CLOSED")
    (cancel,) = cancels(other)
    assert 'Reason: SIP;cause=200;text="Call completed elsewhere"' in cancel


def hang_up(one, other):
    one.command("hangup")
    other.wait_event("CALL_CLOSED")


@pytest.mark.parametrize("who", ["caller", "called"])
def test_one_answers_and_media_is_direct(site, phones, who):
    caller, desk, mobile = phones
    ring(*phones)
    take(desk, caller, mobile)
    assert_media_is_direct(site, caller, desk)
    hang_up(*((caller, desk) if who == "caller" else (desk, caller)))
    assert not cancels(desk)


def test_the_caller_gives_up(phones):
    caller, *called = phones
    ring(*phones)
    caller.command("hangup")
    for phone in called:
        phone.wait_event("CALL_CLOSED")
        (cancel,) = cancels(phone)
        assert "completed elsewhere" not in cancel


def is_quiet(seen):
    """No media packet has come for a while, from anybody."""
    before = sum(seen.values())
    time.sleep(QUIET_S)
    return sum(seen.values()) == before


@pytest.mark.parametrize("where", ["upstream", "ours"])
@pytest.mark.parametrize("who", ["caller", "called"])
def test_hold_and_resume(site, where, who):
    """Both are re-INVITEs by the dialog's route, from either end; the one on hold hangs up."""
    start(site)
    caller, desk, mobile = registered(add_carol(site, where), add_bob(site), add_bob(site))
    ring(caller, desk, mobile)
    take(desk, caller, mobile)
    assert_media_is_direct(site, caller, desk, packets=20)
    one, other = (caller, desk) if who == "caller" else (desk, caller)
    other.events.clear()
    assert one.command("hold")["ok"]
    assert other.wait_event("CALL_REMOTE_SDP")["param"] == "offer"
    with rtp_packets() as seen:
        site.wait_for(lambda: is_quiet(seen))
    assert one.command("resume")["ok"]
    assert other.wait_event("CALL_REMOTE_SDP")["param"] == "offer"
    assert_media_is_direct(site, caller, desk, packets=20)
    trace = desk.output()
    assert (trace.count("a=sendonly"), trace.count("a=recvonly")) == (1, 1)
    hang_up(other, one)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_phone_that_is_switched_on_while_it_is_called_takes_the_call(site, workers):
    """A late fork: another device rings meanwhile, and stops then."""
    site.set_workers(workers)
    start(site)
    caller, desk = registered(add_carol(site), add_bob(site))
    ring(caller, desk)
    mobile = add_bob(site)
    mobile.wait_output("Incoming call from")  # it rings before it tells of events
    take(mobile, caller, desk)
    assert_media_is_direct(site, caller, mobile, packets=20)
    hang_up(mobile, caller)
    assert site.http.metrics()["late_forks_total"] == 1
