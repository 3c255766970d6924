"""Calls in which SIPp plays everybody, and whether what its programs have counted and what the daemon
has counted agree."""
from . import net


class Books:
    """Runs calls to their end: parties, (scenario, phone whose place it takes) each, and the caller's
    scenario; rate of them begin each second. is_beside: the caller is beside the upstream, else
    behind it. options: further ones of all."""
    def __init__(self, site, caller, parties, calls, rate, is_beside=True, options=()):
        counted = ["-trace_counts", "-fd", "1", "-timeout", "120s", *options]
        self.called = [site.sipp_device(scenario, calls, phone, *counted)
                       for scenario, phone in parties]
        for program in self.called:
            site.wait_for(lambda p=program: net.is_bound(p.address))
        before = site.http.metrics()  # no sooner: what was sent last is counted a little later
        start = site.sipp_upstream if is_beside else site.sipp_behind
        self.caller = start(caller, calls, "-r", rate, "-l", calls, *counted)
        self.everybody = (self.caller, *self.called)
        for program in self.everybody:
            program.succeed(120)
        after = site.http.metrics()
        self.metrics = {name: after[name] - before[name] for name in after}
        self.calls = calls
        self.counts = {program: program.counts() for program in self.everybody}

    def sum(self, program, *kinds, method=None):
        return sum(n for (_, what, kind), n in self.counts[program].items()
                   if kind in kinds and what != "Pause" and method in (None, what))

    def check(self):
        """Each packet that one side has sent the other has got, and nobody something else. SIPp does
        not count what comes again when its call is over."""
        assert [self.sum(p, "Unexp") for p in self.everybody] == [0] * len(self.everybody)
        repeated = sum(self.sum(p, "Retrans") for p in self.everybody) + \
            sum(n for name, n in self.metrics.items() if name.startswith("retransmissions_total"))
        for name, kinds in (("packets_received_total", ("Sent", "Retrans")),
                            ("packets_sent_total", ("Recv", "Retrans"))):
            # a keepalive is no message to SIPp
            kept = self.metrics['keepalives_sent_total{method="crlf"}'] * ("sent" in name)
            theirs = sum(self.all_of(p, kinds) for p in self.everybody)
            ours = self.metrics[name + '{transport="udp"}'] - kept
            assert abs(ours - theirs) <= repeated, (name, ours, theirs)
        assert self.metrics['transaction_timeouts_total{side="client"}'] == 0
        assert self.metrics['packets_dropped_total{reason="stray-ack"}'] == 0

    def all_of(self, program, kinds):
        """Retrans stands for both ways: it belongs to what was sent, or to what was received."""
        counts = self.counts[program]
        places = {place for place, _, kind in counts if kind == kinds[0]}
        return sum(n for (place, what, kind), n in counts.items()
                   if place in places and kind in kinds and what != "Pause")

    def each_got(self, programs, *methods):
        """These got each of these once in every call."""
        for program in programs:
            assert {m: self.sum(program, "Recv", method=m) for m in methods} == \
                {m: self.calls for m in methods}
