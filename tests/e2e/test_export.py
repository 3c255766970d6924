"""export and import: a node that moves takes its devices, their licences and its keys along; what
stands on the new node is not touched; a file that is not right changes nothing."""
import json
import os
import pty
import random
import shutil
import stat
import subprocess
import time

import pytest

from harness.accounts import ctl
from harness.daemon import ENVIRONMENT, binary
from harness.phone import assert_absorbed, registered
from harness.program import run

IS_SOAK = bool(os.environ.get("BREAKWATER_SOAK"))


@pytest.fixture
def judged(site):
    site.judge_upstream()


def begin(site, n=5):
    registrar = site.registrar("--password", "pw")
    site.start()
    return registrar, registered(site, n)


def another_node(site):
    """The same addresses, and nothing of what was known."""
    site.daemon.stop()
    site.daemon.notify.close()
    site.daemon = None
    for name in ("state", "leases"):
        path = site.path(name)
        (shutil.rmtree if os.path.isdir(path) else os.unlink)(path)
    site.start()


def export(site, *words, name="dump"):
    code, out, err = ctl(site, "export", *words, site.path(name))
    assert (code, out) == (0, ""), err
    with open(site.path(name), encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def bring(site, *words, name="dump"):
    return ctl(site, "import", *words, site.path(name))


def write(site, lines, name="dump"):
    with open(site.path(name), "w", encoding="utf-8") as f:
        f.writelines((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)


def test_a_node_moves_with_its_keys_and_nobody_notices(site, judged):
    registrar, phones = begin(site)
    assert_absorbed(registrar, phones)  # so that the leases know more than the records
    head, keys, *lines, end = export(site, "--with-keys")
    assert head["breakwater_export"] == 1 and set(keys) == {"keys"}
    assert [line["aor"] for line in lines] == [f"user{i}@example.test" for i in range(5)]
    assert end == {"end": {"aors": 5, "damaged": 0}}
    assert stat.S_IMODE(os.stat(site.path("dump")).st_mode) == 0o600
    another_node(site)
    code, out, err = bring(site)
    assert (code, out) == (1, "") and "restart breakwater now" in err
    assert site.unix.get("/api/v1/aors").json["aors"] == []
    site.restart()
    code, out, err = bring(site)
    assert (code, err) == (0, "") and out.startswith("5 AoRs are imported, 0 were here already, 0 ")
    assert "relayed" not in out
    assert_absorbed(registrar, phones)
    # Again: all of it is there, and stays as it is now.
    assert bring(site)[1].startswith("0 AoRs are imported, 5 were here already")
    assert_absorbed(registrar, phones)
    site.restart()
    assert_absorbed(registrar, phones)
    again = export(site, "--with-keys", name="again")
    assert again[1]["keys"]["token"] == keys["keys"]["token"]
    assert [a["bindings"][0]["id"] for a in again[2:-1]] == \
        [a["bindings"][0]["id"] for a in lines]


def test_without_the_keys_each_device_is_relayed_once(site, judged):
    registrar, phones = begin(site)
    assert "keys" not in export(site)[1]
    another_node(site)
    code, out, err = bring(site)
    assert (code, err) == (0, "") and "each device is relayed once" in out
    before = registrar.count()
    for phone in phones:
        assert phone.register(expires=300).status == 200
    assert registrar.count() >= before + len(phones)
    assert_absorbed(registrar, phones)
    for phone in phones:  # the contact that upstream cannot reach any more has gone
        assert len(registrar.bindings(phone.aor)) == 1


def test_what_ran_out_on_its_way_is_kept_for_an_interval(site, judged):
    """As after a stop: a device could not refresh, and is not to be lost for that. One whose
    connection was on the old node, too."""
    begin(site, 2)
    head, lapsed, streamed, end = export(site)
    now = int(time.time())
    head["created_at"] = now - 60
    lapsed["bindings"][0].update(expires_at=now - 20, granted=300)
    streamed["bindings"][0].update(expires_at=now + 5, transport="tcp", stream=True, granted=300)
    another_node(site)
    gone = json.loads(json.dumps(lapsed).replace("user0", "user7"))
    gone["bindings"][0].update(id="77" * 8, expires_at=now - 4000, registration="78" * 8)
    gone["registrations"][0]["id"] = "78" * 8
    write(site, [head, lapsed, streamed, gone, end])
    assert bring(site)[1].startswith("3 AoRs are imported")
    for name in "user0", "user1":
        binding, = site.unix.get(f"/api/v1/aors/{name}@example.test").json["bindings"]
        assert binding["state"] == "live" and 200 < binding["expires_in"] <= 300

    def lapsed_long_ago():
        answer = site.unix.get("/api/v1/aors/user7@example.test")
        return answer.status == 404 or not answer.json["bindings"]
    site.wait_for(lapsed_long_ago)


def test_nothing_that_is_brought_lasts_for_ever(site, judged):
    begin(site, 1)
    head, line, end = export(site)
    line["bindings"][0].update(expires_at=2**40, granted=2**32 - 1, created_at=2**40, proof_at=2**40)
    line["registrations"][0].update(dead_at=2**40, granted=2**32 - 1)
    another_node(site)
    write(site, [head, line, end])
    assert bring(site)[1].startswith("1 AoRs are imported")
    now = time.time()
    binding, = export(site, name="after")[1]["bindings"]
    registration, = export(site, name="after")[1]["registrations"]
    for one, until in (binding, "expires_at"), (registration, "dead_at"):
        assert one["granted"] <= 86400 and one[until] <= now + 86400 + 5, one
    assert binding["created_at"] <= now + 5 and binding.get("proof_at", 0) <= now + 5


def test_keys_that_others_may_read_are_not_taken(site, judged):
    begin(site, 1)
    export(site, "--with-keys")
    another_node(site)
    os.chmod(site.path("dump"), 0o640)
    for words in (), ("--check",):
        code, out, err = bring(site, *words)
        assert (code, out) == (1, "") and "others may read the keys in it" in err
    assert bring(site, "--without-keys")[1].startswith("1 AoRs are imported")


def test_a_node_that_has_devices_keeps_its_own_keys(site, judged):
    registrar, phones = begin(site, 2)
    export(site, "--with-keys")
    another_node(site)
    late = site.registering("user0", "pw")
    assert late.register(expires=300).status == 200
    code, out, err = bring(site)
    assert (code, out) == (1, "") and "other keys" in err
    code, out, err = bring(site, "--without-keys")
    assert (code, err) == (0, "")
    assert out.startswith("1 AoRs are imported, 0 were here already, 1 stand here with newer")
    assert_absorbed(registrar, [late])
    assert [b["contact"] for b in
            site.unix.get("/api/v1/aors/user0@example.test").json["bindings"]] == [late.contact]


BAD = [
    (lambda l: l[1].update(aor="USER0@Example.Test"), 2, "aor: expected it as it is stored"),
    (lambda l: l[1].update(aor=""), 2, "aor: expected 1 to 511 bytes"),
    (lambda l: l[1].update(more=1), 2, "no member that is not known"),
    (lambda l: l[1]["bindings"][0].update(more=1), 2, "bindings[0].: expected no member"),
    (lambda l: l[2]["bindings"][0].pop("contact"), 3, "bindings[0].contact: expected it to be"),
    (lambda l: l[2]["bindings"][0].update(contact="no uri"), 3, "bindings[0].contact: expected a URI"),
    (lambda l: l[2]["bindings"][0].update(params=";a=b\r\nX: y"), 3, "without an end of line"),
    (lambda l: l[2]["bindings"][0].update(cseq=2**32), 3, "cseq: expected a whole number from 0"),
    (lambda l: l[2]["bindings"][0].update(expires_at=-1), 3, "expires_at: expected a whole number"),
    (lambda l: l[2]["bindings"][0].update(peer="nowhere"), 3, "peer: expected an IP address"),
    (lambda l: l[2]["bindings"][0].update(proof="much"), 3, "proof: expected none or upstream"),
    (lambda l: l[2]["bindings"][0].update(id="0" * 16), 3, "id: expected 16 hexadecimal digits"),
    (lambda l: l[2]["bindings"][0].update(registration="1" * 16), 3, "the id of one in registrations"),
    (lambda l: l[2]["bindings"].append(l[2]["bindings"][0]), 3, "another one than an earlier"),
    (lambda l: l[2]["bindings"].extend([{}] * 64), 3, "bindings: expected a list of at most 64"),
    (lambda l: l[2]["registrations"].__setitem__(0, l[1]["registrations"][0]), 3, "expected"),
    (lambda l: l.__setitem__(2, '{"aor": '), 3, "column"),
    (lambda l: l.__setitem__(2, "[" * 100000), 3, "column"),
    (lambda l: l.insert(3, {"keys": {}}), 4, "keys: expected the keys"),
    (lambda l: l[0].update(breakwater_export=2), 1, "was made by a newer version"),
    (lambda l: l[0].pop("key"), 1, "expected created_at"),
]


def test_a_bad_line_is_named_and_changes_nothing(site, judged):
    begin(site, 3)
    good = export(site)
    another_node(site)
    for spoil, number, words in BAD:
        lines = json.loads(json.dumps(good))
        spoil(lines)
        write(site, lines)
        code, out, err = bring(site)
        assert (code, out) == (1, ""), (words, out)
        assert err.startswith(f"{site.path('dump')}:{number}: ") and words in err, (words, err)
        assert site.unix.get("/api/v1/aors").json["aors"] == [], words
    write(site, good[:-1])
    assert "is not whole" in bring(site)[2]
    write(site, good[1:])
    assert "is not an export" in bring(site)[2]
    write(site, [])
    assert "is not an export" in bring(site)[2]
    assert bring(site, name="nothing")[0] == 1
    assert ctl(site, "import", "/dev/null")[0] == 1
    assert ctl(site, "import", "--what", site.path("dump"))[0] == 64
    assert site.unix.get("/api/v1/aors").json["aors"] == []
    stranger = dict(good[1], aor="user0@elsewhere.test")
    write(site, [good[0], stranger, *good[2:]])
    code, out, err = bring(site, "--check")
    assert (code, out) == (0, "2 AoRs are fit to be imported, 1 would be left out\n")
    assert "user0@elsewhere.test" in err
    assert bring(site)[1].startswith("2 AoRs are imported") and bring(site)[0] == 0


def test_the_api_by_itself(site, judged):
    begin(site, 2)
    lines = export(site, "--with-keys")
    text = "\n".join(json.dumps(line) for line in lines)

    def ask(body, path="/api/v1/import", method="POST", admin=site.unix):
        return admin.ask(method, path, body=body)

    assert ask(text).json["error"]["code"] == "bad-request"  # keys and lines in one
    assert ask("").json["errors"] == [{"line": 1, "message": "expected the head of an export"}]
    assert ask("\x00\xff").status == 422
    assert ask(text, path="/api/v1/import?chek=yes").status == 400
    assert ask(None, method="GET").status == 405
    assert ask("x" * (5 << 20)).status == 413
    assert ask("\n".join([json.dumps(lines[0])] + ["{}"] * 5000)).status == 422
    assert ask(None, "/api/v1/export?keys=maybe", "GET").status == 400
    assert ask(None, "/api/v1/export", "POST").status == 405
    assert ask(None, "/api/v1/export", "GET", site.http).status == 403
    assert ask(text, admin=site.http).status == 403
    rest = "\n".join(json.dumps(line) for line in [lines[0], *lines[2:]])
    answer = ask(rest)
    assert answer.status == 200
    assert answer.json == {"key": "same", "taken": 0, "same": 2, "kept": 0, "failed": 0, "foreign": []}


def test_keys_go_neither_to_a_terminal_nor_to_the_log(site, judged):
    begin(site, 1)
    secrets = [value for value in export(site, "--with-keys")[1]["keys"].values()
               if isinstance(value, str)]
    assert len(secrets) == 2 and not any(s in site.daemon.output() for s in secrets)
    master, slave = pty.openpty()
    try:
        shown = subprocess.run([binary("breakwaterctl"), "--socket", site.path("admin.sock"),
                                "export", "--with-keys"], stdout=slave, stderr=subprocess.PIPE,
                               env={**os.environ, **ENVIRONMENT}, timeout=30)
        assert shown.returncode == 1 and b"not shown on a terminal" in shown.stderr
    finally:
        os.close(slave)
        os.close(master)
    code, out, err = run([binary("breakwaterctl"), "--socket", site.path("admin.sock"), "export"],
                         30.0, env={**os.environ, **ENVIRONMENT})
    assert code == 0 and out.count("\n") == 3 and not any(s in out for s in secrets)
    assert ctl(site, "export", site.path("no/such/dir"))[0] == 1
    assert ctl(site, "export", socket=site.path("nobody"))[0] == 69
    assert not os.path.exists(site.path("dump.new"))


# ---------------------------------------------------------------- many

def many(site, n):
    """An export of lines that are all alike, made from one of a real device."""
    head, line, end = export(site, name="one")
    binding, upreg = line["bindings"][0], line["registrations"][0]
    with open(site.path("many"), "w", encoding="utf-8") as f:
        f.write(json.dumps(dict(head, aors=n)) + "\n")
        for i in range(n):
            unique = f"{i + 1:016x}"
            binding.update(id=unique, registration=unique, call_id=f"call-{i}",
                           contact=f"sip:user{i:07}@127.0.0.9:5060",
                           expires_at=int(time.time()) + 7200)
            upreg.update(id=unique)
            f.write(json.dumps(dict(line, aor=f"many{i:07}@example.test")) + "\n")
        end["end"]["aors"] = n
        f.write(json.dumps(end) + "\n")


def test_many_lines_while_devices_refresh(site, judged):
    """Neither way hurts traffic: refreshes are absorbed meanwhile, and what went in comes out."""
    n = 1000000 if IS_SOAK else 3000
    registrar, phones = begin(site, 1)
    many(site, n)
    master, slave = pty.openpty()
    began, worst = time.monotonic(), 0.0
    process = subprocess.Popen([binary("breakwaterctl"), "--socket", site.path("admin.sock"),
                                "import", site.path("many")], stdout=subprocess.PIPE,
                               stderr=slave, env={**os.environ, **ENVIRONMENT})
    os.close(slave)
    bar = b""
    os.set_blocking(master, False)
    while process.poll() is None:
        at = time.monotonic()
        assert_absorbed(registrar, phones)
        worst = max(worst, time.monotonic() - at)
        try:
            bar += os.read(master, 65536)
        except OSError:
            pass
        time.sleep(0.01)
    took = time.monotonic() - began
    os.close(master)
    out = process.stdout.read().decode()
    assert process.returncode == 0 and out.startswith(f"{n} AoRs are imported, 0 were"), out
    assert b"import [" in bar and b"%" in bar
    began = time.monotonic()
    code, _, err = run([binary("breakwaterctl"), "--socket", site.path("admin.sock"), "export",
                        site.path("out")], 600.0, env={**os.environ, **ENVIRONMENT})
    wrote = time.monotonic() - began
    assert code == 0, err
    with open(site.path("out"), encoding="utf-8") as f:
        assert sum(1 for _ in f) == n + 3  # the head, the end, and the phone's own
    with open(f"/proc/{site.daemon.process.pid}/status", encoding="ascii") as f:
        peak = next(line.split()[1] for line in f if line.startswith("VmHWM"))
    print(f"{n} AoRs: import {took:.1f} s, worst refresh {worst * 1000:.0f} ms, "
          f"export {wrote:.1f} s, daemon's peak {int(peak) // 1024} MiB")
    assert_absorbed(registrar, phones)
    picked = random.Random(7).randrange(n)
    found = site.unix.get(f"/api/v1/aors/many{picked:07}@example.test").json
    assert found["bindings"][0]["contact"] == f"sip:user{picked:07}@127.0.0.9:5060"
