"""Why a line was treated as it was, and what was saved: the admin API and breakwaterctl."""
import json
from urllib.parse import quote

import pytest

from harness import accounts
from harness.accounts import ctl


@pytest.fixture
def registrar(site):
    site.judge_upstream()
    site.config.set(accounts.DOMAIN, mode="aor-throttle")
    registrar = site.registrar("--password", "pw")
    site.start()
    return registrar


def why(site, aor, status=200):
    answer = site.unix.get("/api/v1/why/" + quote(aor, safe=""))
    assert answer.status == status, answer.text
    return answer.json["decisions"] if status == 200 else answer.json["error"]["code"]


def reasons(site, aor):
    """The oldest first."""
    return [(d["reason"], d["times"]) for d in reversed(why(site, aor))]


def test_the_last_decisions_are_remembered(site, registrar):
    phone = site.registering("alice", "pw")
    assert phone.register().status == 200
    assert reasons(site, phone.aor) == [("new-line", 1), ("challenged", 1), ("new-line", 1),
                                        ("accepted", 1)]
    for _ in range(3):
        assert phone.register().status == 200
    last = why(site, phone.aor)[0]
    assert last["reason"] == "licensed-source" and "same Call-ID" in last["meaning"]
    assert last["source"] == "%s:%d" % phone.address and last["status"] == 200
    assert 3000 < last["upstream_expires_in"] <= 3600 and 54 <= last["granted"] <= 60 and \
        0 <= last["proof_age"] < 20
    assert 2500 < last["refresh_in"] < last["upstream_expires_in"]
    assert last["first"] <= last["last"]
    assert sum(n for reason, n in reasons(site, phone.aor) if reason == "licensed-source") == 3
    shown = site.unix.get("/api/v1/aors/alice%40example.test").json
    assert shown["decisions"] == why(site, phone.aor)
    text = json.dumps(shown)
    assert phone.call_id not in text and "Digest" not in text


def test_a_stranger_is_explained_too(site, registrar):
    """A line that never was registered."""
    phone = site.registering("mallory", "wrong")
    assert phone.register().status in (401, 403)
    assert {r for r, _ in reasons(site, "mallory@example.test")} >= {"new-line", "challenged"}
    assert why(site, "nobody@example.test") == []
    assert why(site, "nobody@elsewhere.test", 400) == "bad-request"
    assert site.unix.ask("POST", "/api/v1/why/x%40example.test").status == 405
    assert site.unix.get("/api/v1/why/").status == 404


def test_the_trail_is_bounded(site, registrar):
    phone = site.registering("alice", "pw")
    for i in range(12):
        assert phone.register().status == 200
        phone.register(expires=5)  # too-brief
    assert len(why(site, phone.aor)) <= 8 * site.config.sections[""]["workers"]


def test_the_command(site, registrar):
    phone = site.registering("alice", "pw")
    phone.register()
    phone.register()
    code, out, err = ctl(site, "why", "alice@example.test")
    assert (code, err) == (0, "")
    assert "licensed-source\n    Refresh from the same UDP source" in out
    assert "%s:%d; answer 200; granted 5" % phone.address in out.replace("granted 60", "granted 5")
    assert ctl(site, "why", "nobody@example.test")[1] == \
        "nobody@example.test: no decision on it is remembered\n"
    assert ctl(site, "why")[0] == 64
    assert ctl(site, "why", "nobody@elsewhere.test")[0] == 1


# ---------------------------------------------------------------- savings

def test_savings_are_counted_by_domain_and_upstream(site):
    site.config.set(accounts.DOMAIN, mode="aor-throttle")
    site.set_workers(2)
    site.registrar("--challenge", "never")
    site.add_domain("other.test")
    site.start()
    phones = [site.registering(f"user{i}") for i in range(4)]
    for _ in range(5):
        for phone in phones:
            assert phone.register().status == 200
    savings = site.unix.get("/api/v1/savings").json
    row = {"in": 20, "absorbed": 16, "out": 4, "out_own": 0, "absorbed_share": 0.8,
           "would_absorb": 0, "too_late": 0}
    assert savings["domains"] == [{**row, "domain": "example.test", "upstream": "registrar"}]
    assert savings["upstreams"] == [{**row, "upstream": "registrar"}]
    assert savings["total"] == row and savings["since"] > 1700000000
    metrics = site.http.metrics()
    assert metrics['registers_total{direction="in"}'] == 20
    assert metrics['registers_total{direction="out"}'] == 4
    code, out, err = ctl(site, "savings")
    assert (code, err) == (0, "")
    assert [line.split() for line in out.splitlines()] == [
        ["OF", "IN", "ABSORBED", "SHARE", "OUT", "OUR-OWN"],
        ["domain", "example.test", "20", "16", "80.0%", "4", "0"],
        ["upstream", "registrar", "20", "16", "80.0%", "4", "0"],
        ["all", "20", "16", "80.0%", "4", "0"]]
    # a domain that is gone keeps what it had
    site.config.sections['domain "new.test"'] = site.config.sections.pop(accounts.DOMAIN)
    site.daemon.write(site.config)
    site.daemon.reload()
    row, = site.unix.get("/api/v1/savings").json["domains"]
    assert row["in"] == 20 and row["upstream"] is None
