"""authentication = local: we challenge, and Kamailio behind us, which asks nobody, takes what we
pass on."""
import os
import threading
import time

import pytest

from harness import sip
from harness.credentials import answer, ha1, judge_here, line, passwd, write
from harness.daemon import run_daemon
from harness.kamailio import registrar_modules, registrar_params
from harness.phone import contacts

# It trusts our address.
ACCEPTING = """
    if (is_method("REGISTER")) {
        xlog("got REGISTER from=$si aor=$tU proof=$hdr(Authorization) contact=$ct expires=$hdr(Expires) id=$ci\n");
        save("location");
        exit;
    }
    if (is_method("MESSAGE")) {
        xlog("got MESSAGE proof=$hdr(Proxy-Authorization)\n");
        sl_send_reply("202", "Accepted");
        exit;
    }
    if (!is_method("ACK")) sl_send_reply("404", "Not Found");
"""
USERS = {"alice": "secret-alice", "bob": "secret-bob"}


def begin(site, users=None, hashes=("MD5",), **options):
    kamailio = site.kamailio(ACCEPTING, registrar_modules, registrar_params)
    path = judge_here(site, USERS if users is None else users, hashes, **options)
    site.start()
    return kamailio, path


def count(site, name, **labels):
    text = ",".join(f'{k}="{v}"' for k, v in labels.items())
    return site.http.metrics()[name + (f"{{{text}}}" if text else "")]


@pytest.mark.parametrize("mode", ["mirror", "contact-throttle", "aor-throttle"])
def test_registering_and_refreshing(site, mode):
    kamailio, _ = begin(site, mode=mode)
    phone = site.registering("alice")
    first = phone.ask(phone.build_register(f"<{phone.contact}>", 60))
    assert first.status == 401 and kamailio.registers() == []
    assert phone.register().status == 200
    (relayed,) = kamailio.registers()
    assert relayed["proof"] == "<null>" and len(kamailio.bindings("alice")) == 1
    for _ in range(5):
        reply = phone.register()
        assert reply.status == 200 and list(contacts(reply)) == [phone.contact]
    assert len(kamailio.registers()) == (6 if mode == "mirror" else 1)
    assert all(r["proof"] == "<null>" for r in kamailio.registers())
    assert count(site, "challenges_sent_total", reason="none") == 2
    assert count(site, "authentications_total") == 1
    assert count(site, "credentials_loaded") == 2


def test_challenges_are_the_strongest_first(site):
    begin(site, hashes=("MD5", "SHA-256", "SHA-512-256"))
    phone = site.registering("alice")
    first = phone.ask(phone.build_register(f"<{phone.contact}>", 60))
    offers = first.all("WWW-Authenticate")
    assert ["algorithm=SHA-256" in o for o in offers] == [True, False]
    assert "algorithm=MD5" in offers[1] and len(offers) == 2
    for offer in offers:
        request = phone.build_register(f"<{phone.contact}>", 60)
        proof = answer(offer, "alice", "secret-alice", request,
                       nc="00000001" if offer is offers[0] else "00000002")
        reply = phone.ask(phone.build_register(f"<{phone.contact}>", 60, [("Authorization", proof)]))
        assert reply.status == 200


@pytest.mark.parametrize("workers", [1, 4])
def test_what_was_proven_once_proves_nothing_to_others(site, workers):
    """The same answer from another socket: as it was, with everything else made up, and in calls."""
    site.set_workers(workers)
    kamailio, _ = begin(site)
    phone, thief = site.registering("alice"), site.phone("alice")
    challenge = phone.ask(phone.build_register(f"<{phone.contact}>", 60)).header("WWW-Authenticate")
    proof = answer(challenge, "alice", "secret-alice", phone.request("REGISTER"))
    good = phone.build_register(f"<{phone.contact}>", 60, [("Authorization", proof)])
    assert phone.ask(good).status == 200
    assert thief.ask(good).status == 401
    for _ in range(8):
        again = thief.request("REGISTER", fields=[("Authorization", proof), ("Expires", "60")])
        assert thief.ask(again).status == 401
    first = phone.request("MESSAGE", "sip:x@example.test")
    challenge = phone.ask(first).header("Proxy-Authenticate")
    proof = answer(challenge, "alice", "secret-alice", first)
    call = phone.request("MESSAGE", "sip:x@example.test", call_id=first.call_id, cseq=2,
                         fields=[("Proxy-Authorization", proof)])
    assert phone.ask(call).status == 202
    for _ in range(8):
        again = thief.request("MESSAGE", "sip:x@example.test", fields=[("Proxy-Authorization", proof)])
        assert thief.ask(again).status == 407
    assert kamailio.output().count("got MESSAGE proof=<null>") == 1
    assert len(kamailio.registers()) == 1
    assert list(contacts(phone.register())) == [phone.contact]


