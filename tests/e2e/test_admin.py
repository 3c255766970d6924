"""Health, metrics and the JSON API, over HTTP and the Unix socket."""
import base64
import os
import re
import signal
import stat

import pytest

BOB = "sip:bob@example.test"
TOKEN = "a-secret-of-the-operator"


def with_token(site):
    path = site.path("token")
    with open(path, "w", encoding="ascii") as f:
        f.write(TOKEN + "\n")
    os.chmod(path, 0o600)
    site.config.set("admin", token_file=path)


def test_health_and_readiness(site):
    site.start()
    for way in (site.http, site.unix):
        assert way.get("/healthz").status == 200
        assert way.get("/readyz").status == 200


def test_readiness_ends_with_the_drain(site):
    site.config.set("", drain_timeout=30)
    upstream, phone = site.upstream(), site.phone()
    daemon = site.start()
    invite = phone.send(phone.request("INVITE", BOB))
    there = upstream.expect("INVITE")
    daemon.signal(signal.SIGTERM)
    daemon.wait_output("stopping:")
    answer = site.http.get("/readyz")
    assert answer.status == 503 and answer.json["error"]["code"] == "not-ready"
    assert site.http.get("/healthz").status == 200
    upstream.answer(there, 486)
    phone.ack(invite, phone.expect(486))
    assert daemon.wait(15) == 0


def test_metrics_are_prometheus_text(site):
    site.start()
    answer = site.http.get("/metrics")
    assert answer.type.startswith("text/plain; version=0.0.4")
    helped, typed, rows = set(), {}, {}
    for line in answer.text.splitlines():
        if line.startswith("# HELP "):
            name = line.split(" ")[2]
            assert name not in helped and len(line.split(" ", 3)[3]) > 3
            helped.add(name)
        elif line.startswith("# TYPE "):
            typed[line.split(" ")[2]] = line.split(" ")[3]
        else:
            name = re.fullmatch(r'(breakwater_[a-z_]+)(\{[a-z]+="[^"]*"(?:,[a-z]+="[^"]*")*\})? '
                                r'-?[\d.e+]+', line).group(1)
            family = name if name in typed else re.sub("_(bucket|sum|count)$", "", name)
            assert (typed[family] == "histogram") == (family != name)
            assert (typed[family] == "counter") == name.endswith("_total")
            rows.setdefault(family, []).append(line.removeprefix(name))
    assert helped == set(typed) == set(rows)
    histograms = [rows[name] for name, kind in typed.items() if kind == "histogram"]
    assert histograms
    for lines in histograms:
        buckets = [re.match(r'\{(?:upstream="registrar",)?le="(.*)"\} 0$', line).group(1) for line in lines[:-2]]
        assert buckets[-1] == "+Inf" and [float(b) for b in buckets] == sorted(map(float, buckets))
        assert lines[-2:] in ([" 0", " 0"], ['{upstream="registrar"} 0'] * 2)


def test_counters_count(site):
    upstream, phone = site.upstream(), site.phone()
    site.start()
    before = site.http.metrics()
    assert phone.ask(phone.request("OPTIONS")).status == 200
    phone.send(phone.request("MESSAGE", "sip:bob@other.test"))
    phone.expect(403)
    phone.send(phone.request("MESSAGE", BOB))
    upstream.answer(upstream.expect("MESSAGE"), 200)
    phone.expect(200)
    phone.send(b"GET / HTTP/1.1\r\n\r\n")
    phone.send(b"\r\n\r\n")
    phone.ask(phone.request("OPTIONS"))
    after = site.http.metrics()
    grown = {name: after[name] - before[name] for name in after}
    assert grown["options_answered_total"] == 2
    assert grown['requests_refused_total{reason="foreign-domain"}'] == 1
    assert grown["requests_forwarded_total"] == 1
    assert grown['packets_dropped_total{reason="not-sip"}'] == 1
    assert grown["keepalives_total"] == 1
    assert grown['packets_received_total{transport="udp"}'] == 7
    assert after['transactions{side="server"}'] == 1 and after['transactions{side="client"}'] == 1


def test_status(site):
    daemon = site.start()
    status = site.http.get("/api/v1/status").json
    assert re.fullmatch(r"\d+\.\d+\.\d+", status["version"])
    assert status["ready"] is True and status["uptime_seconds"] < 60
    assert status["workers"] == site.config.sections[""]["workers"]
    assert status["totals"]["options_answered_total"] == 0
    daemon.stop()


