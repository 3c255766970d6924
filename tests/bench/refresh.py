#!/usr/bin/python3
"""What an absorbed refresh costs: instructions by callgrind, and the rate beside a bare responder and
Kamailio's registrar.

    refresh.py                 both, with the long forms of the rate
    refresh.py --count         instructions only, and what each stage of them costs
    refresh.py --guard         instructions only; exit status 1: over 5 % more than refresh.count says
    refresh.py --short         a few thousand refreshes of each server: does it work?
    refresh.py --svg FILE      draws the rates

A refresh is a REGISTER of 640 bytes that is answered under its licence. Instructions are those of the
whole daemon between two states, by the difference of two runs with different numbers of refreshes. The
rate is per second of the server's processor time, user and system, from /proc/PID/task/*/schedstat:
the generator has another processor, and all servers take turns in one run, so ratios compare what the
same machine did in the same minute. It is bounded, ends by itself, and uses loopback addresses of its
own. Exit status 1, too: an answer was wrong, or lost where instructions are counted."""
import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))

from calls import on_core  # noqa: E402
from harness import net  # noqa: E402
from harness.daemon import Daemon  # noqa: E402
from harness.kamailio import module_path  # noqa: E402
from harness.program import Program, run  # noqa: E402
from harness.registrar import Registrar  # noqa: E402
from harness.site import Site  # noqa: E402

COUNT_LINES, COUNT_REFRESHES = 300, 6000
COMMITTED = os.path.join(HERE, "refresh.count")
TOLERANCE = 1.05

# What to show of the inclusive costs, in the order of the packet's way; the last three are parts of
# others.
STAGES = ("msg_index", "txn_server_receive", "regview_parse", "location_read", "upreq_name", "absorb_decide",
          "extend_all", "trailnote_add", "regreply_lines", "mark_tag_of_hash", "build_response",
          "flow_send", "mdb_get", "codec_decode", "hash_bytes")

KAMAILIO = """\
#!KAMAILIO
debug=1
log_stderror=yes
fork=yes
children=1
disable_tcp=yes
dns=no
rev_dns=no
auto_aliases=no
listen=udp:{listen}
mpath="{mpath}"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
modparam("usrloc", "db_mode", 0)
modparam("usrloc", "hash_size", 16)
modparam("registrar", "max_expires", 3600)
request_route {{
    if (method == "REGISTER") save("location");
    exit;
}}
"""


# ---------------------------------------------------------------- the two ends

