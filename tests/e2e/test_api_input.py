"""Each path of the API with what it does not expect: an error with a code and a message, never a
fault of the server, and nothing is changed by it."""
import json
import random

from harness.accounts import ctl

PATHS = {  # method: what an answer without a body may be
    "/healthz": ["GET"], "/readyz": ["GET"], "/metrics": ["GET"], "/": ["GET"],
    "/api/v1/status": ["GET"], "/api/v1/alarms": ["GET"], "/api/v1/aors": ["GET"],
    "/api/v1/aors/nobody@example.test": ["GET", "DELETE"], "/api/v1/why/nobody@example.test": ["GET"],
    "/api/v1/savings": ["GET"], "/api/v1/history": ["GET"], "/api/v1/domains": ["GET"],
    "/api/v1/sources": ["GET"], "/api/v1/lines": ["GET"], "/api/v1/upstreams": ["GET"],
    "/api/v1/upstreams/nobody/resync": ["POST"], "/api/v1/upstreams/nobody/drain": ["POST"],
    "/api/v1/upstreams/nobody/resume": ["POST"], "/api/v1/log-level": ["GET", "PUT"],
    "/api/v1/reload": ["POST"], "/api/v1/drain": ["POST"], "/api/v1/bans": ["GET", "POST", "DELETE"],
    "/api/v1/export": ["GET"], "/api/v1/import": ["POST"], "/api/v1/trace": ["GET"],
}
METHODS = ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "X"]
BODIES = [b"", b"{", b"[]", b"null", b"\x00\xff", b"[" * 3000, b'{"level": 1}', b'{"level": "loud"}',
          b'{"address": "nowhere"}', b'{"address": "192.0.2.1", "seconds": -1}',
          b'{"address": "192.0.2.1", "seconds": 1e99}', b'{"address": ["192.0.2.1"]}', b"x" * 5000]
QUERIES = ["x=1", "aor", "aor=", "limit=0", "limit=1&limit=2", "q=%00%ff", "source=nowhere", "since=x",
           "cursor=" + "y" * 600, "check=perhaps", "keys=perhaps", "upstream=nobody", "&" * 50,
           "a=" * 40]
HARMFUL = {("POST", "/api/v1/reload"), ("POST", "/api/v1/drain")}


def checked(answer, what):
    """An error is one as it is documented."""
    assert answer.status < 500, (what, answer.status, answer.body[:300])
    if answer.status >= 400 and "json" in answer.type and answer.body:
        error = json.loads(answer.body)["error"]
        assert error["code"] and error["message"], what
    return answer


def test_other_methods_and_bodies(site):
    site.start()
    before = site.unix.get("/api/v1/log-level").json
    for path, methods in PATHS.items():
        for method in METHODS:
            if method in methods or (method == "HEAD" and "GET" in methods):
                continue
            answer = checked(site.unix.ask(method, path), (method, path))
            assert answer.status == 405 and answer.header("Allow"), (method, path)
        for method in methods:
            if method == "GET" or (method, path) in HARMFUL:
                continue
            for body in BODIES:
                answer = checked(site.unix.ask(method, path, body=body), (method, path, body[:40]))
                assert answer.status >= 400, (method, path, body[:40], answer.status)
    assert site.unix.get("/api/v1/log-level").json == before
    assert site.unix.get("/api/v1/bans").json == {"bans": []}


def test_queries(site):
    site.start()
    for path, methods in PATHS.items():
        for query in QUERIES if "GET" in methods else []:
            if path == "/api/v1/trace" and query == "&" * 50:
                continue  # nothing is asked for, so all is shown, and without an end
            checked(site.unix.get(f"{path}?{query}"), (path, query))
    for query in ("x=1", "limit=0", "limit=1&limit=2", "source=nowhere", "upstream=nobody", "aor"):
        assert site.unix.get("/api/v1/aors?" + query).status == 400, query
    assert site.unix.get("/api/v1/trace?source=nowhere").status == 400
    assert site.unix.get("/api/v1/history?since=x").status == 400


def test_any_path(site):
    site.start()
    rng = random.Random(1)
    pieces = ["api", "v1", "aors", "why", "upstreams", "resync", "%2f", "%00", "..", "%ff%fe", "a" * 300,
              "sip:a@b", "a@example.test", "%", "?", "import"]
    for _ in range(300):
        path = "/" + "/".join(rng.choice(pieces) for _ in range(rng.randint(1, 5)))
        method = rng.choice(["GET", "POST", "DELETE"])
        if "trace" not in path:
            checked(site.unix.ask(method, path), (method, path))
    assert site.unix.get("/healthz").text == "ok\n"


def test_the_command_tells_it_in_words(site):
    site.start()
    for words, said in [
            (["aor", "list", "--upstream", "nobody"], "upstream: there is none of this name"),
            (["aor", "list", "--source", "nowhere"], "source: expected an IP address"),
            (["aor", "list", "--limit", "0"], None), (["aor", "list", "--what"], None),
            (["aor", "list", "a", "b"], None), (["aor", "show", "user"], "expected an address of record"),
            (["aor", "show", "nobody@example.test"], "nothing is known"),
            (["aor", "remove", "nobody@example.test"], "nothing is known"),
            (["why", "x"], "expected an address of record"), (["ban", "add", "x"], "an IP address"),
            (["ban", "add", "192.0.2.1", "x"], None), (["ban", "remove", "192.0.2.1"], "not banned"),
            (["log-level", "loud"], "expected"), (["upstream", "resync", "nobody"], "no upstream"),
            (["upstream", "drain", "nobody"], "no upstream"),
            (["upstream", "resume", "nobody"], "no upstream"),
            (["upstream", "drain", "registrar"], "probe-interval"),
            (["trace", "user"], "expected"), (["top", "x"], None), (["savings", "x"], None)]:
        code, out, err = ctl(site, *words)
        if said is None:
            assert code == 64 and "usage: " in err or code == 1, (words, code, err)
        else:
            assert (code, out) == (1, "") and said in err, (words, code, out, err)
        assert err.startswith(("breakwaterctl: ", "usage: ")), (words, err)
