"""The dashboard in a browser while REGISTERs are running; what it asks the API; that what the manual,
the alert rules and Grafana's dashboard name is there."""
import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import threading
from urllib.parse import quote

import pytest

from harness import promtool, storm, webdriver
from test_admin import TOKEN, with_token

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.dirname(os.environ.get("BREAKWATER_BIN", os.path.join(ROOT, "build", "bin")))
WEB = os.path.join(ROOT, "src", "admin", "web")
RULES = os.path.join(ROOT, "etc", "prometheus", "breakwater.rules.yml")
RULE_TESTS = os.path.join(ROOT, "tests", "prometheus", "rules.test.yml")
GRAFANA = os.path.join(ROOT, "etc", "grafana", "breakwater.json")
REASONS = os.path.join(ROOT, "src", "base", "reason.def")
RULE_NUMBER = r"\((?:[DL]\d+[a-z]?(?:, )?)+\)"  # as the sources name theirs
PHONES = 300  # of a storm
HOSTILE = "<img src=x onerror=\"window.hacked=1\"><script>window.hacked=1</script>"


@pytest.fixture
def busy(site):
    """A registrar that challenges, and some lines, one of them with a device that would take over
    the page."""
    site.judge_upstream()
    site.registrar("--password", "pw")
    site.start()
    site.phones = [site.registering(name, "pw") for name in ("alice", "alice", "bob", "carol")]
    for phone in site.phones:
        assert phone.register(fields=[("User-Agent", HOSTILE)]).status == 200
    return site


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def ask(site, path, status=200):
    answer = site.http.get("/api/v1/" + path)
    assert answer.status == status, answer.text
    return answer.json


# ---------------------------------------------------------------- the API

def test_the_page_has_a_policy_and_what_it_needs(site):
    site.start()
    page = site.http.get("/")
    assert page.status == 200 and page.type == "text/html; charset=utf-8"
    policy = page.header("Content-Security-Policy")
    assert "default-src 'none'" in policy and "unsafe" not in policy
    wanted = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert sorted(wanted) == ["/dashboard.css", "/dashboard.js", "data:,"]
    for path in wanted[:]:
        if path[0] == "/":
            assert site.http.get(path).status == 200
    assert site.unix.get("/").body == page.body
    assert site.http.get("/", Host="evil.example").status == 403
    assert site.http.ask("POST", "/").status in (403, 405)
    assert site.unix.ask("POST", "/").status == 405


def test_where_a_token_is_needed_the_browser_asks_for_it(site):
    with_token(site)
    site.start()
    asked = site.http.get("/")
    assert asked.status == 401 and "Basic" in asked.header("WWW-Authenticate")
    basic = base64.b64encode(f"operator:{TOKEN}".encode()).decode()
    for path in ("/", "/dashboard.js", "/api/v1/history"):
        assert site.http.get(path, Authorization="Basic " + basic).status == 200


def test_history_domains_and_sources(busy):
    assert busy.phones[0].register().status == 200  # absorbed
    history = ask(busy, "history")
    now = dict(zip(history["figures"], history["samples"][-1]))
    metrics = busy.http.metrics()
    assert now["registers_in"] == metrics['registers_total{direction="in"}'] == 9
    assert now["registers_out"] == metrics['registers_total{direction="out"}'] == 8
    assert now["absorbed"] == 1 and now["bindings"] == 4 and now["lines"] == 3
    assert len(ask(busy, f"history?since={now['at_ms'] // 1000 + 1}")["samples"]) == 1
    for bad in ("since=x", "since=-1", "since=1&since=2", "until=1", "since"):
        ask(busy, "history?" + bad, 400)
    (domain,) = ask(busy, "domains")["domains"]
    assert domain == {"domain": "example.test", "upstream": "registrar", "lines": 3,
                      "registrations": domain["registrations"], "bindings": {"udp": 4}}
    assert metrics['domain_bindings{domain="example.test",transport="udp"}'] == 4
    assert metrics['domain_lines{domain="example.test"}'] == 3
    assert metrics['domain_registrations{domain="example.test"}'] == domain["registrations"] >= 3
    assert metrics['domain_registers_total{domain="example.test",kind="received"}'] == 9
    assert metrics['domain_registers_total{domain="example.test",kind="absorbed"}'] == 1
    sources = ask(busy, "sources")
    loudest = {s["source"]: s for s in sources["loudest"]}
    hosts = {phone.address[0] for phone in busy.phones}
    assert hosts <= set(loudest) and not any(loudest[h]["upstream"] for h in hosts)
    total = sum(loudest[h]["requests_per_second"] for h in hosts) * sources["seconds"]
    assert round(total) == 9
    assert hosts <= {s["source"] for s in sources["slowest"]}


