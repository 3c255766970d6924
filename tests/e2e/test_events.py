"""Events as JSON lines: to a Unix socket, to a webhook; and the log's lines of the same."""
import http.server
import json
import os
import signal
import socket
import threading
import time

import pytest

from harness import accounts


@pytest.fixture
def registrar(site):
    site.judge_upstream()
    site.config.set(accounts.DOMAIN, mode="aor-throttle")
    return site.registrar("--password", "pw")


class Consumer:
    """Somebody who listens on a Unix socket."""
    def __init__(self, path):
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(path)
        self.listener.listen(4)
        self.listener.settimeout(30)
        self.file = None

    def next(self):
        if not self.file:
            connection, _ = self.listener.accept()
            connection.settimeout(30)
            self.file = connection.makefile("r", encoding="utf-8")
        return json.loads(self.file.readline())


class Hook:
    """A web server that keeps what it is sent; statuses: its answers, then 204."""
    def __init__(self, host, *statuses):
        self.statuses, self.posts = list(statuses), []
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                status = hook.statuses.pop(0) if hook.statuses else 204
                hook.posts.append((status, dict(self.headers), body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((host, 0), Handler)
        self.url = "http://%s:%d/hook" % self.server.server_address[:2]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, condition):
        end = time.monotonic() + 30
        while not condition(self):
            assert time.monotonic() < end, self.posts
            time.sleep(0.02)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def events_of(hook, status=204):
    return [json.loads(line) for s, _, body in hook.posts if s == status
            for line in body.splitlines()]


def test_a_binding_is_told_to_a_socket(site, registrar):
    path = site.path("events.sock")
    consumer = Consumer(path)
    site.config.set("events", socket=path)
    site.start()
    phone = site.registering("alice", "pw")
    assert phone.register().status == 200
    got = [consumer.next() for _ in range(2)]
    assert [e["event"] for e in got] == ["binding-added", "upstream-registered"]
    added = got[0]
    assert added["aor"] == "alice@example.test" and added["source"] == "udp:%s:%d" % phone.address
    assert abs(added["time"] - time.time()) < 60 and len(added["binding"]) == 16
    for _ in range(3):  # absorbed: nothing is told
        assert phone.register().status == 200
    assert phone.register(expires=0).status == 200
    gone = consumer.next()
    assert gone["event"] == "binding-removed" and gone["reason"] == "removed"
    assert gone["binding"] == added["binding"]
    assert site.http.metrics()['events_total{sink="socket",outcome="sent"}'] >= 3
    log = site.daemon.output()
    assert "binding added aor=alice@example.test binding=" + added["binding"] in log
    assert "binding removed aor=alice@example.test" in log and "reason=removed" in log
    assert log.count("binding added") == 1


def test_a_webhook_gets_them_again_until_it_takes_them(site, registrar):
    hook = Hook(site.core[0], 503)
    token = site.path("token")
    with open(token, "w", encoding="ascii") as f:
        f.write("geheim\n")
    os.chmod(token, 0o600)
    site.config.set("events", webhook=hook.url, token_file=token)
    site.start()
    assert site.registering("bob", "pw").register().status == 200
    hook.wait(lambda h: len(events_of(h)) >= 2)
    assert hook.posts[0][0] == 503
    assert {e["event"] for e in events_of(hook)} == {"binding-added", "upstream-registered"}
    headers = hook.posts[-1][1]
    assert headers["Authorization"] == "Bearer geheim"
    assert headers["Content-Type"] == "application/x-ndjson"
    assert "geheim" not in site.daemon.output()

    # what it refuses for good is not sent again
    hook.statuses = [400]
    assert site.registering("carol", "pw").register().status == 200
    hook.wait(lambda h: any(s == 400 for s, _, _ in h.posts))
    assert site.registering("dave", "pw").register().status == 200
    hook.wait(lambda h: any(e.get("aor") == "dave@example.test" for e in events_of(h)))
    assert site.http.metrics()['events_total{sink="webhook",outcome="refused"}'] >= 1
    hook.close()


def test_a_reload_changes_where_they_go_and_hides_names(site, registrar):
    path = site.path("later.sock")
    consumer = Consumer(path)
    daemon = site.start()
    assert site.registering("alice", "pw").register().status == 200
    site.config.set("events", socket=path)
    site.config.set("log", hide_aors="yes")
    daemon.write(site.config)
    daemon.signal(signal.SIGHUP)
    daemon.wait_output("reload: done")
    assert site.registering("erin", "pw").register().status == 200
    assert consumer.next()["aor"] == "erin@example.test"
    hidden = site.unix.get("/api/v1/aors/erin%40example.test").json["log_name"]
    daemon.wait_output("binding added aor=" + hidden)
    log = daemon.output()
    assert "alice" in log and "erin" not in log
