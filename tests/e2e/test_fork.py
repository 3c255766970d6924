"""Calls to a line with several devices, the registrar played by breakwater-sim and the caller by a
UA beside it."""
import re

import pytest

from harness import net, sip
from harness.dialog import Dialog

AOR = "sip:alice@example.test"


@pytest.fixture
def registrar(site):
    site.judge_upstream()
    site.trust_upstream_host()
    registrar = site.registrar()
    site.start()
    return registrar


@pytest.fixture
def line(site, registrar):
    """(caller, three devices of alice's)"""
    devices = [site.registering("alice", "pw") for _ in range(3)]
    for device in devices:
        assert device.register().status == 200
    return site.beside_upstream("caller"), devices


def token_contact(registrar):
    (contact,) = sip.uris(registrar.bindings("alice@example.test"))
    return contact


def ring_all(caller, devices, uri, **parts):
    """(INVITE, as it arrived at each)"""
    invite = caller.send(caller.request("INVITE", uri, body=b"v=0\r\n", **parts))
    there = [device.expect("INVITE") for device in devices]
    for device, request in zip(devices, there):
        device.answer(request, 180, to_tag="tag" + str(device.port))
    return invite, there


def be_cancelled(device, invite):
    """The CANCEL that it gets, its INVITE ended as it must be."""
    cancel = device.expect("CANCEL")
    assert cancel.branch == invite.branch
    device.answer(cancel, 200)
    device.answer(invite, 487, to_tag="tag" + str(device.port))
    device.expect("ACK")
    return cancel


@pytest.mark.parametrize("winner", [0, 1, 2])
@pytest.mark.parametrize("by", ["token", "AoR"])
def test_all_ring_and_the_first_answer_wins(site, registrar, line, by, winner):
    caller, devices = line
    uri = token_contact(registrar) if by == "token" else AOR
    invite, there = ring_all(caller, devices, uri)
    for device, request in zip(devices, there):
        assert request.uri == device.contact and request.body == b"v=0\r\n"
        assert len(request.all("Record-Route")) == 1 and caller.expect(180, of=invite)
    taker = devices[winner]
    accepted = taker.answer(there[winner], 200, to_tag="tag" + str(taker.port),
                            fields=[("Contact", f"<{taker.contact}>")])
    answer = caller.expect(200, of=invite)
    assert answer.to_tag == "tag" + str(taker.port)
    for device, request in zip(devices, there):
        if device is not taker:
            assert "cause=200" in be_cancelled(device, request).header("Reason")
    caller.ack(invite, answer)
    ack = taker.expect("ACK")
    assert ack.uri == taker.contact and not ack.all("Route")
    end(caller, taker, Dialog.of_caller(caller, invite, answer))
    back = Dialog.of_called(taker, there[winner], accepted)
    assert back.target == caller.contact
    end(taker, caller, back)
    for ua in (caller, *devices):
        ua.expect_nothing(0.05)


def end(one, other, dialog):
    """A BYE from one to the other; the test's UAs do not mind a second one."""
    bye = one.send(dialog.request("BYE"))
    there = other.expect("BYE")
    assert there.uri == dialog.target and not there.all("Route")
    other.answer(there, 200)
    one.expect(200, of=bye)


def test_nobody_answers_and_the_caller_gives_up(line):
    caller, devices = line
    invite, there = ring_all(caller, devices, AOR)
    for _ in devices:
        caller.expect(180)
    cancel = caller.follow(invite, "CANCEL")
    caller.send(cancel.with_line("Content-Length", "Reason: SIP;cause=487\r\nContent-Length"))
    for device, request in zip(devices, there):
        be_cancelled(device, request)
    assert caller.expect(200).method == "CANCEL"
    caller.ack(invite, caller.expect(487))


def refuse(device, request, status):
    device.answer(request, status, to_tag="tag" + str(device.port))
    device.expect("ACK")


