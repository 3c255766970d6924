"""The configurations in the documents: where they stand, and how one becomes a test's own."""
import glob
import os
import re
from dataclasses import dataclass, field

from . import net

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
FENCE = re.compile(r"^(#+ [^\n]*)$|^```(\S*)\n(.*?)^```$", re.M | re.S)
SECTION = re.compile(r'^\s*(?:listen|upstream|domain|line|access-list|admin|limits|log|events|hep)\b'
                     r'(?: "[^"]*")?\s*\{', re.M)
PLACES = ("/etc/breakwater", "/var/lib/breakwater", "/run/breakwater", "/tmp/rehearsal")
# What a part of a configuration needs around it.
REST = {"listen": 'listen "phones" { address = "udp:203.0.113.5:5060" }',
        "upstream": 'upstream "carrier" { servers = "sip:192.0.2.10" }',
        "domain": 'domain "example.com" { }'}


@dataclass
class Found:
    """where: file and heading. said: what breakwater -t says of it by the document."""
    where: str
    text: str
    accounts: str = ""
    said: list = field(default_factory=list)


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as f:
        return f.read()


def in_markdown(name):
    found, heading = [], ""
    for title, kind, text in FENCE.findall(read(name)):
        heading = title.lstrip("# ") or heading
        if kind == "conf":
            found.append(Found(f"{name}: {heading}", text))
        elif kind == "accounts":
            found[-1].accounts = text
        elif text.startswith("$ breakwater -t "):
            found[-1].said = text.splitlines()[1:]
        else:
            assert not SECTION.search(text), f"{name}: is this a configuration?\n{text}"
    return found


def in_manual(name):
    found = []
    for text in re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed$", read(name), re.M | re.S):
        text = text.replace("\\e", "\\").replace("\\&", "")
        if SECTION.search(text):
            found.append(Found(f"{name}: {len(found) + 1}", text))
    return found


def everything():
    names = ["README.md"] + sorted(
        os.path.relpath(path, ROOT) for path in glob.glob(os.path.join(ROOT, "docs", "**", "*.md"),
                                                          recursive=True))
    found = [one for name in names for one in in_markdown(name)]
    for path in sorted(glob.glob(os.path.join(ROOT, "docs", "man", "*.[1578]*"))):
        found += in_manual(os.path.relpath(path, ROOT))
    return found + [Found("etc/breakwater.conf", read("etc", "breakwater.conf"))]


class Staged:
    """One with addresses and places of the test's own. A network of 24 bits or more stays one."""
    def __init__(self, found, directory):
        self.nets, self.directory, self.accounts = {}, directory, found.accounts
        self.text = found.text
        for name, line in REST.items():
            if not re.search(rf'^\s*{name} "', self.text, re.M):
                self.text += line + "\n"
        self.text = re.sub(r"(\d+\.\d+\.\d+)(\.\d+)(/\d+)?\b", self.moved, self.text)
        for place in PLACES:
            self.text = self.text.replace(place, directory + place)
        self.add_rest()
        for path in re.findall(r'-dir\s*= "([^"]+)"', self.text):
            os.makedirs(path, mode=0o700, exist_ok=True)
        os.makedirs(directory + "/etc/breakwater/tls", exist_ok=True)

    def moved(self, match):
        network, host, bits = match.groups()
        if bits and int(bits[1:]) < 24:
            return match.group(0)
        mine = self.nets.setdefault(network, net.Net().prefix)
        return mine + host + (bits or "")

    def add_rest(self):
        """What has a default that is not for tests."""
        for option, is_used in (("credentials", '"local"' in self.text),
                                ("upstream-credentials", self.accounts)):
            if is_used and not re.search(rf"(?<![-\w]){option}\s*=", self.text):
                self.text = re.sub(r'^(\s*domain "[^"]*"\s*\{)',
                                   rf'\1 {option} = "{self.directory}/etc/breakwater/{option}"',
                                   self.text, flags=re.M)
        self.socket = self.directory + "/admin.sock"
        run = re.search(r'^runtime-dir\s*= "([^"]+)"', self.text, re.M)
        if run:
            self.socket = run[1] + "/admin.sock"
        else:
            self.text += f'state-dir = "{self.directory}/state"\nruntime-dir = "{self.directory}"\n'
        if not re.search(r"^\s*http\s*=|\bhttp = ", self.text, re.M):
            self.text = re.sub(r"^admin \{[^}]*\}", "", self.text, flags=re.M)
            self.text += 'admin { http = "" }\n'

    def values(self, section, option):
        """Of an option in all sections of that kind, in order."""
        bodies = re.findall(rf'^{section} "([^"]*)"\s*\{{(.*?)\}}[ \t]*(?:#.*)?$', self.text,
                            re.M | re.S)
        found = []
        for title, body in bodies:
            value = re.search(rf'(?:^|[\s{{]){option}\s*=\s*(\{{[^}}]*\}}?|"[^"]*"|\w+)', body)
            found.append((title, re.findall(r'"([^"]*)"', value[1]) or [value[1]] if value else []))
        return found

    def listeners(self):
        """(transport, (host, port)) of those that devices use."""
        sides = [side for _, side in self.values("listen", "side")]
        found = []
        for (_, (address,)), side in zip(self.values("listen", "address"), sides):
            transport, where = address.split(":", 1)
            host, port = where.rsplit(":", 1)
            if side != ["core"]:
                found.append((transport, (host, int(port))))
        return found

    def server(self):
        """(host, port) of the first upstream's first server."""
        uri = self.values("upstream", "servers")[0][1][0]
        host, port = re.match(r"sips?:([\d.]+)(?::(\d+))?", uri).groups()
        return host, int(port or 5060)
