"""How a line's devices are tried, with real peers: each device, the voicemail and the caller are SIPp;
or Kamailio is in between and routes by itself."""
import pytest

from harness import net
from harness.books import Books
from harness.kamailio import registrar_params
from test_calls_kamailio import MODULES, ROUTE

CALLS, RATE = 15, 50
RING_S = 1
DECLINES_S = 0.1  # so much later; times are SIPp's, who notes them late


@pytest.fixture
def line(site):
    """line(q, …) starts the daemon; the registered devices of bob's, with these q."""
    site.judge_upstream()
    site.trust_upstream_host()
    site.config.set("log", level="info")
    site.config.set('domain "example.test"', max_expires=3600, ring_timeout=RING_S)

    def make(*qs, **options):
        site.config.set('domain "example.test"', **options)
        site.registrar()
        site.start()
        phones = [site.registering("bob", "pw") for _ in qs]
        for phone, q in zip(phones, qs):
            assert phone.send_register(f"<{phone.contact}>;q={q}", 3600).status == 200
        return phones

    return make


def play(site, caller, *parties, **how):
    return Books(site, caller, parties, CALLS, RATE, **how)


# ---------------------------------------------------------------- fork = q

def times_of(program):
    """Call-ID -> method -> when it came first."""
    found = {}
    for at, m in program.messages():
        if m.is_request:
            found.setdefault(m.call_id, {}).setdefault(m.method, at)
    return found


def test_groups_by_q_have_their_turns(site, line):
    """One declines, the next one rings its time, the third group takes it: one of two; the last one
    hears nothing."""
    devices = line(0.9, 0.5, 0.3, 0.3, 0.1, fork="q")
    books = play(site, "uac", ("declining", devices[0]), ("cancelled", devices[1]),
                 ("uas", devices[2]), ("cancelled", devices[3]), options=["-trace_msg"])
    books.check()
    first, second, taker, other = books.called
    books.each_got([first], "INVITE", "ACK")
    books.each_got([second, other], "INVITE", "CANCEL", "ACK")
    books.each_got([taker], "INVITE", "ACK", "BYE")
    assert books.sum(books.caller, "Recv", method="180") == 4 * CALLS
    assert books.metrics["ring_timeouts_total"] == CALLS
    when = [times_of(program) for program in books.called]
    assert [len(w) for w in when] == [CALLS] * 4
    for call, declined in when[0].items():
        rung, taken, missed = (w[call] for w in when[1:])
        assert declined["INVITE"] + DECLINES_S / 2 < rung["INVITE"]
        assert rung["INVITE"] + RING_S / 2 < min(rung["CANCEL"], taken["INVITE"], missed["INVITE"])
    devices[4].expect_nothing(0.05)


# ---------------------------------------------------------------- fallback

@pytest.fixture
def voicemail(site):
    """Somebody at an address of the core side."""
    vm = site.phone("voicemail")
    site.config.set('domain "example.test"', fallback="sip:voicemail@" + net.text(*vm.address))
    return vm


@pytest.mark.parametrize("scenario, got", [("cancelled", ("INVITE", "CANCEL", "ACK")),
                                           ("declining", ("INVITE", "ACK"))])
def test_the_voicemail_takes_what_rings_in_vain_or_is_busy(site, voicemail, line, scenario, got):
    devices = line(1, 1)
    books = play(site, "uac_direct", *((scenario, d) for d in devices), ("voicemail", voicemail))
    books.each_got(books.called[:2], *got)
    books.each_got(books.called[2:], "INVITE", "ACK", "BYE")
    assert books.metrics["ring_timeouts_total"] == (CALLS if scenario == "cancelled" else 0)


@pytest.mark.parametrize("is_there", [True, False])
def test_the_voicemail_takes_what_is_silent(site, voicemail, line, is_there):
    """A device that does not answer at all, or whose socket is gone."""
    (device,) = line(1)
    if not is_there:
        device.close()
    books = play(site, "uac_direct", ("voicemail", voicemail))
    books.each_got(books.called, "INVITE", "ACK", "BYE")
    assert books.sum(books.caller, "Recv", method="200") == 2 * CALLS


def test_the_voicemail_takes_what_nobody_is_registered_for(site, voicemail, line):
    """At once: a line without a device, but known; one that never was is unknown."""
    (device,) = line(1, min_expires=1, grace=0)
    assert device.register(expires=1).status == 200
    lapsed = "bindings_lapsed_total"
    site.wait_for(lambda: site.http.metrics()[lapsed] == 1)
    books = play(site, "uac_direct", ("voicemail", voicemail))
    books.each_got(books.called, "INVITE", "ACK", "BYE")
    assert books.metrics["ring_timeouts_total"] == 0
    device.expect_nothing(0.05)
    caller = site.beside_upstream("caller")
    assert caller.ask(caller.request("INVITE", "sip:nobody@example.test")).status == 404


def test_who_declines_for_all_spares_the_voicemail(site, voicemail, line):
    devices = line(1, 1)
    books = play(site, "uac_declined", ("declining_for_all", devices[0]),
                 ("cancelled", devices[1]))
    books.check()
    books.each_got(books.called[1:], "INVITE", "CANCEL", "ACK")
    assert books.sum(books.caller, "Recv", method="603") == CALLS
    voicemail.expect_nothing(0.05)


# ---------------------------------------------------------------- global-decline

