"""An upstream-credentials file, and breakwaterctl at the daemon's socket."""
import os
import subprocess

from .daemon import ENVIRONMENT, binary
from .program import run

DOMAIN = 'domain "example.test"'


def write(site, text, mode=0o600):
    """In place of what was there, at once. Its path."""
    path = site.path("accounts")
    with open(path + ".tmp", "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path + ".tmp", mode)
    os.replace(path + ".tmp", path)
    return path


def use(site, text, **options):
    """The domain has these accounts."""
    site.config.set(DOMAIN, upstream_credentials=write(site, text), **options)


def ctl(site, *words, socket=None):
    """(exit code, standard output, standard error)."""
    return run([binary("breakwaterctl"), "--socket", socket or site.path("admin.sock"), *words],
               30.0, env={**os.environ, **ENVIRONMENT})


def start_ctl(site, *words):
    """Runs beside the test; its output goes to ctl.out."""
    with open(site.path("ctl.out"), "w", encoding="utf-8") as out:
        return subprocess.Popen([binary("breakwaterctl"), "--socket", site.path("admin.sock"), *words],
                                stdout=out, env={**os.environ, **ENVIRONMENT})
