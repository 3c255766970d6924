"""A home behind NAT, in network namespaces: phones in "home", the daemon in "net", between them a
router with masquerading by nftables, which forgets a UDP mapping after so many seconds without a
packet. Needs the rights of root."""
import itertools
import os

from .network import NetworkError, ip, sweep
from .program import run

HOME, ROUTER_IN = "10.78.0.2", "10.78.0.1"
NET, ROUTER_OUT = "198.18.0.2", "198.18.0.1"
RULES = """table ip nat {
    chain postrouting {
        type nat hook postrouting priority 100; oifname out masquerade;
    }
}"""

serials = itertools.count()


class NatNetwork:
    def __init__(self, mapping_s):
        self.prefix, self.made = f"bw-{os.getpid()}-{next(serials)}-nat-", []
        sweep()
        try:
            for name in ("home", "router", "net"):
                ip("netns", "add", self.prefix + name)
                self.made.append(name)
                ip("-n", self.prefix + name, "link", "set", "lo", "up")
            self.connect("home", HOME, "in", ROUTER_IN)
            self.connect("net", NET, "out", ROUTER_OUT)
            ip("-n", self.prefix + "home", "route", "add", "default", "via", ROUTER_IN)
            self.set_up_router(mapping_s)
        except BaseException:
            self.close()
            raise

    def inside(self, place):
        """What to put before a command that shall run there."""
        return ["ip", "netns", "exec", self.prefix + place]

    def connect(self, place, address, device, router):
        ip("-n", self.prefix + place, "link", "add", "eth", "type", "veth", "peer", "name", device,
           "netns", self.prefix + "router")
        for name, end, mine in ((place, "eth", address), ("router", device, router)):
            ip("-n", self.prefix + name, "address", "add", mine + "/24", "dev", end)
            ip("-n", self.prefix + name, "link", "set", end, "up")

    def set_up_router(self, mapping_s):
        self.on_router("nft", RULES)
        for name, value in (("net.ipv4.ip_forward", 1),
                            ("net.netfilter.nf_conntrack_udp_timeout", mapping_s),
                            ("net.netfilter.nf_conntrack_udp_timeout_stream", mapping_s)):
            self.on_router("sysctl", "-q", "-w", f"{name}={value}")

    def on_router(self, *command):
        code, _, errors = run([*self.inside("router"), *command])
        if code:
            raise NetworkError(f"`{' '.join(command)}` fails: {errors.strip()}")

    def close(self):
        for name in self.made:
            run(["ip", "netns", "del", self.prefix + name])