def test_devices_that_leave_are_counted_off_and_a_restart_counts_again(busy):
    assert busy.phones[1].register(expires=0).status == 200
    busy.http.metrics()
    assert busy.http.metrics()['domain_bindings{domain="example.test",transport="udp"}'] == 3
    busy.kill()
    busy.start()
    metrics = busy.http.metrics()
    assert metrics['domain_bindings{domain="example.test",transport="udp"}'] == 3
    assert metrics['domain_lines{domain="example.test"}'] == 3


def test_latencies_are_histograms(busy):
    assert busy.phones[0].register().status == 200
    metrics = busy.http.metrics()
    answered = 'upstream_answer_seconds_count{upstream="registrar"}'
    assert metrics[answered] == metrics['registers_total{direction="out"}'] == 8
    assert metrics['upstream_answer_seconds_bucket{upstream="registrar",le="+Inf"}'] == 8
    assert metrics["register_relay_seconds_count"] == 8
    before = 0
    for bound in ("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "+Inf"):
        here = metrics[f'upstream_answer_seconds_bucket{{upstream="registrar",le="{bound}"}}']
        assert here >= before
        before = here


def test_the_time_of_absorbed_refreshes_is_sampled(busy):
    for _ in range(130):
        assert busy.phones[0].register().status == 200
    assert 1 <= busy.http.metrics()["absorb_seconds_count"] <= 3


# ---------------------------------------------------------------- what names metrics

def families(site):
    """All names of /metrics with their kind, and its text."""
    text = site.http.get("/metrics").text
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M)), text


def test_every_metric_has_help_and_is_in_the_manual(busy):
    kinds, text = families(busy)
    manual = read(os.path.join(BUILD, "docs", "man", "breakwater-metrics.7"))
    listed = dict(re.findall(r"^\.It Ic (breakwater_\w+) Pq (\w+)$", manual, re.M))
    assert listed == kinds
    for name in kinds:
        helped = re.search(rf"^# HELP {name} (.+)$", text, re.M)
        assert helped and helped.group(1)[-1] == ".", name
        assert not re.search(RULE_NUMBER, helped.group(1)), name
    for line in text.splitlines():
        if line[0] != "#":
            name = re.match(r"\w+", line).group(0)
            family = name if name in kinds else re.sub("_(bucket|sum|count)$", "", name)
            assert family in kinds, line


def test_no_reason_is_told_with_the_number_of_a_rule():
    meanings = re.findall(r'^REASON\(\w+, "[\w-]+", "(.*)"\)', read(REASONS), re.M)
    assert len(meanings) > 50
    for meaning in meanings:
        assert meaning[-1] == "." and not re.search(RULE_NUMBER, meaning), meaning


def test_the_names_that_others_use_lead_to_metrics_of_ours(busy):
    """The manual's table of what session border controllers call them."""
    manual = read(os.path.join(BUILD, "docs", "man", "breakwater-metrics.7"))
    table = re.search(r"^\.Ss By other names\n(.*?)^\.El$", manual, re.M | re.S).group(1)
    rows = re.findall(r"^\.It .* Ta Ic (breakwater_\w+)(.*)$", table, re.M)
    assert len(rows) == table.count(".It ") > 15
    assert_known(busy, [name + label for name, rest in rows
                        for label in re.findall(r"\{[^}]*\}", rest) or [""]])


def assert_known(site, expressions):
    kinds, text = families(site)
    n = 0
    for expression in expressions:
        for name, selector in re.findall(r"(breakwater_\w+)(\{[^}]*\})?", expression):
            family = name if name in kinds else re.sub("_(bucket|sum|count)$", "", name)
            assert family in kinds, f"{name} is no metric of ours"
            for label, value in re.findall(r'(\w+)="([^"$]*)"', selector):
                assert re.search(rf'^{name}\{{[^}}]*\b{label}="{value}"', text, re.M), \
                    f"{name} has no {label} {value}"
            n += 1
    assert n > 10


