#!/usr/bin/python3
"""What an absorbed refresh costs: instructions by callgrind, and the rate beside a bare responder and
Kamailio's registrar.

    refresh.py                 both, with the long forms of the rate
    refresh.py --count         instructions only, and what each stage of them costs
    refresh.py --guard         instructions only; exit status 1: over 5 % more than refresh.count says
    refresh.py --short         a few thousand refreshes of each server: does it work?
    refresh.py --case LINESxDEVICES …  rates of these only
    refresh.py --svg FILE      draws the rates

A refresh is a REGISTER of 640 bytes that is answered under its licence. Instructions are those of the
whole daemon between two states, by the difference of two runs with different numbers of refreshes. The
rate is per second of the server's processor time, user and system, from /proc/PID/task/*/schedstat:
the generator has another processor, and all servers take turns in one run, so ratios compare what the
same machine did in the same minute. So with the first registrations, which Breakwater relays, commits
to the disk and answers. Then come the times from a REGISTER to its answer at parts of what each server
has done in a second, and what it holds in memory for each device.

It is bounded, ends by itself, and uses loopback addresses of its own. Exit status 1, too: an answer
was wrong, or lost where instructions are counted."""
import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import plot  # noqa: E402
import servers  # noqa: E402
from servers import net, on_core  # noqa: E402

from harness.program import Program, run  # noqa: E402
from harness.site import Site  # noqa: E402

COUNT_LINES, COUNT_REFRESHES = 300, 6000
COMMITTED = os.path.join(HERE, "refresh.count")
TOLERANCE = 1.05

# Devices a line: of one alone a few words are kept; of others the record is read each time.
WAYS = {"short": 1, "long": 3}

OUTSTANDING = 64
SETTLE_S = 33  # the transactions of the first registrations are over then

# What to show of the inclusive costs, in the order of the packet's way; the last ones are parts of
# others.
STAGES = ("memo_answer", "glance_parse", "name_of", "regview_spread", "txn_server_has", "lease_extend",
          "trail_note", "print_answer", "flow_send", "hash_bytes", "msg_index", "regview_parse",
          "location_read", "absorb_decide", "regreply_lines", "build_response")

MODULES = ("sl", "pv", "usrloc", "registrar")
ROUTE = """\
request_route {
    if (method == "REGISTER") save("location");
    exit;
}
"""


# ---------------------------------------------------------------- the two ends

