"""A DNS server of the test's own: dnsmasq on one of the test's addresses, which knows what the test
says and asks nobody else."""
import os
import shutil

from . import net
from .program import Program

BINARY = shutil.which("dnsmasq") or "/usr/sbin/dnsmasq"


def naptr(name, order, preference, service, replacement):
    return f"naptr-record={name},{order},{preference},s,{service},,{replacement}"


def srv(name, target, port, priority=0, weight=0):
    return f"srv-host={name},{target},{port},{priority},{weight}"


def host(name, address):
    return f"host-record={name},{address}"


class Dns(Program):
    """records: lines of its configuration; ttl: of them, in seconds."""
    def __init__(self, site, records, ttl=5, where=None):
        self.site, self.ttl = site, ttl
        self.address = where or (site.net.upstream, net.free_port(site.net.upstream))
        self.path = os.path.join(site.directory, f"dnsmasq-{self.address[1]}.conf")
        self.write(records)
        super().__init__("dnsmasq", [BINARY, "--conf-file=" + self.path], site.directory)

    def write(self, records):
        with open(self.path, "w", encoding="ascii") as f:
            f.write("\n".join([
                "no-resolv", "no-hosts", "keep-in-foreground", "bind-interfaces", "log-queries",
                f"listen-address={self.address[0]}", f"port={self.address[1]}",
                f"local-ttl={self.ttl}", "user=root", "log-facility=-", "pid-file=",
                "local=/example.net/", *records]) + "\n")

    def wait_ready(self):
        self.wait_output("started, version")

    def asked(self, question):
        """How often: "query[SRV] _sip._udp.example.net"."""
        return self.output().count(question + " from")


def start(site, records, **how):
    """Ready; the site ends it."""
    server = site.keep(Dns(site, records, **how))
    server.wait_ready()
    return server


def change(server, records):
    """Another one in its place that knows these."""
    server.end()
    return start(server.site, records, ttl=server.ttl, where=server.address)
