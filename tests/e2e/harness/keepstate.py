#!/usr/bin/env python3
"""Makes a small state directory of the present format, for test_formats.py to open with every later
version:

    BREAKWATER_BIN=build/bin tests/e2e/harness/keepstate.py tests/state/format-N

It leaves there the files of state-dir as a stopped daemon has them, and lines.jsonl: the same as
export tells it. A format that has been released once is never made again."""
import os
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from harness.accounts import ctl  # noqa: E402
from harness.site import Site  # noqa: E402

FILES = ("data.mdb", "leases.checkpoint", "token.key", "nonce.key", "ticket.keys")


def instance(n):
    return f'+sip.instance="<urn:uuid:00000000-0000-1000-8000-0000000000{n:02}>"'


def register(site):
    """Lines of all kinds: one device and several, by UDP and with what is left of a connection,
    with q, instance, path and odd bytes, one that has left, and one of another domain."""
    def phone(name, **how):
        return site.registering(name, "pw", **how)

    def add(ua, params="", fields=(), expires=300):
        contact = f"<{ua.contact}>{params}"
        assert ua.send_register(contact, expires, fields=fields).status == 200

    add(phone("alice"))
    add(phone("alice"), ";q=0.5", [("User-Agent", "Desk \xe9\xe8 1.0")])
    add(phone("bob"), f";{instance(1)};reg-id=1;methods=\"INVITE\"", [("Supported", "path, outbound")])
    add(phone("carol"), fields=[("Path", "<sip:edge.example.net;lr>"), ("Supported", "path"),
                                ("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS")])
    for n in range(5):
        add(phone("many"), f";{instance(10 + n)}")
    left = phone("left")
    add(left)
    assert left.register(expires=0).status == 200
    add(phone("dave+1"))


def main(target):
    site = Site()
    site.judge_upstream()
    site.config.set('domain "example.test"', max_contacts=10)
    site.registrar("--password", "pw")
    try:
        site.start()
        register(site)
        os.makedirs(target, exist_ok=True)
        code, _, err = ctl(site, "export", site.path("lines.jsonl"))
        assert code == 0, err
        site.daemon.stop()
        for name in FILES:
            shutil.copyfile(site.path("state/" + name), os.path.join(target, name))
        shutil.copyfile(site.path("lines.jsonl"), os.path.join(target, "lines.jsonl"))
    finally:
        site.close()
        site.remove()


if __name__ == "__main__":
    main(sys.argv[1])