def test_a_spoofed_refresh_is_never_absorbed(site):
    """Another address with everything that can be known of the device; then the same address and
    another port."""
    kamailio, _ = begin(site)
    phone = site.registering("alice")
    assert phone.register().status == 200
    for host in (site.net.phone(), phone.host):
        thief = site.phone("alice", host=host)
        for method_fields in ([("Expires", "60")], [("Expires", "0")]):
            request = sip.build("REGISTER sip:example.test SIP/2.0", [
                ("Via", thief.via()), ("Max-Forwards", "70"),
                ("From", f"<sip:alice@example.test>;tag={phone.from_tag}"),
                ("To", "<sip:alice@example.test>"), ("Call-ID", phone.call_id),
                ("CSeq", f"{phone.cseq + 50} REGISTER"), ("Contact", f"<{phone.contact}>"),
                *method_fields])
            reply = thief.ask(request)
            assert reply.status == 401 and contacts(reply) == {}
    assert list(contacts(phone.register())) == [phone.contact]
    assert count(site, "register_decisions_total", reason="licensed-source") == 1
    assert len(kamailio.registers()) == 1


def test_a_wrong_password_and_another_user(site):
    kamailio, _ = begin(site, max_contacts=1, when_full="replace-oldest")
    phone = site.registering("alice")
    assert phone.register().status == 200
    assert site.registering("alice", password="guess").register().status == 401
    assert site.registering("nobody").register().status == 401
    thief = site.registering("alice")
    request = thief.build_register(f"<{thief.contact}>", 60)
    challenge = thief.ask(request).header("WWW-Authenticate")
    proof = answer(challenge, "bob", "secret-bob", request)
    assert thief.ask(thief.build_register(f"<{thief.contact}>", 60,
                                          [("Authorization", proof)])).status == 403
    assert list(contacts(phone.register())) == [phone.contact]
    assert len(kamailio.registers()) == 1
    for reason in ("wrong-password", "unknown-user", "other-user"):
        assert count(site, "authentications_failed_total", reason=reason) == 1


def test_a_second_device_is_always_proven(site):
    kamailio, _ = begin(site)
    desk, mobile = site.registering("alice"), site.registering("alice")
    assert desk.register().status == 200
    assert set(contacts(mobile.register())) == {desk.contact, mobile.contact}
    assert count(site, "authentications_total") == 2 and len(kamailio.bindings("alice")) == 1


def test_new_passwords_by_reload(site):
    kamailio, path = begin(site)
    phone = site.registering("alice")
    first = phone.ask(phone.build_register(f"<{phone.contact}>", 60))
    assert passwd(path, "alice", "changed")[0] == 0
    site.daemon.reload()
    assert count(site, "credentials_loaded") == 4
    request = phone.build_register(f"<{phone.contact}>", 60)
    proof = answer(first.all("WWW-Authenticate")[-1], "alice", "changed", request)
    assert phone.ask(phone.build_register(f"<{phone.contact}>", 60,
                                          [("Authorization", proof)])).status == 200
    old = site.registering("alice")
    request = old.build_register(f"<{old.contact}>", 60)
    challenge = old.ask(request).all("WWW-Authenticate")[-1]
    proof = answer(challenge, "alice", "secret-alice", request)
    assert old.ask(old.build_register(f"<{old.contact}>", 60,
                                      [("Authorization", proof)])).status == 401


