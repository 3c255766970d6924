"""Who calls, as Kamailio sees it behind us: P-Asserted-Identity (RFC 3325), which it takes from a
trusted peer for what it says, and refuses a call without."""
import re

import pytest

from harness import net
from harness.dialog import Dialog
from harness.kamailio import registrar_modules, registrar_params

ROUTE = """
    if (is_method("REGISTER")) {
        xlog("REGISTER says $hdr(P-Asserted-Identity) $hdr(P-Preferred-Identity) end\n");
        if (!pv_www_authenticate("$td", "secret-$tU", "0")) {
            www_challenge("$td", "1");
            exit;
        }
        save("location");
        exit;
    }
    if (is_method("CANCEL")) {
        if (t_check_trans()) t_relay();
        exit;
    }
    xlog("$rm of $fU: asserted $ai, preferred <$pU>\n");
    if (has_totag()) {
        if (loose_route()) t_relay();
        else if (!is_method("ACK")) sl_send_reply("404", "Not Here");
        exit;
    }
    if ($ai == $null) {
        sl_send_reply("403", "Who Are You");
        exit;
    }
    record_route();
    if ($rU == "gateway") $du = "sip:GATEWAY";
    else if (!lookup("location")) {
        sl_send_reply("404", "Not Found");
        exit;
    }
    t_relay();
"""
MODULES = (*registrar_modules, "tm", "rr")
BOSS = "<sip:boss@example.test>"
CLAIMS = [("P-Asserted-Identity", BOSS), ("P-Preferred-Identity", BOSS), ("Remote-Party-ID", BOSS)]


def start(site, **options):
    """A UA behind Kamailio; all is up."""
    site.judge_upstream()
    site.config.set('domain "example.test"', mode="aor-throttle", **options)
    gateway = site.phone("gateway", peer=site.core)
    site.upstream_proxy = site.kamailio(ROUTE.replace("GATEWAY", net.text(*gateway.address)),
                                        MODULES, registrar_params)
    site.start()
    return gateway


def seen(site, method):
    """What Kamailio has logged of the requests of a method: (From's user, asserted, preferred)."""
    lines = re.findall(rf"{method} of (\S+): asserted (\S+), preferred <(\S*)>",
                       site.upstream_proxy.output())
    return [(user, asserted, preferred) for user, asserted, preferred in lines]


def test_a_real_phone_is_known_by_its_line(site):
    gateway = start(site)
    carol = site.baresip("carol", "secret-carol")
    carol.wait_output("200 OK")
    assert carol.command("dial", "sip:gateway@example.test")["ok"]
    there = gateway.expect("INVITE")
    assert there.all("P-Asserted-Identity") == ["<sip:carol@example.test>"]
    accepted = gateway.answer(there, 200, body=there.body, fields=[
        ("Contact", f"<{gateway.contact}>"), ("Content-Type", "application/sdp")])
    gateway.expect("ACK")
    carol.wait_event("CALL_ESTABLISHED")
    bye = gateway.send(Dialog.of_called(gateway, there, accepted).request("BYE"))
    gateway.expect(200, of=bye)
    carol.wait_event("CALL_CLOSED")
    assert seen(site, "INVITE") == [("carol", "sip:carol@example.test", "<null>")]


def test_nobody_is_somebody_else(site):
    gateway = start(site)
    alice = site.registering("alice")
    assert alice.register(fields=CLAIMS).status == 200
    assert set(re.findall(r"REGISTER says (\S+ \S+) end", site.upstream_proxy.output())) == {
        "<null> <null>"}
    invite = alice.send(alice.request("INVITE", "sip:gateway@example.test", fields=CLAIMS))
    there = gateway.expect("INVITE")
    assert there.all("P-Asserted-Identity") == ["<sip:alice@example.test>"]
    assert not there.all("P-Preferred-Identity") and not there.all("Remote-Party-ID")
    gateway.answer(there, 200, to_tag="g", fields=[("Contact", f"<{gateway.contact}>")])
    answer = alice.expect(200, of=invite)
    alice.ack(invite, answer)
    gateway.expect("ACK")
    bye = alice.send(Dialog.of_caller(alice, invite, answer).request("BYE", fields=CLAIMS))
    there = gateway.expect("BYE")
    assert not there.all("P-Asserted-Identity") and not there.all("Remote-Party-ID")
    gateway.answer(there, 200)
    alice.expect(200, of=bye)
    assert seen(site, "BYE") == [("alice", "<null>", "<null>")]
    metrics = site.unix.metrics()
    assert metrics["identities_asserted_total"] == 1


@pytest.mark.parametrize("privacy", ["none", "id"])
def test_who_hides_from_phones_is_known_upstream(site, privacy):
    start(site)
    alice, bob = site.registering("alice"), site.registering("bob")
    assert alice.register().status == 200 and bob.register().status == 200
    invite = alice.send(alice.request(
        "INVITE", "sip:bob@example.test", from_='"Anonymous" <sip:anonymous@anonymous.invalid>;tag=f',
        fields=[("P-Preferred-Identity", "<sip:alice@example.test>"), ("Privacy", privacy)]))
    there = bob.expect("INVITE")
    expected = [] if privacy == "id" else ["<sip:alice@example.test>"]
    assert there.all("P-Asserted-Identity") == expected
    assert there.header("Privacy") == privacy
    assert "anonymous@anonymous.invalid" in there.header("From")
    bob.answer(there, 486, to_tag="b")
    bob.expect("ACK")
    alice.ack(invite, alice.expect(486, of=invite))
    assert seen(site, "INVITE") == [("anonymous", "sip:alice@example.test", "<null>")]


def test_who_lies_is_refused(site):
    start(site, caller_id="check")
    alice = site.registering("alice")
    assert alice.register().status == 200
    invite = alice.send(alice.request("INVITE", "sip:gateway@example.test", fields=CLAIMS))
    refusal = alice.expect(403, of=invite)
    alice.ack(invite, refusal)
    assert refusal.header("Warning").startswith("399 ")
    assert seen(site, "INVITE") == []