def test_the_alert_rules_are_about_metrics_of_ours(busy):
    text = read(RULES)
    assert text.count("- alert:") == text.count("expr:") == text.count("summary:") >= 10
    rules = re.sub(r"(?s)annotations:.*?(?=\n\n|\Z)", "", text)
    assert_known(busy, [rules])
    series = re.findall(r"series: '([^']+)'", read(RULE_TESTS))  # with names of the tests' own
    assert_known(busy, [re.sub(r'(?:instance|domain|upstream|le)="[^"]*",?', "", s) for s in series])


def test_grafanas_dashboard_is_about_metrics_of_ours(busy):
    dashboard = json.loads(read(GRAFANA))
    expressions = [t["expr"] for p in dashboard["panels"] for t in p["targets"]]
    assert len({p["id"] for p in dashboard["panels"]}) == len(dashboard["panels"]) > 15
    assert_known(busy, expressions)


def test_grafanas_expressions_are_promql(tmp_path):
    """As rules that record, for promtool reads those."""
    dashboard = json.loads(read(GRAFANA))
    expressions = [t["expr"].replace("$__rate_interval", "5m").replace("$instance", ".*")
                   for p in dashboard["panels"] for t in p["targets"]]
    assert not any("$" in e for e in expressions)
    rules = [{"record": f"panel:{i}", "expr": e} for i, e in enumerate(expressions)]
    path = tmp_path / "rules.yml"  # JSON is YAML
    path.write_text(json.dumps({"groups": [{"name": "grafana", "rules": rules}]}))
    code, said = promtool.check("check", "rules", str(path))
    assert code == 0 and f"SUCCESS: {len(rules)} rules found" in said, said


def test_what_is_promised_to_prometheus_promtool_reads(busy):
    code, said = promtool.check("check", "metrics", input=busy.http.get("/metrics").body)
    assert code in (0, 3), said  # 3: remarks on style
    assert "error" not in said.lower(), said


# ---------------------------------------------------------------- the library

def test_the_library_in_the_tree_is_the_registrys(tmp_path):
    """What the lock file names, byte for byte."""
    package = json.loads(read(os.path.join(WEB, "package.json")))
    lock = json.loads(read(os.path.join(WEB, "package-lock.json")))
    entry = lock["packages"]["node_modules/uplot"]
    version = package["dependencies"]["uplot"]
    assert entry["version"] == version and "resolved" not in entry
    assert f"(v{version})" in read(os.path.join(WEB, "vendor", "uPlot.js"))[:200]
    if not shutil.which("npm"):
        pytest.skip("npm is not there")
    packed = subprocess.run(["npm", "pack", "--silent", f"uplot@{version}"], cwd=tmp_path,
                            timeout=120, check=False, stdin=subprocess.DEVNULL, capture_output=True)
    if packed.returncode:
        pytest.skip("npm does not get uPlot")
    archive = tmp_path / packed.stdout.decode().split()[-1]
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    assert entry["integrity"] == "sha512-" + digest
    shutil.unpack_archive(archive, tmp_path)
    for theirs, ours in (("dist/uPlot.iife.min.js", "uPlot.js"), ("dist/uPlot.min.css", "uPlot.css"),
                         ("LICENSE", "LICENSE")):
        assert (tmp_path / "package" / theirs).read_bytes() == \
            open(os.path.join(WEB, "vendor", ours), "rb").read(), ours


# ---------------------------------------------------------------- the browser

class Refreshing(threading.Thread):
    """REGISTERs of a phone, one behind the other, while the page is looked at."""
    def __init__(self, phone):
        super().__init__(daemon=True)
        self.phone, self.is_over, self.n, self.error = phone, threading.Event(), 0, None

    def run(self):
        try:
            while not self.is_over.wait(0.05):
                assert self.phone.register().status == 200
                self.n += 1
        except BaseException as e:  # told by stop()
            self.error = e

    def stop(self):
        self.is_over.set()
        self.join(30)
        assert self.error is None, self.error
        assert self.n > 0


