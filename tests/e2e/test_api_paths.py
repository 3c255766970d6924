"""Every path of the admin API with what it should refuse: the answer is a JSON error with the fitting
status, and the daemon goes on."""
import json
import os
import re
import socket
from urllib.parse import quote

from harness import documents

ALICE = quote("alice@example.test", safe="")
LONG = "x" * 600
# Not what a body should be; each is refused wherever a body is read.
BODIES = [b"", b"{", b"null", b"[]", b"7", b'"text"', b"{}", b"\x00", b"\xff\xfe", b'{"a": "\xff"}',
          b"[" * 4000, b'{"level": 5, "address": 5, "seconds": "x"}',
          b'{"level": null, "address": null}', b'{"level": ["info"], "address": ["192.0.2.1"]}']
GETS, BOTH = {"GET"}, {"GET", "PUT"}
UPSTREAM = "/api/v1/upstreams/registrar"

# path -> (methods, [(method, what follows the path or the body, status, code)]). A body is bytes.
TABLE = {
    "/": (GETS, []),
    "/dashboard.js": (GETS, []),
    "/dashboard.css": (GETS, []),
    "/healthz": (GETS, []),
    "/readyz": (GETS, []),
    "/metrics": (GETS, []),
    "/api/v1/status": (GETS, [("GET", "/x", 404, "not-found")]),
    "/api/v1/alarms": (GETS, [("GET", "/upstream-down", 404, "not-found")]),
    "/api/v1/savings": (GETS, []),
    "/api/v1/cluster": (GETS, []),
    "/api/v1/domains": (GETS, []),
    "/api/v1/sources": (GETS, []),
    "/api/v1/lines": (GETS, []),
    "/api/v1/upstreams": (GETS, [("GET", "/registrar", 404, "not-found")]),
    "/api/v1/history": (GETS, [("GET", "?" + q, 400, "bad-request") for q in (
        "since=x", "since=-1", "since=4294967296", "since=", "since", "since=1&since=1", "until=1",
        "since=1%00", "&".join(f"a{i}=1" for i in range(20)))]),
    "/api/v1/aors": (GETS, [("GET", "?" + q, 400, "bad-request") for q in (
        "limit=0", "limit=1001", "limit=x", "limit=-1", "limit=99999999999999999999", "limit",
        "limit=1&limit=2", "source=nowhere", "source=192.0.2.1/33", "source=::1/129",
        "source=192.0.2.1:0x50", "q=" + LONG, "cursor=" + LONG, "colour=red", "domain",
        "&".join(f"a{i}=1" for i in range(20)))]),
    "/api/v1/aors/" + ALICE: ({"GET", "DELETE"}, []),
    "/api/v1/aors/": (set(), [(m, a, s, c) for m in ("GET", "DELETE") for a, s, c in (
        ("nobody%40example.test", 404, "no-aor"), ("alice%40example.test%00", 400, "bad-request"),
        ("alice%40other.test", 400, "bad-request"),
        ("%40example.test", 400, "bad-request"), ("alice%40", 400, "bad-request"), ("%40", 400, "bad-request"),
        (LONG + "%40example.test", 400, "bad-request"), ("%00", 400, "bad-request"),
        ("tel:+31201234567", 404, "no-aor"), ("%ff%40example.test", 404, "no-aor"))]),
    "/api/v1/why/" + ALICE: (GETS, []),
    "/api/v1/why/": (set(), [("GET", a, s, c) for a, s, c in (
        ("alice%40other.test", 400, "bad-request"), ("%40", 400, "bad-request"),
        (LONG + "%40example.test", 400, "bad-request"))]),
    "/api/v1/log-level": (BOTH, [("PUT", b, 400, "bad-request") for b in (
        *BODIES, b'{"level": "loud"}', b'{"level": ""}', b'{"level": "info\\u0000"}')]),
    "/api/v1/bans": ({"GET", "POST", "DELETE"}, [(m, b, 400, "bad-request") for m in ("POST", "DELETE")
                     for b in (*BODIES, b'{"address": "nowhere"}', b'{"address": "192.0.2.1/24"}',
                               b'{"address": "192.0.2.300"}', b'{"address": ""}')] +
                     [("POST", b'{"address": "192.0.2.1", "seconds": %s}' % s, 400, "bad-request")
                      for s in (b"0", b"-1", b"1.5", b'"60"', b"null", b"31622401",
                                b"99999999999999999999")] +
                     [("DELETE", b'{"address": "192.0.2.9"}', 404, "not-banned")]),
    "/api/v1/reload": ({"POST"}, []),
    "/api/v1/drain": ({"POST"}, []),
    UPSTREAM + "/drain": ({"POST"}, []),
    UPSTREAM + "/resume": ({"POST"}, []),
    UPSTREAM + "/resync": ({"POST"}, []),
    "/api/v1/upstreams/": (set(), [("POST", a, 404, c) for a, c in (
        ("nobody/resync", "no-upstream"), ("nobody/drain", "no-upstream"),
        ("nobody/resume", "no-upstream"), ("/resync", "not-found"), ("/drain", "not-found"), ("registrar/", "not-found"),
        ("registrar/resync/x", "not-found"), (LONG + "/resync", "no-upstream"),
        ("%ff/resync", "no-upstream"))]),
    "/api/v1/export": (GETS, [("GET", "?" + q, 400, "bad-request") for q in (
        "keys=maybe", "keys", "keys=", "colour=red", "keys=yes&keys=no")]),
    "/api/v1/import": ({"POST"}, [("POST", b, 422, None) for b in (
        *BODIES, b"{}\n{}\n", b'{"breakwater_export": 2}\n', b'{"breakwater_export": "1"}\n')] +
                       [("POST", "?" + q, 400, "bad-request") for q in (
                           "check=maybe", "check", "check=", "colour=red", "check=yes&check=no")]),
    "/api/v1/trace": (GETS, [("GET", "?" + q, 400, "bad-request") for q in (
        "colour=red", "aor", "aor=a%40b&aor=c%40d", "source=nowhere")]),
}
STREAMS = {"/api/v1/trace", "/api/v1/export"}  # come in pieces, and have no HEAD


