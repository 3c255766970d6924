"""breakwater-sim in the upstream's place: a registrar with digest that tells what it was asked."""
import json
import os
import socket

from . import net
from .daemon import ENVIRONMENT, binary
from .program import Program


class Registrar(Program):
    """options: as on its command line. The password of everybody is "pw" unless told otherwise.
    inside: as of the daemon."""
    def __init__(self, site, options=("--password", "pw"), inside=()):
        self.control, self.journal_path = site.path("registrar.sock"), site.path("journal")
        site.ladder.name(site.core, "registrar")
        super().__init__("registrar", [
            *inside, binary("breakwater-sim"), "registrar", "--listen", "udp:" + net.text(*site.core),
            "--control", self.control, "--log", self.journal_path,
            *options], site.directory, ENVIRONMENT)

    def wait_ready(self):
        self.wait_output('"listen"')

    def command(self, line):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(self.control)
            s.sendall(line.encode() + b"\n")
            answer = s.makefile().readline().strip()
        return json.loads(answer) if answer[:1] in ("{", "[") else answer

    def bindings(self, aor):
        return self.command("bindings " + aor)

    def journal(self, method="REGISTER"):
        """What came, oldest first."""
        if not os.path.exists(self.journal_path):
            return []
        with open(self.journal_path, encoding="utf-8") as f:
            rows = [json.loads(line) for line in f]
        return [row for row in rows if row.get("method", method) == method]

    def count(self):
        """REGISTERs so far, without reading each: there may be a million."""
        if not os.path.exists(self.journal_path):
            return 0
        with open(self.journal_path, encoding="utf-8") as f:
            return sum('"method":"REGISTER"' in line for line in f)