class Storm:
    """The phones; see storm.c."""
    def __init__(self, program, target, lines, devices, outstanding=OUTSTANDING):
        self.n = lines * devices
        self.process = subprocess.Popen(
            [*on_core(1), program, "load", target[0], str(target[1]), str(lines), str(devices),
             str(outstanding)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"
        self.lost = self.wrong = 0

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        words = self.process.stdout.readline().split()
        self.lost += int(words[2])
        self.wrong += int(words[3])
        return words

    def run(self, n, seconds=0.0):
        """How many were answered right."""
        return int(self.tell(f"run {n} {seconds}")[1])

    def pace(self, rate, seconds):
        """Microseconds to the answer: the median, and what 99 of 100 do not exceed; how many of a
        hundred had none."""
        sent, _, lost, _, p50, p99 = map(int, self.tell(f"pace {rate} {seconds}"))
        return p50, p99, 100 * lost / max(1, sent)

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(30)


class Place(servers.Place):
    """One server and its phones."""
    def __init__(self, name, start, program):
        super().__init__(name)
        self.program, self.storm = program, None
        start(self)
        self.empty_kb = self.memory_kb()

    def start_phones(self, lines, devices):
        """All registered, and each refreshed twice, so that what is cold is warm. The first
        registrations a second of the server's processor time."""
        self.storm = Storm(self.program, self.access, lines, devices)
        before = self.cpu_s()
        ok = self.storm.run(self.storm.n)
        first = ok / (self.cpu_s() - before)
        assert ok + self.storm.lost == self.storm.n
        for _ in range(2):
            self.storm.run(self.storm.n)
        self.storm.lost = 0
        return first

    def rate(self, seconds):
        """Refreshes a second of the server's processor time, and of time."""
        cpu_s, start = self.cpu_s(), time.monotonic()
        ok = self.storm.run(0, seconds)
        return ok / (self.cpu_s() - cpu_s), ok / (time.monotonic() - start)

    def bytes_each(self):
        return (self.memory_kb() - self.empty_kb) * 1024 / self.storm.n

    def end(self):
        if self.storm:
            self.storm.close()
        problems = self.close()
        self.remove()
        return problems


def start_breakwater(place):
    place.config.set("", workers=1)
    place.start_registrar([])
    place.start_breakwater(level="warning")


def start_kamailio(place):
    place.start_kamailio(MODULES, ROUTE, 2048)


def start_bare(place):
    place.server = place.keep(Program("bare", [
        *on_core(0), place.program, "answer", place.access[0], str(place.access[1])],
        place.directory)).process
    place.wait_for(lambda: net.is_bound(place.access))


SERVERS = {"bare": start_bare, "breakwater": start_breakwater, "kamailio": start_kamailio}


# ---------------------------------------------------------------- instructions

def under_callgrind(place):
    place.profile = place.path("profile")
    place.inside = [*on_core(0), "valgrind", "-q", "--tool=callgrind", "--callgrind-out-file="
                    + place.profile]
    start_breakwater(place)


def profile(program, devices, refreshes, keep=None):
    """(all instructions, {function: inclusive ones}) of a daemon with so many refreshes by lines of so
    many devices."""
    place = Place("breakwater", under_callgrind, program)
    try:
        place.start_phones(COUNT_LINES // devices, devices)
        ok = place.storm.run(refreshes)
        assert ok == refreshes and place.storm.wrong == 0, "an answer was lost, or wrong"
        place.daemon.stop(60)
        code, text, errors = run(["callgrind_annotate", "--inclusive=yes", "--threshold=100",
                                  place.profile])
        assert code == 0, errors
        if keep:
            shutil.copy(place.profile, keep)
    finally:
        problems = place.end()
    assert not problems, problems
    rows = re.findall(r"^ *([\d,]+) +\([ \d.]+%\) +\S*?:([\w.']+)", text, re.M)
    costs = {}
    for cost, name in rows:
        name = re.sub(r"\.(part|constprop|isra|cold)\.\d+|'\d+", "", name)
        costs[name] = max(costs.get(name, 0), int(cost.replace(",", "")))
    total = re.search(r"^ *([\d,]+) .*PROGRAM TOTALS", text, re.M)
    return int(total[1].replace(",", "")), costs


def count(program, devices, keep=None):
    """Instructions of one refresh: (all, {stage: inclusive})."""
    few, few_costs = profile(program, devices, COUNT_LINES)
    many, many_costs = profile(program, devices, COUNT_LINES + COUNT_REFRESHES, keep)
    stages = {name: (many_costs[name] - few_costs.get(name, 0)) / COUNT_REFRESHES
              for name in many_costs}
    return (many - few) / COUNT_REFRESHES, stages


def committed():
    """{way: instructions}"""
    with open(COMMITTED, encoding="ascii") as f:
        return {way: float(figure) for way, figure in map(str.split, f)}


def show_stages(stages, n_functions):
    names = sorted(stages, key=stages.get, reverse=True)[:n_functions] if n_functions else \
        [name for name in STAGES if stages.get(name, 0) >= 1]
    for name in names:
        print(f"  {name:<28}{stages[name]:>9.0f}")


def show_count(program, how):
    """False: it costs more than it did."""
    if not shutil.which("valgrind"):
        print("SKIPPED: valgrind is missing, so instructions are not counted")
        return True
    good, most = True, committed()
    for way, devices in WAYS.items():
        each, stages = count(program, devices, how.keep and f"{how.keep}.{way}")
        print(f"instructions of an absorbed refresh, the {way} way: {each:.0f} (committed: {most[way]:.0f})")
        if not how.guard:
            show_stages(stages, how.functions)
        if each > most[way] * TOLERANCE:
            print(f"over {TOLERANCE - 1:.0%} more than {COMMITTED} says")
            good = False
    return good


# ---------------------------------------------------------------- rates

def measure(places, how):
    """{server: [(rate by processor time, rate by time)]}, in turns."""
    rates = {name: [] for name in places}
    for i in range(how.rounds):
        for name in list(places)[::1 if i % 2 else -1]:
            rates[name].append(places[name].rate(how.seconds))
    return rates


def measure_times(places, rates, how):
    """{(server, part): (p50, p99, lost)} at parts of what each has done in a second: medians."""
    found = {}
    for part in how.parts:
        for name in ("breakwater", "kamailio"):
            most = statistics.median(wall for _, wall in rates[name])
            runs = [places[name].storm.pace(part * most, how.seconds) for _ in range(how.rounds)]
            found[name, part] = [statistics.median(column) for column in zip(*runs)]
    return found


def bench_case(program, lines, devices, how):
    places, first = {}, {}
    try:
        for name, start in SERVERS.items():
            places[name] = Place(name, start, program)
            first[name] = places[name].start_phones(lines, devices)
        time.sleep(how.settle_s)
        rates = measure(places, how)
        wrong = sum(p.storm.wrong for p in places.values())
        lost = sum(p.storm.lost for p in places.values())
        times = measure_times(places, rates, how)
        held = {name: p.bytes_each() for name, p in places.items()}
    finally:
        problems = [problem for place in places.values() for problem in place.end()]
    assert not problems, problems
    return rates, first, times, held, lost, wrong


def bench(program, how):
    results, wrong = [], 0
    for lines, devices in how.cases:
        rates, first, times, held, n_lost, n_wrong = bench_case(program, lines, devices, how)
        wrong += n_wrong
        case = f"{lines:>8}{devices:>9}"
        print(f"{'lines':>8}{'devices':>9}  {'server':<12}{'median/CPU s':>14}{'least':>10}{'most':>10}"
              f"{'ratio':>7}{'first/CPU s':>13}{'bytes each':>12}", flush=True)
        ceiling = [cpu for cpu, _ in rates["bare"]]
        for name, rows in rates.items():
            found = [cpu for cpu, _ in rows]
            ratio = statistics.median(r / c for r, c in zip(found, ceiling))
            results.append((lines, devices, name, statistics.median(found), ratio))
            print(f"{case}  {name:<12}{statistics.median(found):>14.0f}{min(found):>10.0f}"
                  f"{max(found):>10.0f}{ratio:>7.2f}{first[name]:>13.0f}{held[name]:>12.0f}")
        print(f"{case}  lost {n_lost}, wrong {n_wrong}")
        for (name, part), (p50, p99, lost) in times.items():
            print(f"{case}  {name:<12}at {part:.0%}: p50 {p50:.0f} us, p99 {p99:.0f} us, lost {lost:.2f} %")
        sys.stdout.flush()
    if how.svg:
        plot.draw(how.svg, results)
    return wrong == 0


def case_of(word):
    lines, devices = word.split("x")
    return int(lines), int(devices)


FULL = {"cases": ((10000, 1), (100000, 1), (1000000, 1), (10000, 3)), "rounds": 7, "seconds": 1.5,
        "settle_s": SETTLE_S, "parts": (0.5, 0.9)}
SHORT = {"cases": ((200, 1), ), "rounds": 2, "seconds": 0.2, "settle_s": 0, "parts": (0.5, )}


def main():
    parser = argparse.ArgumentParser(description="What an absorbed refresh costs.")
    for name, text in (("--count", "instructions only"), ("--guard", "compare them with refresh.count"),
                       ("--short", "rates of a moment: does it work?")):
        parser.add_argument(name, action="store_true", help=text)
    parser.add_argument("--functions", type=int, default=0, help="show so many functions, not stages")
    parser.add_argument("--svg", help="draw the rates into this file")
    parser.add_argument("--keep", help="copy the profiles to this file, with '.short' and '.long'")
    parser.add_argument("--case", type=case_of, nargs="+", help="LINESxDEVICES: rates of these only")
    how = parser.parse_args()
    vars(how).update(SHORT if how.short else FULL)
    if how.case:
        how.cases = how.case
    work = Site()
    try:
        program = work.path("storm")
        code, _, errors = run(["cc", "-O2", "-D_GNU_SOURCE", "-o", program,
                               os.path.join(HERE, "storm.c")])
        assert code == 0, errors
        good = how.short or bool(how.case) or show_count(program, how)
        if not how.count and not how.guard:
            good = bench(program, how) and good
    finally:
        work.remove()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
