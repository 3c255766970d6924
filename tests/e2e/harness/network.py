"""Networks of the test's own, in namespaces of the kernel: a hub and places around it, each on a
cable of its own that loses, doubles and reorders packets. By netem where the kernel has it, else by
wire.py. Needs the rights of root."""
import itertools
import os
import re
import sys

from .program import Program, run

LOSS, DUPLICATE, REORDER, DELAY_MS = 1, 1, 5, 5  # on either side; the rest waits for DELAY_MS
NETEM = ["netem", "limit", "100000", "delay", f"{DELAY_MS}ms", "loss", f"{LOSS}%", "duplicate",
         f"{DUPLICATE}%", "reorder", f"{REORDER}%"]
WIRE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "wire.py")
NAME = re.compile(r"^bw-(\d+)-\d+-")  # of which process

serials = itertools.count()


class NetworkError(Exception):
    """This machine does not let us make networks."""


def ip(*args):
    code, _, errors = run(["ip", *args])
    if code:
        raise NetworkError(f"`ip {' '.join(args)}` fails, and the test needs network namespaces "
                           f"(root, or CAP_NET_ADMIN and CAP_SYS_ADMIN): {errors.strip()}")


def is_there(pid):
    return os.path.exists(f"/proc/{pid}")


def sweep():
    """Takes away what test runs have left that were killed."""
    for line in run(["ip", "netns", "list"])[1].splitlines():
        name = line.split()[0]
        owner = NAME.match(name)
        if owner and not is_there(owner[1]):
            ip("netns", "del", name)


class Network:
    """The hub is HOST(i, 1) on the cable to place i, the place HOST(i, 2)."""
    def __init__(self, directory, places):
        self.directory, self.wires, self.made = directory, [], []
        self.prefix = f"bw-{os.getpid()}-{next(serials)}-"
        self.places = list(places)
        sweep()
        try:
            self.make()
        except BaseException:
            self.close()
            raise

    def make(self):
        for name in ("hub", *self.places):
            ip("netns", "add", self.prefix + name)
            self.made.append(name)
            ip("-n", self.prefix + name, "link", "set", "lo", "up")
        self.has_netem = run([*self.inside("hub"), "tc", "qdisc", "add", "dev", "lo", "root",
                              "netem", "delay", "0ms"])[0] == 0
        if self.has_netem:
            self.tc("hub", "del", "lo", [])
        for place in self.places:
            self.connect(place)

    def inside(self, place):
        """What to put before a command that shall run there."""
        return ["ip", "netns", "exec", self.prefix + place]

    def hub(self, place):
        """The hub's address on the cable to there."""
        return f"10.77.{self.places.index(place)}.1"

    def host(self, place):
        return f"10.77.{self.places.index(place)}.2"

    def connect(self, place):
        ends = (("hub", place, self.hub(place), self.host(place)),
                (place, "hub", self.host(place), self.hub(place)))
        if self.has_netem:
            ip("-n", self.prefix + "hub", "link", "add", place, "type", "veth", "peer", "name",
               "hub", "netns", self.prefix + place)
        else:
            self.add_wire(place)
        for space, device, local, remote in ends:
            ip("-n", self.prefix + space, "address", "add", local, "peer", remote, "dev", device)
            ip("-n", self.prefix + space, "link", "set", device, "up", "txqueuelen", "10000")
            if self.has_netem:
                self.tc(space, "add", device, NETEM)

    def tc(self, space, verb, device, what):
        code, _, errors = run([*self.inside(space), "tc", "qdisc", verb, "dev", device, "root",
                               *what])
        if code:
            raise NetworkError(f"tc qdisc {verb}: {errors.strip()}")

    def add_wire(self, place):
        """Devices are made here and move; a name of the machine's is needed until then."""
        names = [f"bw{os.getpid()}{end}" for end in "ab"]
        wire = Program("wire-" + place, [sys.executable, WIRE, LOSS, DUPLICATE, REORDER, DELAY_MS,
                                         *names], self.directory)
        self.wires.append(wire)
        wire.wait_output("ready")
        for name, space, device in ((names[0], "hub", place), (names[1], place, "hub")):
            ip("link", "set", name, "netns", self.prefix + space)
            ip("-n", self.prefix + space, "link", "set", name, "name", device)

    def close(self):
        for wire in self.wires:
            wire.kill()
        for name in self.made:
            run(["ip", "netns", "del", self.prefix + name])
