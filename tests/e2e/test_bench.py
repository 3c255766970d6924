"""The benches work: their shortest forms lose nothing. What they measure here means nothing."""
import os
import re
import subprocess
import sys

from harness.daemon import binary

BENCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench")


def test_calls():
    done = subprocess.run([sys.executable, os.path.join(BENCH, "calls.py"), "--short"], check=False,
                          capture_output=True, text=True, timeout=120,
                          env={**os.environ, "BREAKWATER_BIN": os.path.dirname(binary())})
    assert done.returncode == 0 and not done.stderr, (done.stdout, done.stderr)
    for server in ("breakwater", "kamailio"):
        row = re.search(rf"^{server} +1 +(\d+) +(\d+) +([\d.]+)$", done.stdout, re.M)
        calls, lost, cost = row.groups()
        assert int(calls) == 50 and int(lost) == 0 and float(cost) > 0
        assert re.search(rf"^{server} +0 +[\d.]+ +\d+$", done.stdout, re.M)
    assert float(re.search(r"^ratio kamailio / breakwater: ([\d.]+)$", done.stdout, re.M)[1]) > 0


def test_refresh():
    done = subprocess.run([sys.executable, os.path.join(BENCH, "refresh.py"), "--short"], check=False,
                          capture_output=True, text=True, timeout=120,
                          env={**os.environ, "BREAKWATER_BIN": os.path.dirname(binary())})
    assert done.returncode == 0 and not done.stderr, (done.stdout, done.stderr)
    assert re.search(r"^ +200 +1 +lost \d+, wrong 0$", done.stdout, re.M), done.stdout
    assert re.search(r"^ +200 +1 +breakwater +at 50%: p50 \d+ us, p99 \d+ us, lost [\d.]+ %$", done.stdout,
                     re.M), done.stdout
    for server in ("bare", "breakwater", "kamailio"):
        median, least, most, ratio = re.search(
            rf"^ +200 +1 +{server} +(\d+) +(\d+) +(\d+) +([\d.]+) +\d+ +-?\d+$", done.stdout, re.M).groups()
        assert int(least) > 0 and int(least) <= int(median) <= int(most) and float(ratio) > 0
