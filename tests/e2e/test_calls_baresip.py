"""Two real phones of one line, and a real caller who is not ours: he is at the Kamailio behind us,
which wants to know who he is."""
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


@pytest.fixture(params=["aor-throttle", "contact-throttle"])
def phones(site, request):
    """(caller, desk, mobile)"""
    site.judge_upstream()
    site.config.set('domain "example.test"', mode=request.param)
    site.kamailio(ROUTE.replace("    record_route();\n", PROOF.replace("PROXY", site.net.proxy)),
                  MODULES, (*registrar_params, ("registrar", "append_branches", 1)))
    site.start()
    caller = site.baresip("carol", "secret-carol", proxy=site.core)
    called = [site.baresip("bob", "secret-bob", is_tracing=True) for _ in range(2)]
    for phone in (caller, *called):
        phone.wait_output("} 200 OK")
        phone.connect()  # it tells of events only then
    return caller, *called


def ring(caller, *called):
    assert caller.command("dial", "sip:bob@example.test")["ok"]
    for phone in called:
        phone.wait_event("CALL_INCOMING")
    caller.wait_event("CALL_RINGING")


def cancels(phone):
    """The CANCELs that it got, each with its fields."""
    texts = phone.output().replace("\r", "").split("\n\n")
    return [t for t in texts if any(line.startswith("CANCEL sip:") for line in t.splitlines())]


def assert_media_is_direct(site, *ends):
    """Packets go from each end to the other, and none to or from the daemon."""
    with rtp_packets() as seen:
        site.wait_for(lambda: all(sum(n for (_, to), n in list(seen.items())
                                      if to[0] == end.address[0]) >= PACKETS for end in ends))
    one, other = (end.address[0] for end in ends)
    ports = {host: port for _, (host, port) in seen}
    assert site.net.proxy not in ports
    for (_, source_port), (host, port) in seen:
        if host in (one, other):
            assert (source_port, port) == (ports[other if host == one else one], ports[host])


@pytest.mark.parametrize("who", ["caller", "called"])
def test_one_answers_and_media_is_direct(site, phones, who):
    caller, desk, mobile = phones
    ring(*phones)
    assert desk.command("accept")["ok"]
    for phone in (caller, desk):
        phone.wait_event("CALL_ESTABLISHED")
    mobile.wait_event("CALL_CLOSED")
    (cancel,) = cancels(mobile)
    assert 'Reason: SIP;cause=200;text="Call completed elsewhere"' in cancel
    assert_media_is_direct(site, caller, desk)
    one, other = (caller, desk) if who == "caller" else (desk, caller)
    one.command("hangup")
    other.wait_event("CALL_CLOSED")
    assert not cancels(desk)


def test_the_caller_gives_up(phones):
    caller, *called = phones
    ring(*phones)
    caller.command("hangup")
    for phone in called:
        phone.wait_event("CALL_CLOSED")
        (cancel,) = cancels(phone)
        assert "completed elsewhere" not in cancel
