"""The log goes to the journal with fields, and to whoever does not read it without anybody waiting."""
import fcntl
import os
import socket
import struct
import subprocess

import pytest

from harness.daemon import ENVIRONMENT, Daemon, binary

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has mount namespaces")

INSIDE = """mount -t tmpfs none /run && mkdir -p /run/systemd/journal &&
mount --bind "$0" /run/systemd/journal && exec "$@" """


def fields_of(datagram):
    """systemd's native protocol, https://systemd.io/JOURNAL_NATIVE_PROTOCOL."""
    found, at = {}, 0
    while at < len(datagram):
        end = datagram.index(b"\n", at)
        name, sign, value = datagram[at:end].partition(b"=")
        at = end + 1
        if not sign:
            n, = struct.unpack("<Q", datagram[at:at + 8])
            value, at = datagram[at + 8:at + 8 + n], at + 8 + n + 1
        found[name.decode()] = value.decode("utf-8", "replace")
    return found


@needs_root
def test_the_journal_gets_fields_and_nobody_waits_for_it(site):
    site.judge_upstream()
    site.registrar("--password", "pw")
    folder = site.path("journal.d")
    os.mkdir(folder)
    site.config.set("log", level="info", target="journal")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(folder + "/socket")
        os.chmod(folder + "/socket", 0o666)
        journal.settimeout(20)
        site.daemon = site.keep(Daemon(site.config, site.directory, inside=[
            "unshare", "-m", "--propagation", "private", "sh", "-c", INSIDE, folder]))
        heard = []
        while not any("is ready" in f["MESSAGE"] for f in heard):
            heard.append(fields_of(journal.recv(65536)))
        assert site.daemon.told() == "READY=1"
        phone = site.registering("alice", "pw")
        assert phone.register().status == 200
        while not any("BREAKWATER_EVENT" in f for f in heard):
            heard.append(fields_of(journal.recv(65536)))
        added = next(f for f in heard if f.get("BREAKWATER_EVENT") == "binding-added")
        assert added["BREAKWATER_AOR"] == "alice@example.test" and added["PRIORITY"] == "6"
        assert added["SYSLOG_IDENTIFIER"] == "breakwater" and added["THREAD"] == "store"
        # Nobody reads any more, and calls and registrations go on all the same.
        site.unix.ask("PUT", "/api/v1/log-level", body='{"level": "debug"}')
        for i in range(60):
            assert site.registering(f"user{i}", "pw").register().status == 200
            if site.http.metrics().get("log_lines_lost_total", 0):
                break
        assert site.http.metrics()["log_lines_lost_total"] > 0


def test_standard_error_that_nobody_reads(site):
    """A full pipe loses lines, and holds nobody up."""
    site.config.set("", drain_timeout=0)
    with open(site.path("conf"), "w", encoding="utf-8") as f:
        f.write(site.config.text())
    process = subprocess.Popen([binary(), "-c", site.path("conf")], stderr=subprocess.PIPE,
                               stdout=subprocess.DEVNULL, env={**os.environ, **ENVIRONMENT})
    fcntl.fcntl(process.stderr, fcntl.F_SETPIPE_SZ, 4096)  # soon full
    try:
        site.wait_for(lambda: os.path.exists(site.path("admin.sock")))
        phone = site.phone()
        site.wait_for(lambda: site.unix.get("/readyz").status == 200)

        def goes_on():
            for _ in range(50):
                phone.ask(phone.request("OPTIONS"))
            return site.http.metrics().get("log_lines_lost_total", 0) > 0
        site.wait_for(goes_on, 60)
        assert phone.ask(phone.request("OPTIONS")).status == 200
        process.terminate()
        out = process.communicate(timeout=20)[1].decode()
        assert process.returncode == 0
        assert all(line.startswith(("20", "warning: ")) for line in out.splitlines() if line), out
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