@pytest.mark.parametrize("statuses, best", [([486, 480, 404], {486, 480, 404}),
                                            ([486, 302, 503], {302}), ([401, 486, 404], {401}),
                                            ([503, 503, 503], {500})])
def test_all_refuse_and_the_best_goes_back(line, statuses, best):
    caller, devices = line
    invite, there = ring_all(caller, devices, AOR)
    for device, request, status in zip(devices, there, statuses):
        refuse(device, request, status)
    while True:
        answer = caller.next_new(15)
        if answer.status >= 200:
            break
    assert answer.status in best
    caller.ack(invite, answer)


def test_a_decline_of_one_silences_all(line):
    caller, devices = line
    invite, there = ring_all(caller, devices, AOR)
    refuse(devices[1], there[1], 603)
    for i in (0, 2):
        be_cancelled(devices[i], there[i])
    for _ in devices:
        caller.expect(180)
    caller.ack(invite, caller.expect(603))


def test_a_removed_device_rings_no_more(site, line):
    caller, devices = line
    assert devices[2].register(expires=0).status == 200
    invite, there = ring_all(caller, devices[:2], AOR)
    caller.expect(180)
    caller.expect(180)
    devices[0].answer(there[0], 200, fields=[("Contact", f"<{devices[0].contact}>")])
    be_cancelled(devices[1], there[1])
    caller.ack(invite, caller.expect(200, of=invite))
    devices[0].expect("ACK")
    devices[2].expect_nothing(0.05)


@pytest.mark.parametrize("uri", ["sip:nobody@example.test", "sip:alice@192.0.2.9;bw=abc"])
def test_lines_that_are_not_there(line, uri):
    caller, devices = line
    answer = caller.ask(caller.request("INVITE", uri))
    assert answer.status == 404
    for device in devices:
        device.expect_nothing(0.05)


def test_a_dialog_outlives_a_restart(site, line):
    """Its route is signed with a key that is kept; nothing else is remembered (D70)."""
    caller, devices = line
    invite, there = ring_all(caller, devices, AOR)
    taker = devices[0]
    for _ in devices:
        caller.expect(180)
    accepted = taker.answer(there[0], 200, to_tag="x", fields=[("Contact", f"<{taker.contact}>")])
    for i in (1, 2):
        be_cancelled(devices[i], there[i])
    answer = caller.expect(200, of=invite)
    caller.ack(invite, answer)
    taker.expect("ACK")
    site.restart()
    end(caller, taker, Dialog.of_caller(caller, invite, answer))
    end(taker, caller, Dialog.of_called(taker, there[0], accepted))


def test_a_registered_phone_calls_out(site):
    """From the phone by its flow; the upstream ends the call by the route."""
    site.judge_upstream()
    upstream = site.upstream()
    site.start()
    phone = site.registering("alice")
    request = phone.send(phone.build_register(f"<{phone.contact}>", 60))
    there = upstream.expect("REGISTER")
    upstream.answer(there, 200, fields=[("Contact", there.header("Contact") + ";expires=3600"),
                                        ("Service-Route", f"<sip:{net.text(*site.core)};lr>")])
    phone.expect(200, of=request)
    invite = phone.send(phone.request("INVITE", "sip:+31201234567@example.test"))
    there = upstream.expect("INVITE")
    assert there.uri == invite.uri
    assert sip.uris(there.all("Route")) == [f"sip:{net.text(*site.core)};lr"]
    (route,) = sip.uris(there.all("Record-Route"))
    assert re.fullmatch(rf"sip:rrd[0-9a-v]+@{re.escape(net.text(*site.access))};lr", route)
    accepted = upstream.answer(there, 200, fields=[("Contact", f"<{upstream.contact}>")])
    answer = phone.expect(200, of=invite)
    phone.ack(invite, answer)
    upstream.expect("ACK")
    end(upstream, phone, Dialog.of_called(upstream, there, accepted))
    end(phone, upstream, Dialog.of_caller(phone, invite, answer))