@pytest.mark.parametrize("method, path, status, code", [
    ("GET", "/nothing", 404, None), ("GET", "/api/v1/", 404, None), ("DELETE", "/metrics", 405, None),
    ("POST", "/api/v1/status", 405, None), ("PUT", "/api/v1/log-level", 400, "bad-request"),
])
def test_errors_are_json(site, method, path, status, code):
    site.start()
    answer = site.unix.ask(method, path)
    assert answer.status == status
    error = answer.json["error"]
    assert error["message"] and (code is None or error["code"] == code)
    assert status != 405 or "GET" in answer.header("Allow")


# ---------------------------------------------------------------- who may

@pytest.mark.parametrize("method, path", [("POST", "/api/v1/reload"), ("PUT", "/api/v1/log-level")])
def test_without_a_token_http_only_reads(site, method, path):
    daemon = site.start()
    body = '{"level": "error"}'
    assert site.http.ask(method, path, body=body).status == 403
    assert site.http.get("/api/v1/log-level").json == {"level": "debug"}
    assert "reload" not in daemon.output()
    assert site.unix.ask(method, path, body=body).status == 200


@pytest.mark.parametrize("host, status", [("localhost:8060", 200), ("127.0.0.1", 200), ("[::1]:1", 200),
                                          ("evil.test", 403), ("127.0.0.1.evil.test", 403)])
def test_without_a_token_the_host_must_be_a_loopback_name(site, host, status):
    site.start()
    assert site.http.get("/api/v1/status", Host=host).status == status


def test_with_a_token_nothing_goes_without_it(site):
    with_token(site)
    site.start()
    basic = base64.b64encode(f"anyone:{TOKEN}".encode()).decode()
    for path in ("/metrics", "/api/v1/status"):
        assert site.http.get(path).status == 401
        assert site.http.get(path).header("WWW-Authenticate")
        assert site.http.get(path, Authorization="Bearer wrong").status == 401
        assert site.http.get(path, Authorization="Bearer " + TOKEN).status == 200
        assert site.http.get(path, Authorization="Basic " + basic).status == 200
        assert site.unix.get(path).status == 200
    changed = site.http.ask("PUT", "/api/v1/log-level", {"Authorization": "Bearer " + TOKEN},
                            '{"level": "error"}')
    assert changed.status == 200


def test_the_token_is_not_in_the_log(site):
    with_token(site)
    daemon = site.start()
    site.http.get("/metrics", Authorization="Bearer " + TOKEN)
    assert TOKEN not in daemon.output()


def test_the_socket_is_for_owner_and_group(site):
    daemon = site.start()
    path = site.path("admin.sock")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o660
    daemon.stop()
    assert not os.path.exists(path)


def test_a_socket_file_left_by_a_crash_is_replaced(site):
    daemon = site.start()
    daemon.kill()
    assert os.path.exists(site.path("admin.sock"))
    site.start()
    assert site.unix.get("/healthz").status == 200


# ---------------------------------------------------------------- reload and log level

def test_reload_by_api(site):
    phone, upstream = site.phone(), site.upstream()
    daemon = site.start()
    site.add_domain("new.test")
    daemon.write(site.config)
    assert site.unix.ask("POST", "/api/v1/reload").json["reloaded"] is True
    with upstream.serving(lambda request: 200):
        assert phone.ask(phone.request("MESSAGE", "sip:bob@new.test")).status == 200


def test_reload_by_api_tells_mistakes(site):
    daemon = site.start()
    daemon.write('workers = "lots"\n')
    answer = site.unix.ask("POST", "/api/v1/reload")
    assert answer.status == 422 and answer.json["error"]["code"] == "bad-configuration"
    findings = [f["text"] for f in answer.json["findings"] if f["severity"] == "error"]
    assert any(text.startswith(daemon.path + ":1: ") for text in findings)


def test_log_level_by_api(site):
    phone, upstream = site.phone(), site.upstream()
    daemon = site.start()
    answer = site.unix.ask("PUT", "/api/v1/log-level", body='{"level": "error"}')
    assert answer.json == {"level": "error"}
    with upstream.serving(lambda request: 200):
        assert phone.ask(phone.request("MESSAGE", BOB)).status == 200
    assert "transaction" not in daemon.output()
