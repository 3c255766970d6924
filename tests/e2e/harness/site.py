"""One test's world: directory, addresses, daemon, phones, upstreams and helpers."""
import glob
import os
import shutil
import socket
import tempfile
import time

from . import net
from .admin import Admin
from .baresip import Baresip
from .crowd import Crowd
from .daemon import Daemon, usual_config
from .kamailio import Kamailio
from .ladder import Ladder
from .phone import Phone
from .plain_baresip import PlainBaresip
from .registrar import Registrar
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

    @property
    def n_workers(self):
        return self.config.sections[""]["workers"]

    def set_workers(self, n):
        """At least so many."""
        self.config.set("", workers=max(n, self.config.sections[""]["workers"]))

    def add_domain(self, name):
        """One more of the same kind."""
        self.config.set(f'domain "{name}"', **{"authentication": "trusted", "access_list": "any"})

    def judge_upstream(self):
        """Upstream judges who a phone is: only a registered one may call."""
        self.config.set('domain "example.test"', authentication="relay")

    def trust_upstream_host(self):
        """All ports of the upstream's address count as the upstream."""
        self.config.set('upstream "registrar"', trusted=self.core[0])

    def add_listen(self, name, host, **options):
        """A further listener; its (host, port)."""
        address = (host, net.free_port(host))
        self.config.set(f'listen "{name}"', address="udp:" + net.text(*address), **options)
        self.ladder.name(address, "breakwater")
        return address

    def add_stream(self, name, host, transport="tcp", **options):
        """The same for a transport with connections."""
        address = (host, net.free_port(host, socket.SOCK_STREAM))
        self.config.set(f'listen "{name}"', address=f"{transport}:" + net.text(*address), **options)
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

    def kill(self):
        """SIGKILL to the daemon. What it has complained of until then fails the test."""
        self.programs.remove(self.daemon)
        self.daemon.kill()
        self.daemon.notify.close()
        assert not self.daemon.reports(), self.daemon.reports()
        self.daemon = None

    def restart(self):
        """Stops the daemon and starts it with the configuration as it is now."""
        self.programs.remove(self.daemon)
        self.daemon.stop()
        self.daemon.notify.close()
        return self.start()

    @staticmethod
    def wait_for(condition, timeout=15.0):
        """For what follows by itself, but not at once."""
        end = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < end, "it did not come about"
            time.sleep(0.02)

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

    def registering(self, name="alice", password=None, host=None, **how):
        """A phone that registers."""
        return self.add(Phone(name, host or self.net.phone(), self.ladder, self.access, password,
                              **how))

    def crowd(self):
        """Many lines at one address."""
        return self.add(Crowd(self.net.phone(), self.access))

    def upstream(self):
        """The upstream played by the test."""
        return self.add(Ua("upstream", self.core[0], self.ladder, self.access, self.core[1]))

    def beside_upstream(self, name):
        """A UA at the upstream's IP address; trust_upstream_host makes it one that may call any
        line."""
        return self.phone(name, host=self.core[0])

    def add(self, ua):
        self.uas.append(ua)
        return ua

    def sipp_server(self, scenario, calls, *args):
        """SIPp in the upstream's place."""
        return self.keep(Sipp.server(self, scenario, calls, args))

    def sipp_client(self, scenario, calls, *args):
        """SIPp as phones, sending to the daemon."""
        return self.keep(Sipp.client(self, scenario, calls, args))

    def sipp_upstream(self, scenario, calls, *args):
        """SIPp as a caller beside the upstream (trust_upstream_host)."""
        return self.keep(Sipp.upstream(self, scenario, calls, args))

    def sipp_behind(self, scenario, calls, *args):
        """SIPp as a caller who is at the upstream, and calls by way of it."""
        return self.keep(Sipp.behind(self, scenario, calls, args))

    def sipp_device(self, scenario, calls, phone, *args):
        """SIPp takes over the socket, and so the registration, of a phone."""
        self.uas.remove(phone)
        return self.keep(Sipp.device(self, scenario, calls, phone, args))

    def kamailio(self, route, modules=(), params=(), **how):
        """Kamailio in the upstream's place, ready; route: what its request_route does."""
        k = self.keep(Kamailio(self, route, modules, params, **how))
        k.wait_ready()
        return k

    def baresip(self, name, password, **how):
        """A real phone, started."""
        return self.keep(Baresip(self, name, password, **how))

    def registrar(self, *options):
        """breakwater-sim in the upstream's place, ready; it challenges unless options are given."""
        r = self.keep(Registrar(self, *([options] if options else [])))
        r.wait_ready()
        return r

    def plain_baresip(self, user="alice", account="", host=None, transport="udp"):
        """A real phone, registering."""
        return self.keep(PlainBaresip(self, user, account, host, transport))

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
