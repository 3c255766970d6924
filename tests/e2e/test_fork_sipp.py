"""Calls forked to two, five and ten devices, all of them SIPp, whose books and the daemon's agree."""
import pytest

from test_fork_load import is_bound

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


class Books:
    """What SIPp's programs and the daemon have counted of CALLS calls; the first device plays one
    scenario, the others another."""
    def __init__(self, site, devices, caller, first, others):
        counted = ["-trace_counts", "-fd", "1", "-timeout", "120s"]
        before = site.http.metrics()
        scenarios = [first] + [others] * (len(devices) - 1)
        called = [site.sipp_device(scenario, CALLS, phone, *counted)
                  for scenario, phone in zip(scenarios, devices)]
        for program in called:
            site.wait_for(lambda p=program: is_bound(p.address))
        programs = [site.sipp_upstream(caller, CALLS, "-r", LEGS_PER_S // len(devices), "-l",
                                      CALLS, *counted), *called]
        for program in programs:
            program.succeed(120)
        after = site.http.metrics()
        self.metrics = {name: after[name] - before[name] for name in after}
        self.caller, *self.called = [program.counts() for program in programs]

    @staticmethod
    def sum(counts, *kinds, method=None):
        return sum(n for (_, what, kind), n in counts.items()
                   if kind in kinds and what != "Pause" and method in (None, what))

    def check(self):
        """Each packet that one side has sent the other has got, and nobody something else. SIPp does
        not count what comes again when its call is over."""
        everybody = (self.caller, *self.called)
        assert [self.sum(c, "Unexp") for c in everybody] == [0] * len(everybody)
        repeated = sum(self.sum(c, "Retrans") for c in everybody) + \
            sum(n for name, n in self.metrics.items() if name.startswith("retransmissions_total"))
        for name, kinds in (("packets_received_total", ("Sent", "Retrans")),
                            ("packets_sent_total", ("Recv", "Retrans"))):
            theirs = sum(self.all_of(c, kinds) for c in everybody)
            assert abs(self.metrics[name + '{transport="udp"}'] - theirs) <= repeated, name
        assert self.metrics['transaction_timeouts_total{side="client"}'] == 0
        assert self.metrics['packets_dropped_total{reason="stray-ack"}'] == 0

    def all_of(self, counts, kinds):
        """Retrans stands for both ways: it belongs to what was sent, or to what was received."""
        places = {place for place, _, kind in counts if kind == kinds[0]}
        return sum(n for (place, what, kind), n in counts.items()
                   if place in places and kind in kinds and what != "Pause")

    def each_got(self, devices, *methods):
        """These devices got each of these once in every call."""
        for counts in devices:
            assert {m: self.sum(counts, "Recv", method=m) for m in methods} == \
                {m: CALLS for m in methods}


def test_one_answers_and_each_other_is_cancelled_once(site, devices):
    books = Books(site, devices, "uac", "uas", "cancelled")
    books.check()
    books.each_got(books.called[:1], "INVITE", "ACK", "BYE")
    books.each_got(books.called[1:], "INVITE", "CANCEL", "ACK")
    assert books.sum(books.caller, "Recv", method="180") == CALLS * len(devices)
    assert books.metrics["requests_cancelled_total"] == 0  # by a caller


def test_all_decline(site, devices):
    books = Books(site, devices, "uac_declined", "declining", "declining")
    books.check()
    books.each_got(books.called, "INVITE", "ACK")
    assert books.sum(books.caller, "Recv", method="486") == CALLS


def test_the_caller_cancels(site, devices):
    books = Books(site, devices, "uac_cancel_forked", "cancelled", "cancelled")
    books.check()
    books.each_got(books.called, "INVITE", "CANCEL", "ACK")
    assert books.sum(books.caller, "Recv", method="487") == CALLS
    assert books.metrics["requests_cancelled_total"] == CALLS


def test_each_reliable_provisional_gets_its_prack(site, devices):
    """RFC 3262: as many early dialogs in a call as devices, each found by its route."""
    books = Books(site, devices, "uac_reliable", "reliable", "reliable_cancelled")
    books.check()
    books.each_got(books.called[:1], "INVITE", "PRACK", "ACK", "BYE")
    books.each_got(books.called[1:], "INVITE", "PRACK", "CANCEL", "ACK")
    assert books.sum(books.caller, "Sent", method="PRACK") == CALLS * len(devices)
