"""breakwater-sim storm: many phones come back at once, before Breakwater and before a bare
registrar; and what Breakwater makes of it. With BREAKWATER_SOAK=1 at the size that
docs/operations.md has figures of."""
import collections
import json
import os
import subprocess
import time

import pytest

from harness import net, storm
from harness.daemon import binary
from harness.fleet import Fleet

IS_SOAK = bool(os.environ.get("BREAKWATER_SOAK"))
PHONES = 100
# a second of the timeline is cut out of samples that come four times a second
ROUNDING = 1.35


def begin(site, rate, **domain):
    """register-rate REGISTERs a second, and not two at once."""
    registrar = site.registrar("--password", "pw", "--domain", "example.test")
    site.judge_upstream()
    site.config.set("log", level="info")
    site.config.set("limits", exempt=["127.0.0.0/8"])
    site.config.set('upstream "registrar"', register_rate=rate, register_burst=1)
    site.config.set('domain "example.test"', max_expires="60s", default_expires="60s", **domain)
    site.start()
    return registrar


def options(site, *more):
    return ["--count", PHONES, "--password", "pw", "--rate", 150, "--settle", 1, "--watch", 2,
            "--within", 2, "--control", site.path("registrar.sock"),
            "--admin", site.config.sections["admin"]["http"], *more]


def test_flap_is_absorbed(site):
    """Every phone is licensed: the upstream hears nothing."""
    begin(site, 400)
    told = storm.play(site, *options(site, "--outage", 1))
    assert told["phones_back"] == PHONES and told["phones_refused"] == 0
    assert told["peak_per_s"] > PHONES / 4
    assert told["upstream"]["registers"] == 0 and told["upstream"]["peak_per_s"] == 0
    assert told["upstream"]["peak_shaved"] == 1.0
    assert 1.0 < told["recovery_s"] < 30 and told["worst_wait_s"] < 10
    rest = told["timeline"][told["back_at"]:]
    assert sum(second["phones_per_s"] for second in rest) >= PHONES


def test_power_cut_is_paced(site):
    """New Call-IDs, no nonces: each phone must be judged anew, 100 REGISTERs a second at most, and
    waits for it."""
    registrar = begin(site, 100)
    told = storm.play(site, *options(site, "--kind", "power", "--outage", 1))
    assert told["phones_back"] == PHONES
    assert told["upstream"]["registers"] >= 2 * PHONES
    assert told["upstream"]["peak_per_s"] <= 100 * ROUNDING
    assert told["recovery_s"] > 2 * PHONES / 100 - 1
    # what the storm has counted is what has come
    assert told["upstream"]["registers"] <= registrar.command("stats")["registers"]


def test_nat_gives_other_addresses(site):
    """The contacts stay; where they came from does not, so upstream must judge them again."""
    registrar = begin(site, 400)
    told = storm.play(site, *options(site, "--kind", "nat", "--outage", 0))
    assert told["phones_back"] == PHONES and told["phones_refused"] == 0
    assert told["upstream"]["registers"] >= PHONES
    sources = [binding["source"].rsplit(":", 1)[0] for binding in
               site.http.get("/api/v1/aors/phone0@example.test").json["bindings"]]
    assert sources == [f"127.1.0.{PHONES + 1}"]  # the first phone's second address
    assert registrar.command("stats")["bindings"] == PHONES


def test_failover_is_not_noticed(site):
    """The registrar is silent for a while; the phones hear nothing of it."""
    begin(site, 400)
    told = storm.play(site, *options(site, "--kind", "failover", "--outage", 3))
    assert told["phones_back"] == PHONES and told["phones_refused"] == 0


def test_bare_registrar_gets_it_all(site):
    """Without Breakwater both sides are the same."""
    registrar = site.registrar("--password", "pw", "--domain", "example.test")
    told = storm.play(site, "--count", PHONES, "--password", "pw", "--rate", 300, "--settle", 1,
                      "--watch", 3, "--within", 2, "--outage", 1, "--control", registrar.control,
                      target=site.core)
    assert told["phones_back"] == PHONES
    shown = [sum(second[side] for second in told["timeline"])
             for side in ("phones_per_s", "upstream_per_s")]
    assert abs(shown[0] - shown[1]) <= 0.1 * shown[0]
    assert told["upstream"]["registers"] >= PHONES


@pytest.mark.parametrize("wrong, word", [
    (("--kind", "failover"), "--control"), (("--kind", "rain"), "flap|power"),
    (("--within", "x"), "a number")])
