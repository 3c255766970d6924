"""What the benches have in common: servers with a processor of their own and the addresses and
directory of one test, and what they cost."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

from harness import net  # noqa: E402
from harness.daemon import Daemon  # noqa: E402
from harness.kamailio import module_path  # noqa: E402
from harness.program import Program  # noqa: E402
from harness.registrar import Registrar  # noqa: E402
from harness.site import Site  # noqa: E402

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
{modules}
modparam("usrloc", "db_mode", 0)
modparam("usrloc", "hash_size", 16)
modparam("registrar", "max_expires", 3600)
{route}
"""


def on_core(n):
    """What to put before a command that shall have that processor only."""
    cores = sorted(os.sched_getaffinity(0))
    return ["taskset", "-c", str(cores[n % len(cores)])]


class Place(Site):
    """A server between its phones and whoever calls them. inside: what is put before its command."""
    def __init__(self, name):
        super().__init__()
        self.name, self.inside = name, on_core(0)
        self.server = self.registrar = None

    def pids(self):
        """Of the server."""
        with open(f"/proc/{self.server.pid}/task/{self.server.pid}/children", encoding="ascii") as f:
            return [self.server.pid, *map(int, f.read().split())]

    def cpu_s(self):
        """Of the server, user and system, all its processes and threads."""
        ns = 0
        for pid in self.pids():
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
                    ns += int(f.read().split()[0])
        return ns / 1e9

    def memory_kb(self):
        """Of all its processes; what they share counts once."""
        kb = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
                kb += int(re.search(r"^Pss: +(\d+)", f.read(), re.M)[1])
        return kb

    def start_registrar(self, options):
        self.registrar = self.keep(Registrar(self, inside=on_core(1), options=options))
        self.registrar.wait_ready()

    def start_breakwater(self, **log):
        self.config.set("log", **log)
        self.config.set("limits", max_transactions=10000000)
        self.config.set('domain "example.test"', authentication="relay", max_expires=3600,
                        keepalive={"method": "off"})
        self.daemon = self.keep(Daemon(self.config, self.directory, inside=self.inside))
        assert self.daemon.told() == "READY=1"
        self.server = self.daemon.process

    def start_kamailio(self, modules, route, memory_mb):
        """Its best: one child, the memory managers without checks."""
        path = self.path("kamailio.cfg")
        with open(path, "w", encoding="utf-8") as f:
            f.write(KAMAILIO.format(
                listen=net.text(*self.access), mpath=module_path(), route=route,
                modules="\n".join(f'loadmodule "{m}.so"' for m in modules)))
        self.server = self.keep(Program("kamailio", [
            *self.inside, "kamailio", "-f", path, "-DD", "-E", "-m", str(memory_mb), "-M", "64",
            "-x", "fm", "-X", "fm", "-Y", self.directory, "-w", self.directory,
            "-P", self.path("pid")], self.directory)).process
        self.wait_for(lambda: net.is_bound(self.access))
