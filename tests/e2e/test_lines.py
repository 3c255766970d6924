"""Fixed lines and our own accounts, with Kamailio upstream, which challenges, and SIPp on the
phone's side."""
import hashlib
import os
import signal

import pytest

from harness import accounts, net
from harness.daemon import run_daemon
from harness.kamailio import REGISTRAR, registrar_modules, registrar_params

CALLS = 20
PASSWORD = "secret-bob"  # as Kamailio has it

CALL_ROUTE = """
    if (is_method("CANCEL")) {
        if (t_check_trans()) t_relay();
        exit;
    }
    if (has_totag()) {
        if (loose_route()) t_relay();
        else if (!is_method("ACK")) sl_send_reply("404", "Not Here");
        exit;
    }
    if (is_method("INVITE")) {
        record_route();
        if (lookup("location")) t_relay();
        else sl_send_reply("404", "Not Found");
        exit;
    }
"""
ROUTE = REGISTRAR.replace('    if (!is_method("ACK"))', CALL_ROUTE + '    if (!is_method("ACK"))')


def start_kamailio(site, algorithm="MD5"):
    return site.kamailio(ROUTE, (*registrar_modules, "tm", "rr"),
                         (*registrar_params, ("auth", "algorithm", algorithm),
                          ("registrar", "append_branches", 1)))


def ha1(algorithm, password=PASSWORD):
    name = {"MD5": "md5", "SHA-256": "sha256"}[algorithm]
    return hashlib.new(name, f"bob:example.test:{password}".encode()).hexdigest()


def add_line(site, target=None):
    options = {"target": target, "probe_interval": 0} if target else {}
    site.config.set('line "bob"', **options)


def wait_registered(site, state="registered"):
    site.wait_for(lambda: site.unix.get("/api/v1/lines").json["lines"][0]["state"] == state)


def proofs(kamailio):
    return [r["proof"] for r in kamailio.registers()]


@pytest.mark.parametrize("kind", ["plain", "ha1"])
@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_a_line_registers_by_itself_and_takes_calls(site, algorithm, kind):
    kamailio = start_kamailio(site, algorithm)
    secret = f"plain:{PASSWORD}" if kind == "plain" else f"ha1:{algorithm}:{ha1(algorithm)}"
    accounts.use(site, f"bob@example.test bob example.test {secret}\n", authentication="relay",
                 access_list=None)
    pbx = site.phone("pbx")
    add_line(site, f"sip:bob@{net.text(*pbx.address)}")
    site.start()
    wait_registered(site)
    assert proofs(kamailio) == ["<null>", "bob"]
    assert kamailio.registers()[-1]["aor"] == "bob"
    taking = site.sipp_device("uas", CALLS, pbx)
    calling = site.sipp_behind("uac", CALLS, "-r", 10)
    calling.succeed()
    taking.succeed()


def test_only_a_weaker_algorithm_is_asked_for(site):
    """An account with a SHA-256 hash is no answer to MD5: nobody can ask us down."""
    kamailio = start_kamailio(site)
    accounts.use(site, f"bob@example.test bob example.test ha1:SHA-256:{ha1('SHA-256')}\n")
    add_line(site)
    site.start()
    wait_registered(site, "failing")
    assert proofs(kamailio) == ["<null>"]
    assert "alarm upstream-challenges-us" in site.daemon.output()
    (line,) = site.unix.get("/api/v1/lines").json["lines"]
    assert line["last_error"] == {"code": "challenged", "status": 401}
    assert line["alarms"] == ["line-unregistered"]


def test_a_reload_takes_the_new_password(site):
    kamailio = start_kamailio(site)
    accounts.use(site, "@example.test, bob, *, plain:wrong\n", authentication="relay",
                 access_list=None)
    add_line(site)
    site.start()
    wait_registered(site, "failing")
    assert proofs(kamailio) == ["<null>", "bob"]
    # a file that others may read is refused, and what was stays
    accounts.write(site, f"@example.test, bob, *, plain:{PASSWORD}\n", 0o640)
    site.daemon.reload()
    assert "has mode 0640" in site.daemon.output()
    accounts.write(site, f"@example.test, bob, *, plain:{PASSWORD}\n")
    site.daemon.reload()
    wait_registered(site)
    assert proofs(kamailio)[-1] == "bob"


