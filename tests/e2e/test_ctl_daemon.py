"""breakwaterctl at the daemon's admin socket: what it shows, what it changes, how it ends."""
import json
import os
import socket
import threading

import pytest

from harness import accounts, net
from harness.accounts import ctl
from harness.kamailio import REGISTRAR, registrar_modules, registrar_params


@pytest.fixture
def running(site):
    site.start()
    return site


def rows(text):
    return [line.split() for line in text.splitlines()]


def test_lines_are_listed_and_registered_again(site):
    kamailio = site.kamailio(REGISTRAR, registrar_modules, registrar_params)
    accounts.use(site, "100@example.test 100 example.test plain:secret-100\n"
                       "200@example.test 200 example.test plain:wrong\n")
    pbx = site.phone("pbx")
    site.config.set('line "100"', target=f"sip:{net.text(*pbx.address)}", probe_interval=0)
    site.config.set('line "200"')
    site.start()
    site.wait_for(lambda: {r["state"] for r in site.unix.get("/api/v1/lines").json["lines"]} ==
                  {"registered", "failing"})
    code, out, err = ctl(site, "line", "list")
    assert (code, err) == (0, "")
    title, first, second = rows(out)
    assert title == ["LINE", "STATE", "EXPIRES", "NEXT", "ERROR", "ALARMS", "TARGET"]
    assert first[:2] == ["100@example.test", "registered"] and 3500 < int(first[2][:-1]) <= 3600
    assert first[4:] == ["-", "-", f"sip:100@{net.text(*pbx.address)}"]
    assert second[:3] == ["200@example.test", "failing", "-"]
    assert second[4:] == ["credentials-refused(401)", "line-unregistered", "-"]
    code, out, err = ctl(site, "line", "list", "--json")
    assert (code, err) == (0, "")
    assert [r["name"] for r in json.loads(out)["lines"]] == ["100", "200"]
    title, refused, gone = rows(ctl(site, "alarms")[1])
    assert title == ["ALARM", "OF", "SINCE", "WHAT"]
    assert refused[:2] == ["upstream-refuses-credentials", "registrar"]
    assert gone[:2] == ["line-unregistered", "200@example.test"] and gone[2].endswith("Z")
    codes = [a["code"] for a in json.loads(ctl(site, "alarms", "--json")[1])["alarms"]]
    assert codes == ["upstream-refuses-credentials", "line-unregistered"]
    before = len(kamailio.registers())
    code, out, err = ctl(site, "upstream", "resync", "registrar")
    assert (code, err) == (0, "") and "again at upstream registrar" in out
    site.wait_for(lambda: len([r for r in kamailio.registers()[before:] if r["proof"] == "100"]) == 1)
    assert ctl(site, "upstream", "resync", "nobody")[::2] == \
        (1, "breakwaterctl: there is no upstream of this name\n")


def test_a_drain_is_seen(running):
    phone = running.phone()
    code, out, err = ctl(running, "drain")
    assert (code, err) == (0, "") and "come back soon" in out
    running.wait_for(lambda: running.http.get("/readyz").status == 503)
    assert "breakwater_draining 1" in running.http.get("/metrics").text
    phone.send(phone.request("INVITE", "sip:bob@example.test"))
    phone.expect(503)


def test_an_upstream_is_drained_and_comes_back(site):
    """Work on the registrar: no REGISTER goes there, whatever it answers, and nobody loses anything."""
    site.judge_upstream()
    registrar = site.registrar("--password", "pw")
    site.config.set('upstream "registrar"', probe_interval="1s")
    site.config.set('domain "example.test"', mode="contact-throttle", reproof="1m")
    site.start()
    phone = site.registering("alice", "pw")
    assert phone.register(expires=120).status == 200
    code, out, err = ctl(site, "upstream", "drain", "registrar")
    assert (code, err) == (0, "") and out.startswith("upstream registrar hears no REGISTERs")
    state = lambda: site.unix.get("/api/v1/upstreams").json["upstreams"][0]  # noqa: E731
    site.wait_for(lambda: state()["state"] == "down" and state()["drained"])
    assert rows(ctl(site, "upstream", "list")[1])[1][:2] == ["registrar", "drained"]
    assert [a["code"] for a in site.unix.get("/api/v1/alarms").json["alarms"]] == ["upstream-drained"]
    before = registrar.count()
    assert phone.register(expires=120).status == 200
    late = site.registering("bob", "pw")
    assert late.register().status == 503
    answered = state()["probes_answered"]
    site.wait_for(lambda: state()["probes_answered"] > answered + 3)  # which brings nothing back
    assert state()["state"] == "down" and registrar.count() == before
    assert ctl(site, "upstream", "resume", "registrar")[0] == 0
    site.wait_for(lambda: state()["state"] == "up")
    assert not state()["drained"] and site.unix.get("/api/v1/alarms").json["alarms"] == []
    assert late.register().status == 200
    assert ctl(site, "upstream", "resume", "registrar")[0] == 0  # again: nothing happens
    assert state()["state"] == "up"


