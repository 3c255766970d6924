"""breakwater-sim's phones: many of them, which register and can be called."""
import json
import signal
import time

from . import net
from .daemon import ENVIRONMENT, binary
from .program import Program


class Fleet(Program):
    """options: as on its command line; inside: as of the daemon. It is ended by the test."""
    def __init__(self, site, name, options, inside=(), target=None):
        super().__init__(name, [
            *inside, binary("breakwater-sim"), "phones", "--target",
            "udp:" + net.text(*(target or site.access)), "--domain", "example.test", "--json",
            *options], site.directory, ENVIRONMENT)

    def report(self):
        """Its figures now. Not before it has sent something: the signal would kill it."""
        lines = self.output().count("\n")
        self.signal(signal.SIGUSR1)
        end = time.monotonic() + 15
        while self.output().count("\n") == lines:
            assert self.is_running and time.monotonic() < end, self.output()
            time.sleep(0.02)
        return self.last()

    def last(self):
        """Without the timeline: it is long."""
        report = json.loads(self.output().splitlines()[-1])
        del report["timeline"]
        return report

    def wait_registered(self, n, timeout=60.0):
        end = time.monotonic() + timeout
        while (report := self.report())["registered"] < n:
            assert time.monotonic() < end, report
            time.sleep(0.1)

    def finish(self):
        """Ends it; its last figures. It fails if anything that came was wrong."""
        self.signal(signal.SIGTERM)
        code = self.wait(60)
        report = self.last()
        assert code == 0, (code, report["statuses"], report["faults"])
        return report
