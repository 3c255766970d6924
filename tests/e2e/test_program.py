"""The command line, exit codes and readiness."""
import re
import signal
import socket

import pytest

from harness import net
from harness.daemon import Daemon, run_daemon

GOOD = '''listen "a" { address = "udp:127.0.0.1:5060" }
upstream "u" { servers = {"sip:127.0.0.2"} }
domain "example.test" { }
'''


def write(site, text):
    path = site.path("test.conf")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def test_version_and_help_go_to_standard_output():
    code, out, err = run_daemon("-V")
    assert (code, err) == (0, "") and re.fullmatch(r"breakwater \d+\.\d+\.\d+\n", out)
    code, out, err = run_daemon("-h")
    assert (code, err) == (0, "") and out.startswith("usage: breakwater")


@pytest.mark.parametrize("args", [["-x"], ["-c"], ["-c", "/etc/hostname", "more"]])
def test_wrong_use_exits_64_with_the_usage(args):
    code, out, err = run_daemon(*args)
    assert code == 64 and out == "" and "usage: breakwater" in err


def test_a_good_configuration_passes_the_check(site):
    code, out, err = run_daemon("-t", "-c", write(site, GOOD))
    assert (code, err) == (0, "") and "good" in out


@pytest.mark.parametrize("old, new, line, words", [
    ("udp:127.0.0.1:5060", "udp:127.0.0.1:99999", 1, ["address", "udp:IP-ADDRESS:PORT"]),
    ("address", "adress", 1, ["adress"]),
    ("sip:127.0.0.2", "http://127.0.0.2", 2, ["servers", "sip:HOST"]),
    ("domain", "workers = 1000\ndomain", 3, ["workers", "0 to 256"]),
    ("domain", 'drain-timeout = "2 weeks"\ndomain', 3, ["drain-timeout", "duration"]),
    ("domain", 'log { level = "loud" }\ndomain', 3, ["level", "error, warning, info, debug"]),
    ("domain", 'domein', 3, ["domein"]),
    ("{ }", '{ upstream = "v" }', 3, ["upstream", "v"]),
])
@pytest.mark.parametrize("check", [["-t"], []], ids=["check", "start"])
def test_a_mistake_exits_78_and_names_file_line_and_option(site, check, old, new, line, words):
    path = write(site, GOOD.replace(old, new, 1))
    code, out, err = run_daemon(*check, "-c", path)
    assert code == 78 and out == ""
    first = err.splitlines()[0]
    assert first.startswith(f"error: {path}:{line}: ")
    assert all(w in err for w in words), err


def test_a_file_that_is_not_there_exits_78():
    code, _, err = run_daemon("-c", "/nonexistent/breakwater.conf")
    assert code == 78 and "/nonexistent/breakwater.conf" in err and "No such file" in err


def test_nothing_to_listen_on_is_said(site):
    code, _, err = run_daemon("-t", "-c", write(site, ""))
    assert code == 78 and all(w in err for w in ("listen", "upstream", "domain"))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_port_in_use_exits_1_and_is_named(site, workers):
    with net.udp_socket(*site.access):
        site.config.set("", workers=workers)
        daemon = Daemon(site.config, site.directory)
        assert daemon.wait() == 1
    out = daemon.output()
    assert f'listen "phones": cannot open udp:{net.text(*site.access)}: Address already in use' in out
    assert "is ready" not in out and not daemon.reports()


def test_a_log_file_that_cannot_be_opened_exits_1(site):
    site.config.set("log", target=site.path("no/such/folder/log"))
    daemon = Daemon(site.config, site.directory)
    assert daemon.wait() == 1
    assert "log.target: cannot open" in daemon.output() and not daemon.reports()


def test_it_says_ready_when_it_can_be_used(site):
    daemon = site.start()
    ready = [line for line in daemon.output().splitlines() if "ready" in line]
    assert len(ready) == 1
    phone = site.phone()
    assert phone.ask(phone.request("OPTIONS")).status == 200
    daemon.stop()
    assert daemon.told() == "STOPPING=1"


def test_small_socket_buffers_are_told_at_the_start(site):
    """Once for each listener over UDP, if the system's limit is below what is asked for."""
    limits = []
    for way in "rw":
        with open(f"/proc/sys/net/core/{way}mem_max", encoding="ascii") as f:
            limits.append(int(f.read()))
    site.set_workers(2)
    said = site.start().output().count("smaller socket buffers than 8388608 bytes; see "
                                       "net.core.rmem_max and net.core.wmem_max")
    listeners = sum(section.startswith("listen ") for section in site.config.sections)
    assert said == (listeners if min(limits) < 8 << 20 else 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_idle_it_stops_at_once(site, number):
    site.config.set("", drain_timeout=60)
    daemon = site.start()
    daemon.signal(number)
    assert daemon.wait(15) == 0
    assert "stopped" in daemon.output()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(site.access)  # the port is free again