@pytest.fixture
def refreshing(busy):
    thread = Refreshing(busy.phones[2])
    thread.start()
    yield thread
    thread.stop()


def tile(page, name):
    """What a tile says: its figure, and the one below."""
    text = page.run(f"""const t = document.querySelector('[data-tile="{name}"]');
                    return [t.querySelector('.value').textContent,
                            t.querySelector('.note').textContent]""")
    return [int(re.sub(r"\D", "", re.match(r"[^\d]*([\d,]*)", part).group(1)) or 0)
            for part in text]


@pytest.mark.skipif(not webdriver.is_there(), reason="chromium and chromedriver are not there")
def test_the_page_shows_a_running_server(busy, refreshing):
    url = f"http://{busy.http.where[0]}:{busy.http.where[1]}/"
    into, out = 'registers_total{direction="in"}', 'registers_total{direction="out"}'
    with webdriver.Page(width=1280, height=900) as page:
        page.open(url)
        page.wait("return document.querySelectorAll('#chart-registers canvas').length && "
                  "document.querySelectorAll('#domains tbody tr').length")
        before = busy.http.metrics()
        first = tile(page, "in")[1]
        page.wait("return parseInt(document.querySelector('[data-tile=in] .note').textContent"
                  ".replace(/,/g, '')) > arguments[0]", first)  # it goes on by itself
        shown_in, shown_out, devices = (tile(page, n) for n in ("in", "out", "devices"))
        after = busy.http.metrics()
        assert before[into] - 60 <= first and shown_in[1] <= after[into]
        assert shown_in[1] > first and shown_in[0] > 0
        assert shown_out[1] == before[out] == after[out] == 8
        assert devices == [4, 3]
        assert page.run("return document.getElementById('ready').textContent") == "ready"
        state = page.run("return document.querySelector('#upstreams .pill').textContent")
        assert after[f'upstream_state{{upstream="registrar",state="{state}"}}'] == 1
        row = page.run("return document.querySelector('#domains tbody tr').innerText")
        assert row.startswith("example.test") and "registrar" in row
        assert page.run("return document.querySelectorAll('#loudest tbody tr').length") >= 3
        search_and_read(page)
        page.shot(os.path.join(BUILD, "dashboard.png"), whole=True)
        assert page.complaints() == []
        assert page.run("return window.hacked === undefined && !document.querySelector('img') && "
                        "document.scripts.length === 1")


def search_and_read(page):
    page.run("""const f = document.getElementById('aor');
             f.value = arguments[0]; f.dispatchEvent(new Event('input'))""", "ali")
    page.wait("return !document.getElementById('found').hidden && "
              "document.querySelector('#found button').textContent.startsWith('alice@example.test')")
    page.run("document.querySelector('#found button').click()")
    text = page.wait("const l = document.getElementById('line'); return !l.hidden && l.innerText")
    assert "2 devices" in text and text.count(HOSTILE) == 2
    assert "Upstream has checked its password" in text
    assert "Upstream holds it for another" in text
    assert "new-contact" in text and "A contact that this line does not have yet." in text
    assert page.run("return location.hash") == "#" + quote("alice@example.test", safe="")


class Storm(threading.Thread):
    """Phones whose network goes and comes back, while the page is looked at."""
    def __init__(self, site):
        super().__init__(daemon=True)
        self.site, self.figures, self.error = site, None, None

    def run(self):
        try:
            self.figures = storm.play(
                self.site, "--kind", "flap", "--count", PHONES, "--rate", 150, "--password", "pw",
                "--settle", 1, "--outage", 1, "--within", 3, "--watch", 3, "--first-user", 100,
                "--admin", self.site.path("admin.sock"))
        except BaseException as e:  # told by the test
            self.error = e


def count_of(page, script):
    return int(page.run("return " + script).replace(",", "") or 0)


