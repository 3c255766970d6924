"""Calls forked to two, five and ten devices, all of them SIPp, whose books and the daemon's agree."""
import pytest

from harness.books import Books

CALLS = 200
LEGS_PER_S = 150  # a sanitized daemon bears it without retransmissions


@pytest.fixture(params=[2, 5, 10])
def devices(site, request):
    """So many registered phones of bob's."""
    site.judge_upstream()
    site.trust_upstream_host()
    site.config.set("log", level="info")
    site.config.set('domain "example.test"', max_expires=3600)
    site.registrar()
    site.start()
    phones = [site.registering("bob", "pw") for _ in range(request.param)]
    for phone in phones:
        assert phone.register(expires=3600).status == 200
    return phones


def play(site, devices, caller, first, others):
    """The first device plays one scenario, the others another."""
    scenarios = [first] + [others] * (len(devices) - 1)
    return Books(site, caller, zip(scenarios, devices), CALLS, LEGS_PER_S // len(devices))


def test_one_answers_and_each_other_is_cancelled_once(site, devices):
    books = play(site, devices, "uac", "uas", "cancelled")
    books.check()
    books.each_got(books.called[:1], "INVITE", "ACK", "BYE")
    books.each_got(books.called[1:], "INVITE", "CANCEL", "ACK")
    assert books.sum(books.caller, "Recv", method="180") == CALLS * len(devices)
    assert books.metrics["requests_cancelled_total"] == 0  # by a caller


def test_all_decline(site, devices):
    books = play(site, devices, "uac_declined", "declining", "declining")
    books.check()
    books.each_got(books.called, "INVITE", "ACK")
    assert books.sum(books.caller, "Recv", method="486") == CALLS


def test_the_caller_cancels(site, devices):
    books = play(site, devices, "uac_cancel_forked", "cancelled", "cancelled")
    books.check()
    books.each_got(books.called, "INVITE", "CANCEL", "ACK")
    assert books.sum(books.caller, "Recv", method="487") == CALLS
    assert books.metrics["requests_cancelled_total"] == CALLS


def test_each_reliable_provisional_gets_its_prack(site, devices):
    """RFC 3262: as many early dialogs in a call as devices, each found by its route."""
    books = play(site, devices, "uac_reliable", "reliable", "reliable_cancelled")
    books.check()
    books.each_got(books.called[:1], "INVITE", "PRACK", "ACK", "BYE")
    books.each_got(books.called[1:], "INVITE", "PRACK", "CANCEL", "ACK")
    assert books.sum(books.caller, "Sent", method="PRACK") == CALLS * len(devices)