@pytest.mark.parametrize("mode", [0o604, 0o660, 0o601])
def test_a_file_that_others_may_use_is_refused(site, mode):
    accounts.use(site, f"@example.test, bob, *, plain:{PASSWORD}\n")
    os.chmod(site.path("accounts"), mode)
    path = site.path("t.conf")
    with open(path, "w", encoding="utf-8") as f:
        f.write(site.config.text())
    code, out, err = run_daemon("-t", "-c", path)
    assert code != 0 and f"has mode {mode:04o}" in out + err and PASSWORD not in out + err


def test_devices_stand_on_our_account(site):
    """Nobody challenges the phone; upstream's challenges are for us, the last device's leave
    included."""
    kamailio = start_kamailio(site)
    accounts.use(site, f"bob@example.test bob example.test plain:{PASSWORD}\n")
    site.start()
    phones = [site.registering("bob"), site.registering("bob")]
    for phone in phones:
        assert phone.register().status == 200
    assert len(kamailio.bindings("bob")) == 1
    assert proofs(kamailio) == ["<null>", "bob"] * 2
    for phone in phones:
        assert phone.register(expires=0).status == 200
    assert kamailio.bindings("bob") == {}
    assert proofs(kamailio) == ["<null>", "bob"] * 3


def test_a_stranger_gets_nothing_of_it(site):
    kamailio = start_kamailio(site)
    accounts.use(site, f"@example.test bob * plain:{PASSWORD}\n", authentication="relay",
                 access_list=None)
    add_line(site)
    site.start()
    wait_registered(site)
    (contact,) = kamailio.bindings("bob")
    stranger = site.registering("bob", password="guessed")
    assert stranger.register().status == 401
    assert stranger.remove_all().status == 401
    assert stranger.query().status == 401
    assert list(kamailio.bindings("bob")) == [contact]
    assert len(kamailio.registers()) == 2 + 3 * 2  # each was challenged, and answered by him alone
    own = site.registering("bob")
    assert own.register().status == 200


# ---------------------------------------------------------------- secrets

def holds(path, secrets):
    with open(path, "rb") as f:
        content = f.read()
    return [s for s in secrets if s.encode() in content]


def assert_kept(site, secrets):
    """In no file but its own, no answer of the API, not in what the system shows of the process."""
    pid = site.daemon.process.pid
    for folder, _, names in os.walk(site.directory):
        for name in names:
            path = os.path.join(folder, name)
            if name != "accounts" and os.path.isfile(path):
                assert not holds(path, secrets), path
    for name in ("cmdline", "environ", "comm"):
        assert not holds(f"/proc/{pid}/{name}", secrets)
    for path in ("/metrics", "/api/v1/status", "/api/v1/lines"):
        assert not any(s in site.unix.get(path).text for s in secrets), path


def test_the_password_is_seen_nowhere(site):
    kamailio = start_kamailio(site)
    wrong = "tell-nobody-4711"
    secrets = [wrong, PASSWORD.upper(), ha1("MD5"), ha1("MD5", wrong)]
    accounts.use(site, f'"bob@example.test" bob example.test plain:{wrong}\n')
    add_line(site)
    site.start()
    wait_registered(site, "failing")
    accounts.write(site, f"bob@example.test bob example.test ha1:MD5:{ha1('MD5')}\n")
    site.daemon.reload()
    wait_registered(site)
    accounts.write(site, f"bob@example.test bob plain:{wrong}\n")  # no realm: it is refused
    site.daemon.reload()
    assert "too few values" in site.daemon.output()
    assert_kept(site, secrets)
    assert proofs(kamailio)[-1] == "bob"
    site.daemon.signal(signal.SIGTERM)
    site.daemon.wait()
    site.wait_for(lambda: not site.daemon.is_running)
    for folder, _, names in os.walk(site.directory):
        for name in names:
            path = os.path.join(folder, name)
            assert name == "accounts" or not os.path.isfile(path) or not holds(path, secrets), path
