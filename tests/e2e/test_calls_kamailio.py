"""Whole calls with Kamailio as the registrar and proxy behind us: what it knows of a line is one
contact of ours for each device, or one for all of them."""
import pytest

from harness import net
from harness.dialog import Dialog
from harness.kamailio import registrar_modules, registrar_params

ROUTE = """
    if (is_method("REGISTER")) {
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
    if (has_totag()) {
        if (loose_route()) t_relay();
        else if (!is_method("ACK")) sl_send_reply("404", "Not Here");
        exit;
    }
    if (!is_method("INVITE|MESSAGE")) {
        sl_send_reply("405", "Not Allowed");
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


@pytest.fixture(params=["aor-throttle", "contact-throttle"])
def gateway(site, request):
    """A UA behind Kamailio; all is up."""
    site.judge_upstream()
    site.config.set('domain "example.test"', mode=request.param)
    gateway = site.phone("gateway", peer=site.core)
    site.kamailio(ROUTE.replace("GATEWAY", net.text(*gateway.address)), MODULES,
                  (*registrar_params, ("registrar", "append_branches", 1)))
    site.start()
    return gateway


def end(one, other, dialog):
    bye = one.send(dialog.request("BYE"))
    other.answer(other.expect("BYE"), 200)
    one.expect(200, of=bye)


def test_a_call_goes_from_phone_to_phone(site, gateway):
    alice = site.registering("alice")
    devices = [site.registering("bob"), site.registering("bob")]
    for phone in (alice, *devices):
        assert phone.register().status == 200
    invite = alice.send(alice.request("INVITE", "sip:bob@example.test"))
    there = [device.expect("INVITE") for device in devices]
    for device, request in zip(devices, there):
        assert len(request.all("Record-Route")) == 3
        device.answer(request, 180, to_tag=f"t{device.port}")
    alice.expect(180, of=invite)
    taker, other = devices
    accepted = taker.answer(there[0], 200, to_tag=f"t{taker.port}",
                            fields=[("Contact", f"<{taker.contact}>")])
    answer = alice.expect(200, of=invite)
    cancel = other.expect("CANCEL")
    other.answer(cancel, 200)
    other.answer(there[1], 487, to_tag=f"t{other.port}")
    other.expect("ACK")
    alice.ack(invite, answer)
    assert taker.expect("ACK").uri == taker.contact
    caller, called = Dialog.of_caller(alice, invite, answer), Dialog.of_called(taker, there[0], accepted)
    for one, target, dialog in ((alice, taker, caller), (taker, alice, called)):
        update = one.send(dialog.request("UPDATE"))
        target.answer(target.expect("UPDATE"), 200)
        one.expect(200, of=update)
        end(one, target, dialog)


def test_a_phone_that_calls_its_own_line_does_not_ring(site, gateway):
    """Kamailio is a proxy: what it sends back says whose call it is."""
    desk, mobile = site.registering("bob"), site.registering("bob")
    for phone in (desk, mobile):
        assert phone.register().status == 200
    invite = desk.send(desk.request("INVITE", "sip:bob@example.test"))
    there = mobile.expect("INVITE")
    accepted = mobile.answer(there, 200, to_tag="t1", fields=[("Contact", f"<{mobile.contact}>")])
    answer = desk.expect(200, of=invite)
    desk.ack(invite, answer)
    mobile.expect("ACK")
    end(mobile, desk, Dialog.of_called(mobile, there, accepted))
    assert site.unix.metrics()["call_own_devices_total"] == 1
    # alone: nobody is there
    assert mobile.register(expires=0).status == 200
    invite = desk.send(desk.request("INVITE", "sip:bob@example.test"))
    desk.ack(invite, desk.expect(480, of=invite))
    assert site.unix.metrics()["call_own_devices_total"] == 2
    desk.expect_nothing(0.1)


def test_real_phones_call_each_other(site, gateway):
    carol, desk, mobile = (site.baresip(name, "secret-" + name)
                           for name in ("carol", "bob", "bob"))
    for phone in (carol, desk, mobile):
        phone.wait_output("200 OK")
        phone.connect()  # it tells of events only then
    assert carol.command("dial", "sip:bob@example.test")["ok"]
    for phone in (desk, mobile):
        phone.wait_event("CALL_INCOMING")
    carol.wait_event("CALL_RINGING")
    assert desk.command("accept")["ok"]
    for phone in (carol, desk):
        phone.wait_event("CALL_ESTABLISHED")
    mobile.wait_event("CALL_CLOSED")
    desk.command("hangup")
    carol.wait_event("CALL_CLOSED")


def test_a_real_phone_calls_the_gateway(site, gateway):
    carol = site.baresip("carol", "secret-carol")
    carol.wait_output("200 OK")
    assert carol.command("dial", "sip:gateway@example.test")["ok"]
    there = gateway.expect("INVITE")
    gateway.answer(there, 180)
    carol.wait_event("CALL_RINGING")
    accepted = gateway.answer(there, 200, body=there.body, fields=[
        ("Contact", f"<{gateway.contact}>"), ("Content-Type", "application/sdp")])
    gateway.expect("ACK")
    carol.wait_event("CALL_ESTABLISHED")
    bye = gateway.send(Dialog.of_called(gateway, there, accepted).request("BYE"))
    gateway.expect(200, of=bye)
    carol.wait_event("CALL_CLOSED")