def test_what_cannot_be_is_said(wrong, word):
    told = subprocess.run([binary("breakwater-sim"), "storm", *wrong], capture_output=True,
                          text=True, timeout=30, check=False)
    assert told.returncode == 64 and word in told.stderr


def test_nobody_answers(site):
    """No figures without a registrar's, and no storm without phones that are registered."""
    told = subprocess.run(
        [binary("breakwater-sim"), "storm", "--target", "udp:" + net.text(*site.access),
         "--admin", "127.0.0.1:1"], capture_output=True, text=True, timeout=30, check=False)
    assert told.returncode == 1 and "127.0.0.1:1" in told.stderr and not told.stdout


# ---------------------------------------------------------------- proofs

@pytest.mark.parametrize("challenge", ["never", "once"])
def test_due_phones_that_flap_are_not_refused(site, challenge):
    """Many of them are due upstream when all come back within 5 s: none is refused, and upstream gets
    no more than register-rate, of challenges and their answers, too."""
    n, begin_rate, rate = (100000, 500, 1000) if IS_SOAK else (100, 20, 15)
    if challenge == "once":
        begin_rate = 400 if IS_SOAK else 7
    expires_s, outage_s = (60, 20) if IS_SOAK else (30, 7)
    # by then all have registered, and the first one has just become due
    due_s = n // begin_rate + (12 if IS_SOAK else 2)
    registrar = site.registrar("--domain", "example.test", "--password", "pw", "--challenge",
                               challenge)
    site.judge_upstream()
    site.config.set("log", level="info")
    site.config.set("", durability="process")
    site.config.set("limits", exempt=["127.0.0.0/8"])
    site.config.set('upstream "registrar"', register_rate=rate, register_burst=max(rate // 20, 1))
    site.config.set('domain "example.test"', min_expires="30s", max_expires=expires_s,
                    default_expires=expires_s, upstream_expires=due_s + 2 * expires_s + 64)
    site.start()
    told = storm.play(site, "--count", n, "--rate", begin_rate, "--expires", expires_s,
                      "--password", "pw",
                      "--settle", 0, "--outage", outage_s, "--within", 5, "--watch", 8, "--control", registrar.control,
                      "--admin", site.config.sections["admin"]["http"], timeout=600)
    assert told["phones_back"] == n and told["phones_refused"] == 0
    print({k: v for k, v in told.items() if k != "timeline"})
    assert told["upstream"]["registers"] >= n / (50 if IS_SOAK else 4)
    assert told["upstream"]["postponed"] > 0
    assert told["upstream"]["peak_per_s"] <= rate * ROUNDING
    assert told["peak_per_s"] > told["upstream"]["peak_per_s"]


def test_kills_under_load_lose_nothing(site):
    """kill -9 every 10 s while lines come and refresh: who was answered stays registered, his refreshes
    go on being absorbed, and upstream gets no more than the pace."""
    kills, every_s = 60 if IS_SOAK else 6, 10
    rate, burst = 50, 5
    registrar = site.registrar("--domain", "example.test")
    site.judge_upstream()
    site.config.set("log", level="info")
    site.config.set("limits", exempt=["127.0.0.0/8"])
    site.config.set('upstream "registrar"', register_rate=rate, register_burst=burst)
    site.config.set('domain "example.test"', max_expires="60s", default_expires="60s")
    site.start()
    phones = 30 * every_s * (kills + 1)  # 30 new ones a second until the end
    fleet = site.keep(Fleet(site, "phones", [
        "--count", str(phones), "--rate", "30", "--expires", "60", "--refresh-at", "20-40",
        "--duration", str(every_s * (kills + 6))]))
    for _ in range(kills):
        time.sleep(every_s)
        site.kill()
        site.start()
    fleet.wait_registered(phones, 120)
    told = fleet.finish()
    lines = collections.Counter(row["aor"] for row in registrar.journal())
    print(told, {n: list(lines.values()).count(n) for n in set(lines.values())})
    assert told["registered"] == phones == len(lines) and told["lost"] == told["wrong"] == 0
    assert forecast(site)["devices"] == phones
    # only what was under way when it was killed is asked for again
    assert sum(lines.values()) - phones <= kills * 2 * rate
    # each start has a whole burst
    assert registrar.command("stats")["peak_registers_per_s"] <= rate * ROUNDING + 2 * burst


@pytest.mark.skipif(not IS_SOAK, reason="an hour each; the simulation has the short form")
@pytest.mark.parametrize("challenge, share", [("never", 48), ("once", 24)])
def test_steady_state_of_an_hour(site, challenge, share):
    """100,000 phones with 60 s: of their REGISTERs at most one in 48 goes upstream, where each refresh
    is challenged one in 24. Each line is due upstream once within the hour, nine tenths of
    upstream-expires after it was accepted: so only nine tenths of the phones' REGISTERs count."""
    n, rate, hour_s = 100000, 300, 3600
    registrar = site.registrar("--domain", "example.test", "--password", "pw", "--challenge",
                               challenge, "--log", "/dev/null")
    site.judge_upstream()
    site.config.set("", durability="process")
    site.config.set("log", level="info")
    site.config.set("limits", exempt=["127.0.0.0/8"])
    site.config.set('upstream "registrar"', register_rate=1000, register_burst=50)
    site.config.set('domain "example.test"', max_expires="60s", default_expires="60s",
                    upstream_expires="1h", reproof="1h")
    site.start()
    fleet = site.keep(Fleet(site, "phones", [
        "--count", str(n), "--rate", str(rate), "--password", "pw", "--expires", "60",
        "--refresh-at", "83", "--duration", str(2 * hour_s)]))
    time.sleep(n / rate)
    fleet.wait_registered(n, 120)
    before = fleet.report(), registrar.command("stats"), time.monotonic()
    time.sleep(hour_s)
    after = fleet.report(), registrar.command("stats"), time.monotonic()
    sent, again = (after[0][what] - before[0][what] for what in ("sent", "retransmitted"))
    came = after[1]["registers"] - before[1]["registers"]
    seconds = after[2] - before[2]
    print(f"{seconds:.0f} s: {sent} REGISTERs of the phones and {again} repeats, {came} at the "
          f"upstream: 1/{0.9 * sent / came:.1f}")
    print({k: after[0][k] for k in after[0] if k not in ("statuses", "faults")}, after[1])
    assert came >= n  # each line was due in this hour
    assert came * share <= 0.9 * sent
    assert after[0]["registered"] == n and after[0]["lost"] == 0
    fleet.finish()


# ---------------------------------------------------------------- forecast

def forecast(site, *more, code=0):
    """What it says of the only upstream, from the daemon's own files, while the daemon runs."""
    told = subprocess.run(
        [binary("breakwater-sim"), "forecast", "--config", site.daemon.path, "--json", *more],
        capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode == code, told.stderr
    return json.loads(told.stdout)["upstreams"][0] if code == 0 else told.stderr


def test_forecast_is_what_comes(site):
    """The same question, answered without a packet and by playing it."""
    registrar = begin(site, 100)
    play = storm.play(site, *options(site, "--outage", 0, "--settle", 0, "--watch", 1))
    assert play["phones_back"] == PHONES
    before = (registrar.command("stats")["registers"], site.http.metrics()["packets_received_total"
                                                                           '{transport="udp"}'])
    flap = forecast(site)
    assert (flap["devices"], flap["absorbed"], flap["registers"]) == (PHONES, PHONES, 0)
    assert flap["recovery_s"] == 5 and flap["phones_per_s"] == PHONES / 5
    power = forecast(site, "--kind", "power", "--outage", "1", "--within", "2")
    assert (power["absorbed"], power["postponed"], power["waiting"]) == (0, 0, PHONES)
    assert power["registers"] == 2 * PHONES
    assert power["unpaced_per_s"] == PHONES and power["upstream_per_s"] == 100
    assert power["recovery_s"] == -(-(2 * PHONES - 1) // 100)
    assert forecast(site, "--kind", "nat")["waiting"] == PHONES
    assert forecast(site, "--kind", "failover")["absorbed"] == PHONES
    # an hour later all of it is due upstream, and none of the phones is refused for it
    late = forecast(site, "--kind", "failover", "--outage", "3400")
    assert (late["postponed"], late["refused"]) == (PHONES, 0)
    assert before == (registrar.command("stats")["registers"],
                      site.http.metrics()["packets_received_total"
                                          '{transport="udp"}'])
    text = subprocess.run([binary("breakwater-sim"), "forecast", "--config", site.daemon.path],
                          capture_output=True, text=True, timeout=60, check=True).stdout
    assert f'upstream "registrar": {PHONES} devices' in text and "recovery" in text


def test_forecast_without_a_daemon(site):
    site.start()
    path = site.path("leases")
    os.rename(path, path + ".away")
    assert "is breakwater running here?" in forecast(site, code=1)
    os.rename(path + ".away", path)
    assert forecast(site)["devices"] == 0