def test_one_declines_for_all(site, line):
    """The next group is not tried."""
    devices = line(1, 1, 1, 0.5, fork="q", global_decline="yes")
    books = play(site, "uac_declined", ("declining_for_all", devices[0]),
                 *(("cancelled", d) for d in devices[1:3]))
    books.check()
    books.each_got(books.called[:1], "INVITE", "ACK")
    books.each_got(books.called[1:], "INVITE", "CANCEL", "ACK")
    assert books.sum(books.caller, "Recv", method="603") == CALLS
    devices[3].expect_nothing(0.05)


def test_one_declines_for_itself(site, line):
    """The others ring on, and the next group has its turn."""
    devices = line(1, 1, 0.5, fork="q", global_decline="no")
    books = play(site, "uac", ("declining_for_all", devices[0]), ("declining", devices[1]),
                 ("uas", devices[2]))
    books.check()
    books.each_got(books.called[:2], "INVITE", "ACK")
    books.each_got(books.called[2:], "INVITE", "ACK", "BYE")
    assert books.sum(books.caller, "Recv", method="603") == 0


# ---------------------------------------------------------------- early-media

@pytest.mark.parametrize("whose, heard", [("all", 3), ("first", 2)])
def test_early_media_of_two(site, line, whose, heard):
    """The second device is heard when the first one has failed, and before only with all."""
    devices = line(1, 1, early_media=whose)
    books = play(site, "uac", ("early_declining", devices[0]), ("early", devices[1]))
    books.check()
    books.each_got(books.called[1:], "INVITE", "ACK", "BYE")
    assert books.sum(books.caller, "Recv", method="183") == heard * CALLS
    assert books.metrics["early_media_withheld_total"] == (3 - heard) * CALLS


@pytest.mark.parametrize("whose", ["all", "first"])
def test_reliable_early_media_of_two(site, line, whose):
    """RFC 3262: their senders wait for the PRACK, so each goes back."""
    devices = line(1, 1, early_media=whose)
    books = play(site, "uac_reliable", ("reliable", devices[0]),
                 ("reliable_cancelled", devices[1]))
    books.check()
    books.each_got(books.called[:1], "INVITE", "PRACK", "ACK", "BYE")
    books.each_got(books.called[1:], "INVITE", "PRACK", "CANCEL", "ACK")
    assert books.sum(books.caller, "Sent", method="PRACK") == 2 * CALLS
    assert books.metrics["early_media_withheld_total"] == 0


# ---------------------------------------------------------------- fork = redirect

def test_a_caller_follows_the_redirection(site, line):
    """To the Contact that is best, which the daemon takes to that device alone."""
    devices = line(0.4, 0.9, fork="redirect")
    books = play(site, "uac_moved", ("uas", devices[1]))
    books.check()
    books.each_got(books.called, "INVITE", "ACK", "BYE")
    assert books.sum(books.caller, "Recv", method="302") == CALLS
    assert books.metrics["requests_redirected_total"] == CALLS
    devices[0].expect_nothing(0.05)


# ---------------------------------------------------------------- Kamailio in between

def start_behind_kamailio(site, route, modules=MODULES, params=()):
    site.judge_upstream()
    site.config.set("log", level="info")
    site.kamailio(route, modules, (*registrar_params, *params))
    site.start()


def test_the_voicemail_is_behind_kamailio(site):
    """Its host is a name, so the call goes back to where it came from."""
    voicemail = site.phone("voicemail")
    site.config.set('domain "example.test"', fallback="sip:gateway@example.test")
    start_behind_kamailio(site, ROUTE.replace("GATEWAY", net.text(*voicemail.address)))
    devices = [site.registering("bob") for _ in range(2)]
    for device in devices:
        assert device.register().status == 200
    books = play(site, "uac", *(("declining", d) for d in devices), ("uas", voicemail),
                 is_beside=False)
    books.each_got(books.called[:2], "INVITE", "ACK")
    books.each_got(books.called[2:], "INVITE", "ACK", "BYE")


# To the Contacts one after another, the best first, each by way of us.
FOLLOW = """
    t_on_failure("REDIRECTED");
    t_relay();
}
failure_route[REDIRECTED] {
    if (!t_is_canceled() && t_check_status("302")) {
        get_redirects("*");
        if (t_load_contacts()) route(NEXT);
    }
}
failure_route[FAILED] {
    if (!t_is_canceled()) route(NEXT);
}
route[NEXT] {
    if (t_next_contacts()) {
        t_on_branch("BACK");
        t_on_failure("FAILED");
        t_relay();
    }
}
branch_route[BACK] {
    $du = "sip:PROXY";
"""


def test_kamailio_follows_the_redirection(site):
    """One after another by their q, which is its own affair: the first declines."""
    site.config.set('domain "example.test"', fork="redirect")
    route = ROUTE[:ROUTE.rindex("    t_relay();")] + FOLLOW.replace("PROXY", net.text(*site.access))
    start_behind_kamailio(site, route, (*MODULES, "acc", "uac_redirect"),
                          (("tm", "contacts_avp", "i:7"), ("tm", "contact_flows_avp", "i:8")))
    devices = [site.registering("bob") for _ in range(3)]
    for device, q in zip(devices, (0.5, 0.9, 0.1)):
        assert device.send_register(f"<{device.contact}>;q={q}", 60).status == 200
    books = play(site, "uac", ("uas", devices[0]), ("declining", devices[1]), is_beside=False,
                 options=["-trace_msg"])
    taker, first = books.called
    books.each_got([first], "INVITE", "ACK")
    books.each_got([taker], "INVITE", "ACK", "BYE")
    assert books.metrics["requests_redirected_total"] == CALLS
    taken = times_of(taker)
    for call, declined in times_of(first).items():
        assert declined["INVITE"] + DECLINES_S / 2 < taken[call]["INVITE"]
    devices[2].expect_nothing(0.05)
