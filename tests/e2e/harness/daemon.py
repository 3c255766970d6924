"""The daemon under test and its configuration."""
import os
import signal
import socket
import sys

from . import net
from .program import Program, run

SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}
ENVIRONMENT = {name: os.environ.get(name, value) for name, value in SANITIZERS.items()}


def binary(name="breakwater"):
    folder = os.environ.get("BREAKWATER_BIN")
    if not folder:
        here = os.path.dirname(os.path.abspath(__file__))
        folder = os.path.join(here, "..", "..", "..", "build", "bin")
    return os.path.abspath(os.path.join(folder, name))


def run_daemon(*args, timeout=30.0, **how):
    """For what ends by itself: (exit code, standard output, standard error)."""
    return run([binary(), *args], timeout, env={**os.environ, **ENVIRONMENT}, **how)


def value_text(value):
    if isinstance(value, (list, tuple)):
        return "{" + ", ".join(value_text(v) for v in value) + "}"
    return str(value) if isinstance(value, int) else f'"{value}"'


def option_text(name, value):
    """A dict is a section in the section."""
    if isinstance(value, dict):
        return name + " { " + " ".join(option_text(n, v) for n, v in value.items()) + " }"
    return f"{name} = {value_text(value)}"


class Config:
    """Sections by their header as in the file, '' for what stands outside."""
    def __init__(self, sections):
        self.sections = sections

    def set(self, section, **options):
        """Names with _ for -; None takes an option away."""
        known = self.sections.setdefault(section, {})
        for name, value in options.items():
            known[name.replace("_", "-")] = value
            if value is None:
                del known[name.replace("_", "-")]

    def text(self):
        lines = []
        for header, options in self.sections.items():
            inner = [option_text(name, v) for name, v in options.items()]
            lines += inner if not header else \
                [header + " {"] + ["    " + line for line in inner] + ["}"]
        return "\n".join(lines) + "\n"


HAND_OVER = """
import os, sys
n = int(sys.argv[1])
for i in range(n):
    os.dup2(int(sys.argv[2 + i]), 3 + i)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(n))
os.execv(sys.argv[2 + n], sys.argv[2 + n:])
"""


def hand_over(fds):
    """The start of a command that has these as 3, 4, … (sd_listen_fds(3)); they are above 99."""
    return [sys.executable, "-c", HAND_OVER, len(fds), *fds]


class Daemon(Program):
    """inside: what to put before the command, to start it in a network namespace. sockets: what a
    service manager hands over to it. stored: what it gave to the manager to keep, if that does."""
    def __init__(self, config, directory, name="breakwater", inside=(), sockets=(), keeps=False):
        self.keeps, self.stored = keeps, []
        if sockets:
            inside = [*inside, *hand_over(sockets)]
        self.path = os.path.join(directory, name + ".conf")
        self.write(config)
        where = self.open_notify(os.path.join(directory, name + ".notify"))
        super().__init__(name, [*inside, binary(), "-c", self.path], directory,
                         {**ENVIRONMENT, "NOTIFY_SOCKET": where}, sockets)

    def open_notify(self, where):
        """A file, for an abstract name is not seen from another network namespace."""
        if os.path.exists(where):
            os.unlink(where)  # of the one before
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(where)
        self.notify.settimeout(30)
        return where

    def write(self, config):
        with open(self.path, "w", encoding="utf-8") as f:
            f.write(config if isinstance(config, str) else config.text())

    def told(self):
        """The next thing it told the service manager."""
        while True:
            text, fds, _, _ = socket.recv_fds(self.notify, 4096, 253)
            if not text.startswith(b"FDSTORE"):
                return text.decode("ascii")
            if self.keeps:
                self.stored += fds
            else:
                for fd in fds:
                    os.close(fd)

    def wait_ready(self):
        self.wait_output(" is ready")
        assert self.told() == "READY=1"

    def reload(self):
        """SIGHUP; returns when the reload has been taken or refused."""
        self.signal(signal.SIGHUP)
        assert self.told().startswith("RELOADING=1")
        assert self.told() == "READY=1"

    def stop(self, timeout=20.0):
        """SIGTERM; fails unless it stops well."""
        self.signal(signal.SIGTERM)
        self.wait(timeout)
        assert not self.problems(), self.problems()

    def problems(self):
        """What is wrong with an ended daemon: a list of texts."""
        code = self.process.returncode
        found = self.reports()
        if code != 0:
            found.append(f"{self.name} ended with {code}")
        return found

    def close(self):
        """Ends it, if a test has not, and says what is wrong."""
        went = self.end(20.0)
        self.notify.close()
        return self.problems() + ([] if went else [f"{self.name} did not stop on SIGTERM"])


def usual_config(addresses, directory, workers):
    """Phones reach it at .access, the upstream is at .upstream. Everybody is trusted, so that a test
    of forwarding needs nobody registered; Site.judge_upstream changes that. The pace upstream keeps
    no test waiting: the scenarios of the simulation are those that prove it."""
    http = net.free_port(addresses.proxy, socket.SOCK_STREAM)
    return Config({
        "": {"workers": workers, "drain-timeout": 0, "runtime-dir": directory,
             "state-dir": os.path.join(directory, "state")},
        "log": {"level": "debug"},
        'listen "phones"': {},
        'upstream "registrar"': {"register-rate": 20000, "register-burst": 40000,
                                 "probe-interval": 0},
        'access-list "any"': {},
        'domain "example.test"': {"authentication": "trusted", "access-list": "any"},
        "admin": {"http": net.text(addresses.proxy, http)},
    })
