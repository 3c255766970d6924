"""State directories of every released format are opened by this version, with all that was in them;
one of a later format is refused, and so is an export."""
import json
import os
import re
import shutil

import pytest

from harness.accounts import ctl

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
KEPT = os.path.join(HERE, "..", "state")
DIRECTORIES = sorted(d for d in os.listdir(KEPT) if d.startswith("format-"))


def present_format():
    with open(os.path.join(ROOT, "src", "store", "records.c"), encoding="utf-8") as f:
        return int(re.search(r"enum \{ FORMAT = (\d+) \}", f.read()).group(1))


def test_one_of_each_format_is_kept():
    """Whoever raises the format keeps a directory of it: see harness/keepstate.py."""
    assert DIRECTORIES == [f"format-{n}" for n in range(1, present_format() + 1)]


def lay_out(site, name):
    """Copies it into the site's place; what is in the repository has no mode of its own."""
    os.mkdir(site.path("state"), 0o700)
    for file in os.listdir(os.path.join(KEPT, name)):
        if file != "lines.jsonl":
            shutil.copyfile(os.path.join(KEPT, name, file), site.path("state/" + file))
            os.chmod(site.path("state/" + file), 0o600)


def kept_lines(name):
    with open(os.path.join(KEPT, name, "lines.jsonl"), encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def exported(site):
    code, _, err = ctl(site, "export", site.path("now"))
    assert code == 0, err
    with open(site.path("now"), encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def lasting(line):
    """Without times, and without what becomes of a record whose time has run out."""
    def rid(members, names):
        return [{k: v for k, v in m.items() if k not in names} for m in members]
    return {"aor": line["aor"],
            "bindings": rid(line["bindings"], {"expires_at", "created_at", "proof_at", "listener"}),
            "registrations": rid(line["registrations"], {"dead_at", "cseq", "state"})}


@pytest.mark.parametrize("name", DIRECTORIES)
def test_a_kept_directory_is_opened_with_all_that_is_in_it(site, name):
    site.judge_upstream()
    registrar = site.registrar("--password", "pw")
    lay_out(site, name)
    keys = open(site.path("state/token.key"), "rb").read()
    daemon = site.start()
    assert "damaged" not in daemon.output() and "newer" not in daemon.output()
    wanted = [lasting(line) for line in kept_lines(name)[1:-1] if line["bindings"]]
    found = [lasting(line) for line in exported(site)[1:-1] if line["bindings"]]
    assert len(wanted) >= 4 and found == wanted
    head = exported(site)[0]
    assert head["key"] == kept_lines(name)[0]["key"]
    assert open(site.path("state/token.key"), "rb").read() == keys
    # Its lines are answered for: a device that comes by another way is relayed, and finds the rest.
    phone = site.registering("alice", "pw")
    before = registrar.count()
    answer = phone.register(expires=300)
    assert answer.status == 200 and registrar.count() > before
    alice = next(line for line in wanted if line["aor"] == "alice@example.test")
    bindings = site.unix.get("/api/v1/aors/alice@example.test").json["bindings"]
    assert [b["contact"] for b in bindings] == [b["contact"] for b in alice["bindings"]] + [phone.contact]
    site.restart()
    assert len(site.unix.get("/api/v1/aors/many@example.test").json["bindings"]) == 5


@pytest.mark.parametrize("name", DIRECTORIES)
def test_a_kept_export_is_taken_in(site, name):
    site.judge_upstream()
    site.registrar("--password", "pw")
    site.start()
    code, out, err = ctl(site, "import", os.path.join(KEPT, name, "lines.jsonl"))
    assert (code, err) == (0, "")
    n = kept_lines(name)[-1]["end"]["aors"]
    assert out.startswith(f"{n} AoRs are imported, 0 were here already, 0 stand here")
    # It is older than any of them could still be: they are known, and swept as after a long stop.
    assert site.unix.get("/api/v1/status").status == 200


def test_a_later_format_is_refused_and_left_alone(site):
    lay_out(site, DIRECTORIES[-1])
    path = site.path("state/data.mdb")
    with open(path, "rb") as f:
        data = f.read()
    assert data.count(b"format%d" % present_format()) == 1
    data = data.replace(b"format%d" % present_format(), b"format%d" % (present_format() + 1))
    with open(path, "wb") as f:
        f.write(data)
    daemon = site.launch()
    site.programs.remove(daemon)
    assert daemon.wait() == 1
    daemon.notify.close()
    site.daemon = None
    assert re.search(r"data.mdb has format \d+ and was written by a newer version; this one reads "
                     r"formats up to \d+", daemon.output())
    assert open(path, "rb").read() == data