def assert_refused(site, method, path, status, code, body=None):
    answer = site.unix.ask(method, path, body=body)
    told = (method, path, body, answer.status, answer.text)
    assert answer.status == status, told
    if method != "HEAD":
        error = json.loads(answer.body)["error"]
        assert set(error) >= {"code", "message"} and error["message"], told
        assert code is None or error["code"] == code, told
    return answer


def begin(site):
    site.judge_upstream()
    site.registrar("--password", "pw")
    site.start()
    assert site.registering("alice", "pw").register().status == 200


def test_the_table_has_every_path():
    text = documents.read("src", "admin", "api.c")
    routes = re.findall(r'\{"(/[^"]*)",\s+"([A-Z, ]+)",\s+\{\{', text)
    assert len(routes) > 12
    for path, allow in routes:
        methods = set(allow.split(", ")) - {"HEAD"}
        assert methods in (TABLE.get(path, (None,))[0], TABLE.get(UPSTREAM + path, (None,))[0]), path
    for family in re.findall(r'_path(?:\[\])? = \{+"(/[^"]*)"', text):
        assert any(path.startswith(family) for path in TABLE), family


def test_each_path_refuses_what_it_should(site):
    begin(site)
    for path, (_, refused) in TABLE.items():
        for method, what, status, code in refused:
            if isinstance(what, bytes):
                assert_refused(site, method, path, status, code, what)
            else:
                assert_refused(site, method, path + what, status, code)
    assert site.unix.get("/api/v1/log-level").json == {"level": "debug"}
    assert site.unix.get("/api/v1/bans").json == {"bans": []}
    assert len(site.unix.get("/api/v1/aors").json["aors"]) == 1


def test_each_path_has_its_methods_and_no_others(site):
    begin(site)
    for path, (methods, _) in TABLE.items():
        if not methods:
            continue
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "get", "BREW"):
            if method in methods or (method == "HEAD" and "GET" in methods and path not in STREAMS):
                continue
            answer = assert_refused(site, method, path, 405, "method-not-allowed")
            assert set(answer.header("Allow").split(", ")) - {"HEAD"} == methods
        if "GET" in methods and path not in STREAMS:
            whole, head = site.unix.get(path), site.unix.ask("HEAD", path)
            assert whole.status == head.status == 200 and head.body == b"", path
            assert head.type == whole.type
    assert site.unix.get("/readyz").status == 200


def test_what_only_looks_like_a_path_is_none(site):
    begin(site)
    for path in ("//healthz", "/healthz/", "/HEALTHZ", "/api", "/api/v1", "/api/v1/", "/api/v2/status",
                 "/api/v1/status%00", "/api/v1/../v1/status", "/.", "/%2e%2e/etc/passwd",
                 "/api/v1/aors%2falice@example.test/", "/dashboard.js/", "/" + LONG):
        answer = site.unix.get(path)
        if path.startswith("/api/v1/aors"):  # an address of record may hold anything
            assert answer.status in (400, 404), (path, answer.text)
        else:
            assert answer.status == 404, (path, answer.text)
    for path in ("/api/v1/%74race", "/api/v1/trace?aor=a%40example.test"):
        assert site.http.get(path).status == 403  # the escaped one, too, needs a token


def test_over_http_without_a_token_nothing_is_changed(site):
    begin(site)
    for path, (methods, _) in TABLE.items():
        for method in ("POST", "PUT", "DELETE"):
            answer = site.http.ask(method, path, body=b'{"level": "error", "address": "192.0.2.1"}')
            assert answer.status == 403, (method, path)
            assert json.loads(answer.body)["error"]["code"] in ("read-only", "token-only")
    assert site.unix.get("/api/v1/log-level").json == {"level": "debug"}
    assert site.unix.get("/api/v1/bans").json == {"bans": []}
    assert site.unix.get("/readyz").status == 200
    assert len(site.unix.get("/api/v1/aors").json["aors"]) == 1


def raw(site, data):
    """What comes at once; who waits for more of the request waits for 15 s."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(1)
        s.connect(site.path("admin.sock"))
        answer = b""
        try:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            while more := s.recv(65536):
                answer += more
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            pass
        return answer


def test_what_is_no_http_ends_its_own_connection_only(site):
    begin(site)
    for data in (b"\x00" * 1000, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 100,
                 b"REGISTER sip:example.test SIP/2.0\r\n\r\n",
                 b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 20000 + b"\r\n",
                 b"GET /" + b"x" * 100000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
                 b"PUT /api/v1/log-level HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
                 b"PUT /api/v1/log-level HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\nx",
                 b"PUT /api/v1/log-level HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"):
        answer = raw(site, data)
        assert not answer or re.match(rb"HTTP/1\.[01] [45]\d\d ", answer), (data[:60], answer[:200])
        assert site.unix.get("/healthz").status == 200
    body = os.urandom(200000)
    answer = site.unix.ask("PUT", "/api/v1/log-level", body=body)
    assert answer.status == 413 and answer.json["error"]["code"] == "too-long"
