"""Whether the upstream is there: probes in the admin API, the metrics and breakwaterctl. The outages
themselves are played in virtual time (tests/sim/outage_*.sim)."""
from harness.accounts import ctl


def upstream(site):
    return site.unix.get("/api/v1/upstreams").json["upstreams"][0]


def test_probes_are_answered(site):
    site.judge_upstream()
    site.config.set('upstream "registrar"', probe_interval=1)
    site.registrar("--password", "pw")
    site.start()
    site.wait_for(lambda: upstream(site)["probes_answered"] > 0)
    seen = upstream(site)
    assert seen["state"] == "up" and seen["probes_failed"] == 0 and seen["outages"] == 0
    assert seen["resync_left"] == 0 and seen["since"] > 1_000_000_000
    text = site.unix.get("/metrics").text
    assert 'breakwater_upstream_state{upstream="registrar",state="up"} 1\n' in text
    assert 'breakwater_upstream_state{upstream="registrar",state="down"} 0\n' in text
    code, out, _ = ctl(site, "upstream", "list")
    assert code == 0 and out.splitlines()[1].split()[:2] == ["registrar", "up"]
