"""Programs that a test starts: each has its output in a file, a time limit, and is ended by its own
process id."""
import os
import signal
import subprocess
import time

REPORTS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer",
           "runtime error:", "ThreadSanitizer:DEADLYSIGNAL", "stack smashing")


class Program:
    """Runs in a process group of its own, so that its children end with it."""
    def __init__(self, name, args, directory, env=None, fds=()):
        self.name, self.args = name, [str(a) for a in args]
        self.output_path = os.path.join(directory, name + ".out")
        with open(self.output_path, "ab") as out:
            self.process = subprocess.Popen(
                self.args, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                cwd=directory, env={**os.environ, **(env or {})}, pass_fds=fds,
                start_new_session=True)

    def output(self):
        with open(self.output_path, "r", encoding="utf-8", errors="replace") as f:
            return f.read()

    @property
    def is_running(self):
        return self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=30.0):
        """The exit code; a program that does not end in time fails the test."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end within {timeout} s") from None

    def wait_output(self, word, times=1, timeout=30.0):
        """Until the output holds the word that many times."""
        end = time.monotonic() + timeout
        while self.output().count(word) < times:
            assert self.is_running, f"{self.name} ended with {self.process.returncode}:\n{self.output()}"
            assert time.monotonic() < end, f"{self.name} did not print {word!r}:\n{self.output()}"
            time.sleep(0.01)

    def kill(self):
        if self.is_running:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def end(self, timeout=15.0):
        """SIGTERM, then SIGKILL. True: it went by itself."""
        if not self.is_running:
            return True
        self.signal(signal.SIGTERM)
        try:
            self.process.wait(timeout)
            return True
        except subprocess.TimeoutExpired:
            self.kill()
            return False

    def close(self):
        """When the test is over."""
        self.end()

    def reports(self):
        """The lines in which a sanitizer complains."""
        return [line for line in self.output().splitlines() if any(r in line for r in REPORTS)]


def run(args, timeout=30.0, **how):
    """A short command: (exit code, standard output, standard error)."""
    if "input" not in how:
        how["stdin"] = subprocess.DEVNULL
    done = subprocess.run([str(a) for a in args], capture_output=True, timeout=timeout, check=False,
                          **how)
    return done.returncode, done.stdout.decode("latin-1"), done.stderr.decode("latin-1")
