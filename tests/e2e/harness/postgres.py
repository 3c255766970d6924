"""A PostgreSQL server of the test's own: in the site's directory, on a loopback address, run by a
user who is not root, as it refuses that."""
import glob
import os
import pwd
import shutil
import signal
import subprocess
import time

from . import net
from .program import Program, run


def folder():
    """Of its programs: Debian keeps them out of the PATH. None: there is none."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    path = found[-1] if found else shutil.which("initdb")
    return os.path.dirname(path) if path else None


def as_user():
    """What to put before a command."""
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] \
        if os.getuid() == 0 else []


class Postgres:
    def __init__(self, site):
        self.site, self.bin = site, folder()
        self.address = (site.net.upstream, net.free_port(site.net.upstream, 1))
        self.path = site.path("postgres")
        os.mkdir(self.path)
        if os.getuid() == 0:
            os.chmod(site.directory, 0o755)
            os.chown(self.path, pwd.getpwnam("nobody").pw_uid, -1)
        self.data = os.path.join(self.path, "data")
        self.command("initdb", "-D", self.data, "-U", "test", "--auth=trust", "--no-sync",
                     "--encoding=UTF8", "--locale=C")
        self.program = None
        self.start()

    def command(self, name, *args, given=None):
        done = subprocess.run([*as_user(), os.path.join(self.bin, name), *map(str, args)],
                              input=given, capture_output=True, timeout=60, check=False, text=True,
                              cwd=self.path)
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
        return done.stdout

    def start(self):
        host, port = self.address
        self.program = self.site.keep(Program("postgres-log", [
            *as_user(), os.path.join(self.bin, "postgres"), "-D", self.data, "-p", port,
            "-c", f"listen_addresses={host}", "-c", f"unix_socket_directories={self.path}",
            "-c", "fsync=off", "-c", "shared_buffers=16MB"], self.path))
        self.program.output_path = os.path.join(self.path, "postgres-log.out")
        end = time.monotonic() + 30
        while run([os.path.join(self.bin, "pg_isready"), "-h", host, "-p", port])[0]:
            assert time.monotonic() < end, self.program.output()
            time.sleep(0.05)

    def sql(self, text):
        """As the owner of the database; what it prints."""
        return self.command("psql", "-h", self.address[0], "-p", self.address[1], "-U", "test",
                            "-d", "postgres", "-At", "-v", "ON_ERROR_STOP=1", given=text)

    def stop(self):
        """At once, as it fails."""
        self.site.programs.remove(self.program)
        self.program.signal(signal.SIGQUIT)
        self.program.wait()

    def freeze(self, is_frozen=True):
        """Connections stay, and nobody answers: the server and each of its processes, which have
        sessions of their own."""
        pid = self.program.process.pid
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            pids = [pid, *map(int, f.read().split())]
        for one in pids if is_frozen else reversed(pids):
            os.kill(one, signal.SIGSTOP if is_frozen else signal.SIGCONT)

    def uri(self, user):
        host, port = self.address
        return f"postgresql://{user}@{host}:{port}/postgres?sslmode=disable"
