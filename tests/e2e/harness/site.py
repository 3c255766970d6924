"""One test's world: directory, addresses, daemon, phones, upstreams and helpers."""
import glob
import os
import shutil
import tempfile

from . import net
from .admin import Admin
from .baresip import Baresip
from .daemon import Daemon, usual_config
from .kamailio import Kamailio
from .ladder import Ladder
from .sipp import Sipp
from .ua import Ua


class Site:
    """access: where phones reach the daemon; core: where its upstream is expected, both (host,
    port). Change .config before start()."""
    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="bw-")
        self.net, self.ladder = net.Net(), Ladder()
        self.uas, self.programs = [], []
        self.daemon = None
        self.access = (self.net.proxy, net.free_port(self.net.proxy))
        self.core = (self.net.upstream, net.free_port(self.net.upstream))
        workers = int(os.environ.get("BREAKWATER_WORKERS", 1))
        self.config = usual_config(self.net, self.directory, workers)
        self.config.set('listen "phones"', address="udp:" + net.text(*self.access))
        self.config.set('upstream "registrar"', servers=["sip:" + net.text(*self.core)])
        self.ladder.name(self.access, "breakwater")

    def path(self, name):
        return os.path.join(self.directory, name)

    def set_workers(self, n):
        """At least so many."""
        self.config.set("", workers=max(n, self.config.sections[""]["workers"]))

    def add_listen(self, name, host, **options):
        """A further listener; its (host, port)."""
        address = (host, net.free_port(host))
        self.config.set(f'listen "{name}"', address="udp:" + net.text(*address), **options)
        self.ladder.name(address, "breakwater")
        return address

    def start(self):
        """The daemon, ready."""
        self.launch().wait_ready()
        return self.daemon

    def launch(self):
        """The daemon, not waited for."""
        self.daemon = self.keep(Daemon(self.config, self.directory))
        return self.daemon

    @property
    def http(self):
        """The admin API over HTTP."""
        host, port = self.config.sections["admin"]["http"].rsplit(":", 1)
        return Admin((host, int(port)))

    @property
    def unix(self):
        """The same over its socket."""
        return Admin(self.path("admin.sock"))

    # ------------------------------------------------------------ peers

    def phone(self, name="alice", host=None, peer=None):
        return self.add(Ua(name, host or self.net.phone(), self.ladder, peer or self.access))

    def upstream(self):
        """The upstream played by the test."""
        return self.add(Ua("upstream", self.core[0], self.ladder, self.access, self.core[1]))

    def add(self, ua):
        self.uas.append(ua)
        return ua

    def sipp_server(self, scenario, calls, *args):
        """SIPp in the upstream's place."""
        return self.keep(Sipp.server(self, scenario, calls, args))

    def sipp_client(self, scenario, calls, *args):
        """SIPp as phones, sending to the daemon."""
        return self.keep(Sipp.client(self, scenario, calls, args))

    def kamailio(self, route, modules=(), params=()):
        """Kamailio in the upstream's place, ready; route: what its request_route does."""
        k = self.keep(Kamailio(self, route, modules, params))
        k.wait_ready()
        return k

    def baresip(self, name, password, **how):
        """A real phone, started."""
        return self.keep(Baresip(self, name, password, **how))

    def keep(self, program):
        self.programs.append(program)
        return program

    # ------------------------------------------------------------ end

    def close(self):
        """Ends everything, what was started last first: phones unregister; a list of what was
        wrong."""
        problems = []
        for p in reversed(self.programs):
            if p is self.daemon:
                problems += p.close()
            else:
                p.end()
        for ua in self.uas:
            ua.close()
        return problems

    def remove(self):
        shutil.rmtree(self.directory, ignore_errors=True)

    def logs(self, most=120):
        """(name, last lines) of all that was written."""
        found = []
        for path in sorted(glob.glob(self.path("*.out")) + glob.glob(self.path("*.log"))):
            with open(path, encoding="utf-8", errors="replace") as f:
                lines = f.read().splitlines()
            found.append((path, "\n".join(lines[-most:])))
        return found