@pytest.mark.skipif(not webdriver.is_there(), reason="chromium and chromedriver are not there")
def test_the_page_in_a_storm(site):
    """What it shows is what /metrics says, while the phones come back and after."""
    site.judge_upstream()
    site.registrar("--password", "pw")
    site.config.set("limits", exempt=["127.0.0.0/8"])
    site.start()
    raging = Storm(site)
    into, absorbed = ('domain_registers_total{domain="example.test",kind="%s"}' % kind
                      for kind in ("received", "absorbed"))
    with webdriver.Page(width=1280, height=900) as page:
        page.open(f"http://{site.http.where[0]}:{site.http.where[1]}/")
        page.wait("return document.querySelector('[data-tile=in] .note')")
        raging.start()
        page.wait("return parseInt(document.querySelector('[data-tile=in] .note').textContent"
                  ".replace(/,/g, '')) > arguments[0]", 2.5 * PHONES)  # they come back
        shown = tile(page, "in")[1]
        assert 2.5 * PHONES < shown <= site.http.metrics()[into]
        page.shot(os.path.join(BUILD, "dashboard-storm.png"), whole=True)
        raging.join(120)
        assert raging.error is None and raging.figures, raging.error
        assert raging.figures["upstream"]["registers"] < PHONES and \
            raging.figures["phones_refused"] == 0

        def agrees():
            metrics = site.http.metrics()
            share = page.run("return document.querySelector('[data-tile=absorbed] .note').textContent")
            return metrics[absorbed] > PHONES / 2 and tile(page, "in")[1] == metrics[into] and \
                tile(page, "out")[1] == metrics['registers_total{direction="out"}'] and \
                abs(float(share.split(" ")[0]) - 100 * metrics[absorbed] / metrics[into]) < 0.1
        site.wait_for(agrees, 30)
        page.wait("return document.querySelectorAll('#domains tbody td')[3].textContent === "
                  f"'{PHONES}'")
        assert count_of(page, "document.querySelectorAll('#domains tbody td')[2].textContent") == \
            site.http.metrics()['domain_lines{domain="example.test"}'] == PHONES
        assert page.run("return document.querySelector('#refusals').innerText") == \
            "Nothing was refused."
        page.run("location.hash = '#' + encodeURIComponent('phone107@example.test')")
        text = page.wait("const l = document.getElementById('line'); return !l.hidden && l.innerText")
        assert "licensed-source" in text and "its refresh is due within" in text
        assert page.complaints() == []


def test_the_page_knows_every_refusal():
    reasons = read(REASONS)
    ours = re.search(r"/\* refused here \*/(.*?)/\* what upstream", reasons, re.S).group(1)
    listed = re.search(r"const REFUSALS = \[(.*?)\]", read(os.path.join(WEB, "panels.js")),
                       re.S).group(1)
    listed = set(re.findall(r'"([\w-]+)"', listed))
    assert set(re.findall(r'"([\w-]+)", "', ours)) <= listed
    assert listed <= set(re.findall(r'^REASON\(\w+, "([\w-]+)"', reasons, re.M))


@pytest.mark.skipif(not webdriver.is_there(), reason="chromium and chromedriver are not there")
def test_a_phone_in_the_dark_shows_a_line_that_is_named_in_the_address(busy):
    url = f"http://{busy.http.where[0]}:{busy.http.where[1]}/"
    with webdriver.Page(width=390, height=844, dark=True) as page:
        page.open(url + "#" + quote("carol@example.test", safe=""))
        page.wait("return document.getElementById('line').innerText.includes('carol@example.test')"
                  " && document.querySelectorAll('#domains tbody tr').length")
        assert page.run("return document.documentElement.scrollWidth") <= 390
        ground = page.run("return getComputedStyle(document.body).backgroundColor")
        assert max(int(n) for n in re.findall(r"\d+", ground)[:3]) < 60
        page.run("location.hash = '#' + encodeURIComponent(arguments[0])",
                 "<b onclick=alert(1)>@example.test")
        page.wait("return document.querySelector('#line h2').textContent.startsWith('<b ')")
        assert page.run("return document.querySelectorAll('#line b[onclick]').length") == 0
        nobody = busy.registering("nobody", "wrong")
        assert nobody.register().status in (401, 403)
        page.run("location.hash = '#' + encodeURIComponent('nobody@example.test')")
        page.wait("return document.getElementById('line').innerText.includes('new-line')")
        page.shot(os.path.join(BUILD, "dashboard-phone.png"))
        refused = [c for c in page.complaints()  # but for what the API does not know
                   if not re.search("/api/v1/(aors|why)/", c)]
        assert refused == []
