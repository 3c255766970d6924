"""Kamailio in the upstream's place, with a configuration made for the test."""
import glob
import os
import time

from . import net, sip
from .phone import Phone, contacts
from .program import Program
from .ua import TIMEOUT, Ua

TEMPLATE = """\
#!KAMAILIO
debug=2
log_stderror=yes
fork=yes
children=2
{streams}
dns=no
rev_dns=no
auto_aliases=no
listen=udp:{listen}
mpath="{mpath}"
{modules}
{params}
request_route {{
{route}
}}
"""

# A registrar with digest that has its bindings in memory: the password of X is "secret-X".
REGISTRAR = """
    if (is_method("REGISTER")) {
        xlog("got REGISTER from=$si aor=$tU proof=$au contact=$ct expires=$hdr(Expires) id=$ci\n");
        if (!pv_www_authenticate("$td", "secret-$tU", "0")) {
            www_challenge("$td", "1");
            exit;
        }
        if ($au != $tU) {
            sl_send_reply("403", "Forbidden");
            exit;
        }
        save("location");
        exit;
    }
    if (!is_method("ACK")) sl_send_reply("404", "Not Found");
"""
registrar_modules = ("auth", "usrloc", "registrar")
registrar_params = (("usrloc", "db_mode", 0), ("registrar", "max_expires", 3600),
                    ("registrar", "gruu_enabled", 0), ("registrar", "max_contacts", 0))

USUAL_MODULES = ("sl", "pv", "textops", "siputils", "maxfwd", "sanity", "xlog")


def module_path():
    found = [path for pattern in ("/usr/lib/*/kamailio/modules", "/usr/lib*/kamailio/modules")
             for path in glob.glob(pattern)]
    assert found, "where are Kamailio's modules?"
    return found[0]


class Kamailio(Program):
    """modules: beyond the usual ones; params: (module, name, value); streams: lines about what it
    listens on besides UDP."""
    def __init__(self, site, route, modules, params, streams="disable_tcp=yes"):
        self.site, self.address, self.asker = site, site.core, site.net.phone()
        site.ladder.name(site.core, "kamailio")
        path = site.path("kamailio.cfg")
        with open(path, "w", encoding="utf-8") as f:
            f.write(TEMPLATE.format(
                listen=net.text(*site.core), mpath=module_path(), route=route, streams=streams,
                modules="\n".join(f'loadmodule "{m}.so"' for m in (*USUAL_MODULES, *modules)),
                params="\n".join(f'modparam("{m}", "{n}", {self.param(v)})' for m, n, v in params)))
        folder = site.path("kamailio")
        os.mkdir(folder)
        super().__init__("kamailio", [
            "kamailio", "-f", path, "-DD", "-E", "-m", "32", "-M", "4", "-Y", folder,
            "-P", os.path.join(folder, "pid"), "-w", folder], site.directory)

    @staticmethod
    def param(value):
        return str(value) if isinstance(value, int) else f'"{value}"'

    def registers(self):
        """What REGISTRAR got from the daemon, oldest first: dicts of from, aor, proof, contact,
        expires and id."""
        lines = [line.split("got REGISTER ", 1)[1] for line in self.output().splitlines()
                 if f"got REGISTER from={self.site.net.proxy} " in line]
        return [dict(part.split("=", 1) for part in line.split(" ")) for line in lines]

    def bindings(self, name):
        """What its location table holds for a user: contact -> expires."""
        asker = Phone(name, self.asker, self.site.ladder, self.address)
        try:
            answer = asker.query()
            assert answer.status == 200
            return contacts(answer)
        finally:
            asker.close()

    def wait_ready(self):
        """Until it answers anything at all."""
        probe = Ua("probe", self.site.net.phone(), self.site.ladder, self.address)
        end = time.monotonic() + 2 * TIMEOUT
        try:
            while True:
                assert self.is_running, self.output()
                assert time.monotonic() < end, "kamailio does not answer:\n" + self.output()
                probe.send(probe.request("OPTIONS", "sip:" + net.text(*self.address),
                                         call_id=sip.unique("probe")))
                if probe.receive(0.2):
                    return
        finally:
            probe.close()