class Storm:
    """The phones; see storm.c."""
    def __init__(self, program, target, lines, devices):
        self.n = lines * devices
        self.process = subprocess.Popen(
            [*on_core(1), program, "load", target[0], str(target[1]), str(lines), str(devices)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"
        self.lost = self.wrong = 0

    def run(self, n, seconds=0.0):
        """How many were answered right."""
        self.process.stdin.write(f"run {n} {seconds}\n")
        self.process.stdin.flush()
        _, ok, lost, wrong, _ = self.process.stdout.readline().split()
        self.lost += int(lost)
        self.wrong += int(wrong)
        return int(ok)

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(30)


class Place(Site):
    """One server and its phones."""
    def __init__(self, name, start, program):
        super().__init__()
        self.name, self.program, self.inside = name, program, on_core(0)
        self.server = self.registrar = self.storm = None
        start(self)

    def start_phones(self, lines, devices):
        """All registered, and each refreshed once, so that what is cold is warm."""
        self.storm = Storm(self.program, self.access, lines, devices)
        assert self.storm.run(self.storm.n) + self.storm.lost == self.storm.n
        self.storm.run(self.storm.n)
        self.storm.lost = 0

    def cpu_s(self):
        """Of the server, all its processes and threads."""
        with open(f"/proc/{self.server.pid}/task/{self.server.pid}/children", encoding="ascii") as f:
            pids = [self.server.pid, *map(int, f.read().split())]
        ns = 0
        for pid in pids:
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
                    ns += int(f.read().split()[0])
        return ns / 1e9

    def rate(self, seconds):
        """Refreshes a second of the server's processor time."""
        before = self.cpu_s()
        ok = self.storm.run(0, seconds)
        return ok / (self.cpu_s() - before)

    def resident_kb(self):
        with open(f"/proc/{self.server.pid}/smaps_rollup", encoding="ascii") as f:
            return int(re.search(r"^Pss: +(\d+)", f.read(), re.M)[1])

    def end(self):
        if self.storm:
            self.storm.close()
        problems = self.close()
        self.remove()
        return problems


def start_breakwater(place):
    place.config.set("", workers=1)
    place.config.set("log", level="warning")
    place.config.set("limits", max_transactions=1000000)
    place.config.set('domain "example.test"', authentication="relay", max_expires=3600)
    place.registrar = place.keep(Registrar(place, inside=on_core(1), options=[]))
    place.registrar.wait_ready()
    place.daemon = place.keep(Daemon(place.config, place.directory, inside=place.inside))
    assert place.daemon.told() == "READY=1"
    place.server = place.daemon.process


def start_kamailio(place):
    path = place.path("kamailio.cfg")
    with open(path, "w", encoding="utf-8") as f:
        f.write(KAMAILIO.format(listen=net.text(*place.access), mpath=module_path()))
    place.server = place.keep(Program("kamailio", [
        *on_core(0), "kamailio", "-f", path, "-DD", "-E", "-m", "2048", "-M", "64", "-x", "fm",
        "-X", "fm", "-Y", place.directory, "-w", place.directory,
        "-P", place.path("pid")], place.directory)).process
    place.wait_for(lambda: net.is_bound(place.access))


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


def profile(program, refreshes, keep=None):
    """(all instructions, {function: inclusive ones}) of a daemon with so many refreshes."""
    place = Place("breakwater", under_callgrind, program)
    try:
        place.start_phones(COUNT_LINES, 1)
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


def count(program, keep=None):
    """Instructions of one refresh: (all, {stage: inclusive})."""
    few, few_costs = profile(program, COUNT_LINES)
    many, many_costs = profile(program, COUNT_LINES + COUNT_REFRESHES, keep)
    stages = {name: (many_costs[name] - few_costs.get(name, 0)) / COUNT_REFRESHES
              for name in many_costs}
    return (many - few) / COUNT_REFRESHES, stages


def show_count(program, how):
    """False: it costs more than it did."""
    if not shutil.which("valgrind"):
        print("SKIPPED: valgrind is missing, so instructions are not counted")
        return True
    each, stages = count(program, how.keep)
    with open(COMMITTED, encoding="ascii") as f:
        committed = float(f.read())
    print(f"instructions of an absorbed refresh: {each:.0f} (committed: {committed:.0f})")
    if not how.guard:
        top = sorted(stages, key=stages.get, reverse=True)
        names = top[:how.functions] if how.functions else [s for s in STAGES if s in stages]
        for name in names:
            print(f"  {name:<28}{stages[name]:>9.0f}")
    if each <= committed * TOLERANCE:
        return True
    print(f"over {TOLERANCE - 1:.0%} more than {COMMITTED} says")
    return False


# ---------------------------------------------------------------- rates

def bench_case(program, lines, devices, how):
    """{server: rates}, in turns within one run."""
    places, rates = {}, {name: [] for name in SERVERS}
    try:
        for name, start in SERVERS.items():
            places[name] = Place(name, start, program)
            places[name].start_phones(lines, devices)
        for i in range(how.rounds):
            for name in list(places)[::1 if i % 2 else -1]:
                rates[name].append(places[name].rate(how.seconds))
        wrong = sum(p.storm.wrong for p in places.values())
        lost = sum(p.storm.lost for p in places.values())
    finally:
        problems = [problem for place in places.values() for problem in place.end()]
    assert not problems, problems
    return rates, lost, wrong


def bench(program, how):
    print(f"{'lines':>8}{'devices':>9}  {'server':<12}{'median/CPU s':>14}{'least':>10}{'most':>10}"
          f"{'ratio':>7}", flush=True)
    results, wrong = [], 0
    for lines, devices in how.cases:
        rates, n_lost, n_wrong = bench_case(program, lines, devices, how)
        wrong += n_wrong
        ceiling = rates["bare"]
        for name, found in rates.items():
            ratio = statistics.median(r / c for r, c in zip(found, ceiling))
            results.append((lines, devices, name, statistics.median(found), ratio))
            print(f"{lines:>8}{devices:>9}  {name:<12}{statistics.median(found):>14.0f}"
                  f"{min(found):>10.0f}{max(found):>10.0f}{ratio:>7.2f}", flush=True)
        print(f"{lines:>8}{devices:>9}  lost {n_lost}, wrong {n_wrong}", flush=True)
    if how.svg:
        draw(how.svg, results)
    return wrong == 0


def draw(path, results):
    """Bars of the ratios, by case."""
    colours = {"bare": "#9aa5b1", "breakwater": "#1f6feb", "kamailio": "#d97706"}
    rows, y = [], 30
    for lines, devices, name, median, ratio in results:
        if name == "bare":
            label = f"{lines:,} lines" + (f", {devices} devices each" if devices > 1 else "")
            rows.append(f'<text x="10" y="{y}" font-weight="bold">{label}</text>')
            y += 10
        width = max(1, round(ratio * 420))
        rows.append(f'<text x="10" y="{y + 13}">{name}</text>'
                    f'<rect x="100" y="{y}" width="{width}" height="16" fill="{colours[name]}"/>'
                    f'<text x="{106 + width}" y="{y + 13}">{ratio:.2f} ({median / 1000:.0f} k/s)</text>')
        y += 22 if name != "kamailio" else 46
    with open(path, "w", encoding="utf-8") as f:
        f.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="640" height="{y}" '
                'font-family="sans-serif" font-size="13">\n'
                '<rect width="100%" height="100%" fill="#ffffff"/>\n' + "\n".join(rows) + "\n</svg>\n")


FULL = {"cases": ((10000, 1), (100000, 1), (10000, 3)), "rounds": 7, "seconds": 1.5}
SHORT = {"cases": ((200, 1), ), "rounds": 2, "seconds": 0.2}


def main():
    parser = argparse.ArgumentParser(description="What an absorbed refresh costs.")
    for name, text in (("--count", "instructions only"), ("--guard", "compare them with refresh.count"),
                       ("--short", "rates of a moment: does it work?")):
        parser.add_argument(name, action="store_true", help=text)
    parser.add_argument("--functions", type=int, default=0, help="show so many functions, not stages")
    parser.add_argument("--svg", help="draw the rates into this file")
    parser.add_argument("--keep", help="copy the profile to this file")
    how = parser.parse_args()
    vars(how).update(SHORT if how.short else FULL)
    work = Site()
    try:
        program = work.path("storm")
        code, _, errors = run(["cc", "-O2", "-D_GNU_SOURCE", "-o", program,
                               os.path.join(HERE, "storm.c")])
        assert code == 0, errors
        good = how.short or show_count(program, how)
        if not how.count and not how.guard:
            good = bench(program, how) and good
    finally:
        work.remove()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
