"""SIPp with the scenarios in sipp/."""
import csv
import datetime
import os
import re

from . import net, sip
from .program import Program

SCENARIOS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "sipp")


class Sipp(Program):
    """Ends by itself after its calls; exit code 0: all went as the scenario says."""
    def __init__(self, site, scenario, calls, address, args):
        name = f"sipp-{scenario}-{address[1]}"
        self.address, self.calls = address, calls
        self.directory, self.scenario = site.directory, scenario
        self.errors_path = site.path(name + ".errors.log")
        site.ladder.name(address, name)
        super().__init__(name, [
            "sipp", "-sf", os.path.abspath(os.path.join(SCENARIOS, scenario + ".xml")),
            "-i", address[0], "-p", address[1], "-m", calls, "-nostdin", "-trace_err",
            "-error_file", self.errors_path, "-timeout", "60s", "-timeout_error", *args],
            site.directory, {"TERM": "dumb"})

    @classmethod
    def server(cls, site, scenario, calls, args):
        return cls(site, scenario, calls, site.core, args)

    @classmethod
    def client(cls, site, scenario, calls, args):
        host = site.net.phone()
        return cls(site, scenario, calls, (host, net.free_port(host)),
                   [*args, net.text(*site.access)])

    @classmethod
    def upstream(cls, site, scenario, calls, args):
        host = site.core[0]
        return cls(site, scenario, calls, (host, net.free_port(host)),
                   [*args, net.text(*site.access)])

    @classmethod
    def behind(cls, site, scenario, calls, args):
        host = site.net.phone()
        return cls(site, scenario, calls, (host, net.free_port(host)), [*args, net.text(*site.core)])

    @classmethod
    def device(cls, site, scenario, calls, phone, args):
        """In the place of a phone that has registered."""
        phone.close()
        return cls(site, scenario, calls, phone.address, args)

    def succeed(self, timeout=60.0):
        code = self.wait(timeout)
        assert code == 0, f"{self.name} ended with {code}: {self.errors()}"

    def counts(self):
        """With -trace_counts, when it has ended: (place in the scenario, method or status, "Sent",
        "Recv", "Retrans", "Unexp" or so) -> how often."""
        path = os.path.join(self.directory, f"{self.scenario}_{self.process.pid}_counts.csv")
        with open(path, encoding="ascii") as f:
            names, *_, values = csv.reader(f, delimiter=";")
        return {tuple(n.split("_")): int(v) for n, v in zip(names[2:], values[2:]) if n}

    def messages(self):
        """With -trace_msg, when it has ended, what was sent and received, in its order:
        (time in seconds, message)."""
        path = os.path.join(self.directory, f"{self.scenario}_{self.process.pid}_messages.log")
        with open(path, encoding="latin-1", newline="") as f:
            _, *entries = re.split(r"^-{47} ", f.read(), flags=re.MULTILINE)
        found = []
        for entry in entries:
            when, _, _, text = entry.split("\n", 3)
            found.append((datetime.datetime.fromisoformat(when).timestamp(),
                          sip.Message(text.encode("latin-1"))))
        return found

    def errors(self):
        if not os.path.exists(self.errors_path):
            return "no error file"
        with open(self.errors_path, encoding="latin-1") as f:
            return f.read()[-3000:]
