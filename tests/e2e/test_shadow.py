"""Shadow mode: everything is relayed, and the gain is seen before switching."""
from harness import accounts
from harness.accounts import ctl


def test_the_gain_is_shown_before_switching(site):
    site.judge_upstream()
    site.config.set(accounts.DOMAIN, mode="mirror", shadow="aor-throttle")
    site.registrar("--password", "pw")
    site.start()
    phone = site.registering("alice", "pw")
    for _ in range(4):
        assert phone.register().status == 200
    saved = site.unix.get("/api/v1/savings").json["domains"][0]
    assert saved["absorbed"] == 0 and saved["out"] == saved["in"]  # mirror
    assert saved["would_absorb"] >= 3 and saved["too_late"] == 0
    metrics = site.http.metrics()
    assert metrics['shadow_registers_total{would="absorb"}'] == saved["would_absorb"]
    assert metrics['shadow_registers_total{would="relay"}'] == saved["in"] - saved["would_absorb"]
    code, out, _ = ctl(site, "savings")
    assert code == 0
    assert f"domain example.test: its shadow would have absorbed {saved['would_absorb']}" in out
