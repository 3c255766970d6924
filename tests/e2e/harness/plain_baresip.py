"""baresip as a phone: a real one, with its own ideas of when to register."""
import os

from . import net
from .program import Program

CONFIG = """\
sip_listen {address}
net_interface {host}
module_path {modules}
module_tmp uuid.so
module_tmp account.so
module_app menu.so
"""


def module_path():
    found = [p for p in ("/usr/lib/baresip/modules", "/usr/lib64/baresip/modules",
                         "/usr/lib/x86_64-linux-gnu/baresip/modules",
                         "/usr/lib/aarch64-linux-gnu/baresip/modules") if os.path.isdir(p)]
    assert found, "where are baresip's modules?"
    return found[0]


class PlainBaresip(Program):
    """Registers as soon as it runs, refreshes when most of the granted time has passed, and leaves
    when it is ended. account: further parameters of its account."""
    def __init__(self, site, user, account="", host=None, transport="udp"):
        host = host or site.net.phone()
        address = (host, net.free_port(host))
        site.ladder.name(address, "baresip")
        folder = site.path(f"baresip-{user}-{address[1]}")
        os.mkdir(folder)
        self.write(folder, "config", CONFIG.format(
            address=net.text(*address), host=host, modules=module_path()))
        self.write(folder, "contacts", "")
        self.write(folder, "accounts", f"<sip:{user}@example.test;transport={transport}>;"
                   f"auth_pass=secret-{user};outbound=\"sip:{net.text(*site.access)};transport={transport}\""
                   f";regint=60{account}\n")
        super().__init__(os.path.basename(folder), ["baresip", "-f", folder, "-v"], site.directory)

    @staticmethod
    def write(folder, name, text):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.write(text)