def test_bans(running):
    assert rows(ctl(running, "ban", "list")[1]) == [["ADDRESS", "LEFT"]]
    assert ctl(running, "ban", "add", "192.0.2.7", "60") == (0, "192.0.2.7 is banned for 60 s\n", "")
    assert ctl(running, "ban", "add", "2001:db8::1")[1] == "2001:db8::/64 is banned for 600 s\n"
    assert sorted(r[0] for r in rows(ctl(running, "ban", "list")[1])[1:]) == \
        ["192.0.2.7", "2001:db8::/64"]
    listed = json.loads(ctl(running, "--json", "ban", "list")[1])["bans"]
    assert {b["address"] for b in listed} == {"192.0.2.7", "2001:db8::/64"}
    assert ctl(running, "ban", "remove", "192.0.2.7") == (0, "192.0.2.7 is not banned any more\n", "")
    code, out, err = ctl(running, "ban", "remove", "192.0.2.7")
    assert (code, out, err) == (1, "", "breakwaterctl: this address is not banned\n")
    code, out, err = ctl(running, "ban", "add", "nonsense\x1b[2J")
    assert (code, out) == (1, "") and err.startswith("breakwaterctl: expected")
    code, out, err = ctl(running, "--json", "ban", "remove", "192.0.2.7")
    assert code == 1 and json.loads(out)["error"]["code"] == "not-banned"


def test_status_reload_and_log_level(running):
    code, out, err = ctl(running, "status")
    assert (code, err) == (0, "") and "\nready: yes\n" in out and out.startswith("version: ")
    assert json.loads(ctl(running, "status", "--json")[1])["ready"] is True
    assert ctl(running, "log-level") == (0, "debug\n", "")
    assert ctl(running, "log-level", "info") == (0, "info\n", "")
    assert ctl(running, "log-level", "loud")[0] == 1
    code, out, err = ctl(running, "reload")
    assert (code, err) == (0, "") and out.endswith("\nthe configuration is reloaded\n")
    assert "probe-interval: 0, so no outage is noticed" in out  # as the tests' configuration has it
    running.config.set(accounts.DOMAIN, upstream="nobody")
    running.daemon.write(running.config)
    code, out, err = ctl(running, "reload")
    assert (code, out) == (1, "") and "the running configuration stays" in err
    assert "error: " in err and "nobody" in err


def test_wrong_use(site):
    for words in ([], ["ban"], ["ban", "add"], ["ban", "list", "x"], ["line"], ["x"], ["-s"],
                  ["upstream", "resync"], ["ban", "add", "192.0.2.7", "soon"]):
        code, out, err = ctl(site, *words) if words != ["-s"] else ctl(site, "status", "-s")
        assert (code, out) == (64, "") and "usage: breakwaterctl" in err, words
    code, out, _ = ctl(site, "--", "--json")
    assert (code, out) == (64, "")


def test_nobody_is_there(site):
    path = site.path("nothing.sock")
    code, out, err = ctl(site, "status", socket=path)
    assert (code, out, err) == (69, "", f"breakwaterctl: {path}: No such file or directory\n")
    code, _, err = ctl(site, "status", socket="/" + "x" * 200)
    assert code == 69 and "too long for a socket" in err


@pytest.mark.parametrize("answer", [b"", b"hello", b"HTTP/1.1 200 OK\r\n\r\n{\"lines\":[]}",
                                    b"HTTP/1.1 200 OK\r\n\r\n<html>", b"HTTP/1.1 2\r\n\r\n"])
def test_somebody_else_is_there(site, answer):
    path = site.path("other.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(path)
        listening.listen()

        def serve():
            with listening.accept()[0] as s:
                s.recv(4096)
                s.sendall(answer)
        server = threading.Thread(target=serve)
        server.start()
        code, out, err = ctl(site, "status", socket=path)
        server.join()
    os.unlink(path)
    assert (code, out) == (69, "") and err.startswith(f"breakwaterctl: {path}: ")
