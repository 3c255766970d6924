"""SIPp and baresip answer our own challenges; behind us a Kamailio that asks nobody."""
import pytest

from harness.credentials import HASHES, judge_here
from harness.kamailio import registrar_modules, registrar_params
from test_auth import ACCEPTING

USERS = 100

# Calls go to whoever is registered, and it tells what they show of who they are.
CALLS = ACCEPTING.split("    if (is_method(\"MESSAGE\"))", maxsplit=1)[0] + """
    if (is_method("CANCEL")) {
        if (t_check_trans()) t_relay();
        exit;
    }
    if (has_totag()) {
        if (loose_route()) t_relay();
        else if (!is_method("ACK")) sl_send_reply("404", "Not Here");
        exit;
    }
    if (is_method("INVITE")) xlog("got INVITE proof=$hdr(Proxy-Authorization)\\n");
    record_route();
    if (!lookup("location")) {
        sl_send_reply("404", "Not Found");
        exit;
    }
    t_relay();
"""


def users_file(site):
    path = site.path("users.csv")
    with open(path, "w", encoding="ascii") as f:
        f.write("SEQUENTIAL\n")
        for i in range(1, USERS + 1):
            f.write(f"u{i};[authentication username=u{i} password=secret-u{i}]\n")
    return path


def passwords():
    return {f"u{i}": f"secret-u{i}" for i in range(1, USERS + 1)}


@pytest.mark.parametrize("workers", [1, 2])
def test_sipp_registers(site, workers):
    """SIPp knows MD5 only."""
    kamailio = site.kamailio(ACCEPTING, registrar_modules, registrar_params)
    judge_here(site, passwords())
    site.config.set("log", level="info")
    site.set_workers(workers)
    site.start()
    site.sipp_client("register", USERS, "-r", 100, "-inf", users_file(site)).succeed()
    metrics = site.http.metrics()
    assert metrics['register_decisions_total{reason="accepted"}'] == USERS
    assert metrics['register_decisions_total{reason="licensed-source"}'] == 2 * USERS
    assert metrics["authentications_total"] == USERS
    assert metrics['registers_total{direction="out"}'] == USERS
    assert {r["proof"] for r in kamailio.registers()} == {"<null>"}
    for name in ("u1", f"u{USERS}"):
        assert len(kamailio.bindings(name)) == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_sipp_calls(site, workers):
    """From phones that are not registered: their password is enough."""
    site.config.set("log", level="info")
    judge_here(site, passwords())
    site.set_workers(workers)
    site.sipp_server("uas", USERS)
    site.start()
    site.sipp_client("uac_auth", USERS, "-r", 50, "-inf", users_file(site)).succeed()
    metrics = site.http.metrics()
    assert metrics["authentications_total"] == USERS
    assert metrics['requests_refused_total{reason="challenged"}'] >= USERS


@pytest.mark.parametrize("hashes, options", [(("MD5",), {}), (HASHES, {"algorithms": "MD5"})],
                         ids=["file", "option"])
def test_baresip_registers_refreshes_and_calls(site, hashes, options):
    """Its first version gives up where a challenge is for SHA-256, though another is for MD5: so
    none must come, because there are no such lines, or because the domain says so."""
    users = {"carol": "secret-carol", "bob": "secret-bob"}
    kamailio = site.kamailio(CALLS, (*registrar_modules, "tm", "rr"),
                             (*registrar_params, ("registrar", "append_branches", 1)))
    judge_here(site, users, hashes, min_expires=1, max_expires=3, default_expires=3, **options)
    site.start()
    phones = [site.baresip(name, password) for name, password in users.items()]
    for phone in phones:
        phone.wait_output("} 200 OK")
        phone.connect()
    caller, called = phones
    site.wait_for(lambda: site.http.metrics()[
        'register_decisions_total{reason="licensed-source"}'] >= 2)
    assert len(kamailio.registers()) == 2
    assert caller.command("dial", "sip:bob@example.test")["ok"]
    called.wait_event("CALL_INCOMING")
    assert called.command("accept")["ok"]
    for phone in phones:
        phone.wait_event("CALL_ESTABLISHED")
    caller.command("hangup")
    called.wait_event("CALL_CLOSED")
    assert kamailio.output().count("got INVITE proof=<null>") == 1
    assert "got INVITE proof=Digest" not in kamailio.output()


def test_baresip_with_a_wrong_password(site):
    kamailio = site.kamailio(ACCEPTING, registrar_modules, registrar_params)
    judge_here(site, {"alice": "another"})
    site.start()
    phone = site.plain_baresip("alice")
    site.wait_for(lambda: site.http.metrics()[
        'authentications_failed_total{reason="wrong-password"}'] >= 1)
    assert kamailio.registers() == [] and "200 OK" not in phone.output()


def test_another_host_has_no_part_in_it(site):
    """Two phones of one line behind different addresses, each with its own answer."""
    site.kamailio(ACCEPTING, registrar_modules, registrar_params)
    judge_here(site, {"alice": "secret-alice"})
    site.start()
    for host in (site.net.phone(), site.net.phone()):
        site.plain_baresip("alice", host=host).wait_output("200 OK")
    assert site.http.metrics()["authentications_total"] == 2
