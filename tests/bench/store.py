#!/usr/bin/python3
"""What the store costs: memory, disk, start and updates, by lines.c.

    store.py [--short]

Lines of one device each are registered by the store's writer in a directory under TMPDIR, and the
store is opened again with its pages in memory. Memory is the process's own: what lies beside the
lease table (64 bytes a lease, also shown) and the pages of files. Exit status 1: a line was missing."""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.join(os.environ.get("BREAKWATER_BIN", "build/bin"), "..")

FULL = {"counts": (10000, 100000, 1000000), "batches": (1, 64, 256)}
SHORT = {"counts": (2000, ), "batches": (64, )}


def lines(*args):
    """{name: figure}"""
    done = subprocess.run([os.path.join(BUILD, "tests", "bench", "lines"), *map(str, args)], check=True,
                          stdout=subprocess.PIPE, text=True)
    return {name: float(figure) for name, figure in map(str.split, done.stdout.splitlines())}


def show_size(directory, n):
    made = lines("make", directory, n, 256, "process")
    runs = [lines("open", directory, n) for _ in range(3)]
    best = min(runs, key=lambda r: r["open_s"])
    print(f"{n:>9}{made['update_cpu_us']:>13.1f}{best['memory_kb'] * 1024 / n:>14.0f}"
          f"{best['leases_bytes'] / n:>13.0f}{best['data.mdb_bytes'] / n:>12.0f}{best['open_s']:>10.2f}"
          f"{best['open_cpu_s']:>12.2f}", flush=True)


def show_batch(directory, n, batch):
    for durability in ("power", "process"):
        made = lines("make", directory, n, batch, durability)
        print(f"{batch:>9}{durability:>12}{made['update_cpu_us']:>13.1f}{made['update_wall_us']:>14.1f}",
              flush=True)
        shutil.rmtree(directory)
        os.mkdir(directory)


def main():
    parser = argparse.ArgumentParser(description="What the store costs.")
    parser.add_argument("--short", action="store_true", help="few lines: does it work?")
    how = SHORT if parser.parse_args().short else FULL
    code = subprocess.run(["make", "-s", "-C", BUILD, "tests/bench/lines"], check=False).returncode
    if code:
        return code
    work = tempfile.mkdtemp(prefix="bw-store-")
    try:
        print(f"{'lines':>9}{'us/update':>13}{'memory, B/line':>16}{'leases':>11}{'disk':>12}{'start s':>10}"
              f"{'its CPU s':>12}")
        for n in how["counts"]:
            show_size(tempfile.mkdtemp(dir=work), n)
        print(f"\n{'a commit':>9}{'durability':>12}{'CPU us each':>13}{'us each':>14}")
        for batch in how["batches"]:
            show_batch(tempfile.mkdtemp(dir=work), 2000 if batch == 1 else 20000, batch)
    finally:
        shutil.rmtree(work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
