"""Prometheus' own checker, which ./dev deps fetches where the system has none."""
import os
import shutil

import pytest

from .program import run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


def find():
    return shutil.which("promtool", path=os.environ["PATH"] + ":" + os.path.join(ROOT, "build", "tools"))


def check(*args, **how):
    """(exit code, what it says)."""
    if not find() and not shutil.which("apt-get"):
        pytest.skip("promtool is not there")
    assert find(), "promtool is not there: ./dev deps fetches it"
    code, out, err = run([find(), *args], 60, **how)
    return code, out + err