def test_a_broken_file_changes_nothing(site):
    _, path = begin(site)
    write(path, line("alice", "changed") + "bob:example.test:hash\n")
    site.daemon.reload()
    site.daemon.wait_output(f"credentials: {path}:2: the hash has something else")
    site.daemon.wait_output("the running configuration stays")
    assert count(site, "credentials_loaded") == 2
    assert site.registering("alice").register().status == 200
    os.chmod(path, 0o644)
    site.daemon.reload()
    site.daemon.wait_output("others than its owner may use it; expected 0600")
    assert site.registering("bob").register().status == 200


@pytest.mark.parametrize("check", [["-t"], []], ids=["check", "start"])
def test_no_credentials_no_start(site, check):
    os.unlink(judge_here(site, USERS))
    conf = site.path("test.conf")
    with open(conf, "w", encoding="utf-8") as f:
        f.write(site.config.text())
    code, out, err = run_daemon(*check, "-c", conf)
    number = site.config.text()[:site.config.text().index("credentials")].count("\n") + 1
    assert (code, out) == (78, "")
    assert f'error: {conf}:{number}: domain "example.test" credentials: ' in err
    assert "No such file or directory" in err


def test_secrets_are_nowhere(site):
    """Not in the log at its most talkative, the metrics, the state, the command line or a title."""
    _, path = begin(site)
    phone = site.registering("alice")
    assert phone.register().status == 200
    assert site.registering("bob", password="guess-of-a-thief").register().status == 401
    write(path, line("alice", "secret-alice") + "bob:example.test:secret-bob\n")
    site.daemon.reload()
    site.daemon.wait_output("the running configuration stays")
    secrets = [s.encode() for u, p in USERS.items() for s in (p, ha1(u, p))]
    secrets += [b"guess-of-a-thief"]
    secrets += [bytes.fromhex(ha1(u, p)) for u, p in USERS.items()]
    places = {"log": site.daemon.output().encode(), "metrics": site.http.get("/metrics").body}
    for name in ("cmdline", "environ"):
        with open(f"/proc/{site.daemon.process.pid}/{name}", "rb") as f:
            places[name] = f.read()
    for task in os.listdir(f"/proc/{site.daemon.process.pid}/task"):
        with open(f"/proc/{site.daemon.process.pid}/task/{task}/comm", "rb") as f:
            places[f"title of {task}"] = f.read()
    for folder, _, files in os.walk(site.directory):
        for name in files:
            file = os.path.join(folder, name)
            if os.path.isfile(file) and name != "credentials" and not name.startswith("kamailio"):
                with open(file, "rb") as f:
                    places[name] = f.read()
    assert "data.mdb" in places and "nonce.key" in places
    for place, content in places.items():
        for secret in secrets:
            assert secret not in content, (place, secret)


def test_keys_are_private_and_kept(site):
    begin(site)
    where = os.path.join(site.directory, "state", "nonce.key")
    assert os.stat(where).st_mode & 0o777 == 0o600
    phone = site.registering("alice")
    challenge = phone.ask(phone.build_register(f"<{phone.contact}>", 60)).header("WWW-Authenticate")
    assert "stale" not in challenge
    site.restart()
    proof = answer(challenge, "alice", "secret-alice", phone.request("REGISTER"))
    reply = phone.ask(phone.build_register(f"<{phone.contact}>", 60, [("Authorization", proof)]))
    assert reply.status == 401 and "stale=true" in reply.header("WWW-Authenticate")


@pytest.mark.last
def test_a_large_file_is_read_without_a_stop(site):
    """While it is read, a phone's refreshes are answered as ever, and so is who proves himself."""
    _, path = begin(site)
    phone, other = site.registering("alice"), site.registering("bob")
    assert phone.register().status == 200
    with open(path, "a", encoding="ascii") as f:
        for i in range(300000):
            f.write(f"u{i}:example.test:{'0123456789abcdef' * 2}\n")
    reload = threading.Thread(target=site.daemon.reload)
    reload.start()
    slowest, n = 0.0, 0
    while reload.is_alive() or n == 0:
        start = time.monotonic()
        assert phone.register().status == 200
        other.restart()  # so that it must prove itself
        assert other.register().status == 200
        slowest, n = max(slowest, time.monotonic() - start), n + 1
    reload.join()
    assert slowest < 2.0
    assert count(site, "credentials_loaded") == 300002
