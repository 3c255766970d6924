#!/usr/bin/python3
"""What a forked call costs: Breakwater beside Kamailio, with the same callers and phones.

    calls.py [--short]

A call is an INVITE to a line of three phones, all of which ring; one answers, two are cancelled; ACK
and BYE. Each server has one processor to itself, callers and phones have another. Both run all the
time and are measured in turn; what counts is the server's processor time, user and system. Then the
rate is raised until calls are lost. It is bounded, ends by itself, and uses loopback addresses of its
own. Exit status 1: calls were lost at the rate at which cost is measured."""
import argparse
import dataclasses
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import servers  # noqa: E402
from servers import net, on_core  # noqa: E402

from harness.fleet import Fleet  # noqa: E402
from harness.phone import Phone  # noqa: E402

DEVICES, LINES = 3, 50
ANSWER_AFTER_MS, DURATION_MS = 100, 100
MODULES = ("sl", "pv", "tm", "rr", "siputils", "textops", "usrloc", "registrar")

ROUTE = """\
request_route {
    if (is_method("REGISTER")) {
        save("location");
        exit;
    }
    if (is_method("CANCEL")) {
        if (t_check_trans()) t_relay();
        exit;
    }
    if (has_totag()) {
        if (loose_route()) t_relay();
        exit;
    }
    record_route();
    if (!lookup("location")) {
        sl_send_reply("404", "Not Found");
        exit;
    }
    t_relay();
}
"""


# ---------------------------------------------------------------- the servers

class Place(servers.Place):
    """A server between phones and a caller; each its own addresses and directory."""
    def start_phones(self):
        self.fleet = self.keep(Fleet(self, "phones", [
            "--count", DEVICES * LINES, "--devices-per-line", DEVICES, "--expires", 3600,
            "--answer-after", ANSWER_AFTER_MS, "--duration", 3600], inside=on_core(1)))

    def start_caller(self):
        self.placed = 0
        self.start_registrar(["--call-duration", DURATION_MS, "--calls", 1])
        self.caller = self.registrar


def start_breakwater(place):
    place.start_caller()
    place.start_breakwater(level="info")
    place.start_phones()


def start_kamailio(place):
    """It is the registrar, too; its caller knows each line as one contact that is the server."""
    place.start_kamailio(MODULES, ROUTE, 512)
    place.start_caller()
    place.start_phones()
    teller = Phone("teller", place.net.phone(), place.ladder, place.core)
    for i in range(LINES):
        teller.name = f"phone{i}"
        teller.restart()
        answer = teller.send_register(f"<sip:phone{i}@{net.text(*place.access)}>", 3600)
        assert answer.status == 200, answer
    teller.close()


# ---------------------------------------------------------------- measuring

@dataclasses.dataclass
class Run:
    calls: int
    lost: int
    cpu_ms: float  # of the server, for each call
    seconds: float

    def is_clean(self, rate):
        return self.lost == 0 and self.seconds < self.calls / rate + 2


def figures(place):
    """Of the caller, and of the phones: what was answered, what was cancelled."""
    phones = place.fleet.report()["calls"]
    return place.caller.command("stats")["calls"], phones


def measure(place, calls, rate):
    """A call is lost that was not answered, ended and elsewhere cancelled as it must be."""
    (before, rang_before), cpu_before, start = figures(place), place.cpu_s(), time.monotonic()
    place.placed += calls
    place.caller.command(f"calls {place.placed}")
    place.caller.command(f"calls-per-second {rate}")
    end = start + calls / rate + 15
    while time.monotonic() < end:
        now = place.caller.command("stats")["calls"]
        if now["placed"] == place.placed and not now["under_way"]:
            break
        time.sleep(0.05)
    seconds = time.monotonic() - start
    time.sleep(0.5)  # the last CANCELs
    cpu = place.cpu_s() - cpu_before
    now, rang = figures(place)
    good = min(now["ended"] - before["ended"], rang["ended"] - rang_before["ended"],
               (rang["cancelled"] - rang_before["cancelled"]) // (DEVICES - 1))
    return Run(calls, calls - good, cpu * 1000 / calls, seconds)


def wait_registered(place):
    """Each line with its caller, each phone with its server."""
    place.wait_for(lambda: place.caller.command("stats")["bindings"] == LINES, 30)
    place.fleet.wait_registered(DEVICES * LINES)


def climb(place, rates, seconds):
    """The highest rate that was held clean."""
    held = 0
    for rate in rates:
        if not measure(place, int(rate * seconds), rate).is_clean(rate):
            break
        held = rate
    return held


def bench(places, how):
    runs = {name: [] for name in places}
    print(f"{'server':<12}{'round':>6}{'calls':>8}{'lost':>6}{'CPU ms/call':>13}", flush=True)
    for i in range(how.rounds):
        for name in list(places)[::1 if i % 2 else -1]:
            run = measure(places[name], how.calls, how.rate)
            runs[name].append(run)
            print(f"{name:<12}{i + 1:>6}{run.calls:>8}{run.lost:>6}{run.cpu_ms:>13.3f}",
                  flush=True)
    medians = {name: statistics.median(r.cpu_ms for r in rs) for name, rs in runs.items()}
    held = {name: climb(place, how.climb, how.climb_s) for name, place in places.items()}
    lost = {name: sum(r.lost for r in rs) for name, rs in runs.items()}
    print(f"\n{'server':<12}{'lost':>6}{'median CPU ms/call':>20}{'calls/s held clean':>20}")
    for name, median in medians.items():
        print(f"{name:<12}{lost[name]:>6}{median:>20.3f}{held[name]:>20}")
    ratio = medians["kamailio"] / medians["breakwater"]
    print(f"\nratio kamailio / breakwater: {ratio:.2f}")
    return 1 if any(lost.values()) else 0


FULL = argparse.Namespace(calls=2000, rate=300, rounds=5, climb_s=3,
                          climb=(400, 600, 800, 1000, 1250, 1500, 1750, 2000, 2500))
SHORT = argparse.Namespace(calls=50, rate=50, rounds=1, climb_s=0.5, climb=(60, ))


def main():
    parser = argparse.ArgumentParser(description="What a forked call costs.")
    parser.add_argument("--short", action="store_true", help="a few calls only: does it work?")
    how = SHORT if parser.parse_args().short else FULL
    places = {}
    try:
        for name, start in (("breakwater", start_breakwater), ("kamailio", start_kamailio)):
            places[name] = Place(name)
            start(places[name])
        for place in places.values():
            wait_registered(place)
        return bench(places, how)
    finally:
        for place in places.values():
            for problem in place.close():
                print(problem, file=sys.stderr)
            place.remove()


if __name__ == "__main__":
    sys.exit(main())
