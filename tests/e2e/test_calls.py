"""Calls through the proxy: transactions, CANCEL, lost packets."""
import pytest

from harness import sip
from harness.dialog import Dialog

CALLEE = "sip:bob@example.test"


@pytest.fixture
def call(site):
    """(phone, upstream, INVITE, as it arrived)"""
    upstream, phone = site.upstream(), site.phone()
    site.start()
    invite = phone.send(phone.request("INVITE", CALLEE, body=b"v=0\r\n"))
    return phone, upstream, invite, upstream.expect("INVITE")


def test_a_call_from_ring_to_bye(call):
    phone, upstream, invite, there = call
    phone.expect(100)
    for status in (180, 183):
        upstream.answer(there, status, body=b"early")
        assert phone.expect(status, of=invite).body == b"early"
    upstream.answer(there, 200, fields=[("Contact", f"<{upstream.contact}>")])
    answer = phone.expect(200)
    phone.ack(invite, answer)
    ack = upstream.expect("ACK")
    assert ack.branch != there.branch and ack.to_tag == answer.to_tag
    bye = phone.send(Dialog.of_caller(phone, invite, answer).request("BYE"))
    upstream.answer(upstream.expect("BYE"), 200)
    phone.expect(200, of=bye)


@pytest.mark.parametrize("status", [302, 404, 407, 486, 600])
def test_a_refusal_is_acknowledged_hop_by_hop(call, status):
    phone, upstream, invite, there = call
    upstream.answer(there, status, fields=[("Contact", "<sip:else@where.test>")])
    ack = upstream.expect("ACK")  # ours, not the phone's
    assert ack.branch == there.branch and ack.to_tag
    refusal = phone.expect(status)
    assert refusal.header("Contact") == "<sip:else@where.test>"
    phone.ack(invite, refusal)
    upstream.expect_nothing()


def test_a_503_of_the_upstream_is_no_503_of_ours(call):
    phone, upstream, invite, there = call
    upstream.answer(there, 503, fields=[("Retry-After", "3600")])
    upstream.expect("ACK")
    refusal = phone.expect(500)
    assert not refusal.header("Retry-After")
    phone.ack(invite, refusal)


def test_cancel(call):
    phone, upstream, invite, there = call
    upstream.answer(there, 180)
    phone.expect(180)
    phone.send(phone.follow(invite, "CANCEL"))
    assert phone.expect(200).method == "CANCEL"
    cancel = upstream.expect("CANCEL")
    assert cancel.branch == there.branch and cancel.uri == there.uri
    assert len(cancel.all("Via")) == 1
    upstream.answer(cancel, 200)
    upstream.answer(there, 487)
    upstream.expect("ACK")
    phone.ack(invite, phone.expect(487))


def test_a_cancel_waits_for_the_first_provisional_answer(call):
    phone, upstream, invite, there = call
    phone.send(phone.follow(invite, "CANCEL"))
    assert phone.expect(200).method == "CANCEL"
    upstream.expect_nothing(0.2)
    upstream.answer(there, 100)
    upstream.answer(upstream.expect("CANCEL"), 200)
    upstream.answer(there, 487)
    phone.ack(invite, phone.expect(487))


def test_a_cancel_that_crosses_the_answer_changes_nothing(call):
    phone, upstream, invite, there = call
    upstream.answer(there, 180)
    upstream.answer(there, 200)
    answer = phone.expect(200, of=invite)
    phone.send(phone.follow(invite, "CANCEL"))
    assert phone.expect(200).method == "CANCEL"
    phone.ack(invite, answer)
    upstream.expect("ACK")
    upstream.expect_nothing(0.2)


def test_a_cancel_for_no_call_gets_481(site):
    phone = site.phone()
    site.start()
    phone.send(phone.follow(phone.request("INVITE", CALLEE), "CANCEL"))
    phone.expect(481)


# ---------------------------------------------------------------- lost packets

def test_a_lost_invite_is_sent_again_by_the_proxy_alone(call):
    phone, upstream, invite, there = call
    again = upstream.expect("INVITE", again=True, timeout=5)  # the first one was lost, say
    assert again.raw == there.raw and again.at - there.at > 0.4
    phone.send(invite)  # the phone's own repeat goes no further
    upstream.answer(again, 100)
    upstream.expect_nothing(0.2)
    upstream.answer(there, 486)
    phone.ack(invite, phone.expect(486))


def test_a_repeat_gets_the_last_answer_again(call):
    phone, upstream, invite, there = call
    upstream.answer(there, 180)
    first = phone.expect(180)
    phone.send(invite)
    assert phone.expect(180, again=True).raw == first.raw
    upstream.expect_nothing(0.1)


def test_a_refusal_is_repeated_until_it_is_acknowledged(call):
    phone, upstream, invite, there = call
    upstream.answer(there, 486)
    first = phone.expect(486)
    second = phone.expect(486, again=True, timeout=5)  # as if the first had been lost
    assert second.raw == first.raw and second.at - first.at > 0.4
    phone.ack(invite, second)
    upstream.answer(there, 486)  # the upstream lost our ACK
    upstream.expect("ACK")
    assert upstream.expect("ACK", again=True)
    phone.expect_nothing(0.2)


def test_a_repeated_2xx_passes_each_time(call):
    """RFC 6026: the upstream repeats it until the phone's ACK has got through."""
    phone, upstream, invite, there = call
    for _ in range(3):
        upstream.answer(there, 200)
        phone.expect(200, again=True)
    phone.send(invite)  # the proxy absorbs it
    upstream.expect_nothing(0.2)


def test_a_second_2xx_from_a_fork_passes_too(call):
    phone, upstream, invite, there = call
    upstream.answer(there, 200, to_tag="one")
    upstream.answer(there, 200, to_tag="two")
    assert {phone.expect(200).to_tag, phone.expect(200).to_tag} == {"one", "two"}


def test_a_lost_request_and_a_lost_answer(site):
    upstream, phone = site.upstream(), site.phone()
    site.start()
    request = phone.send(phone.request("MESSAGE", CALLEE))
    first = upstream.expect("MESSAGE")
    second = upstream.expect("MESSAGE", again=True, timeout=5)  # nobody answered
    assert second.raw == first.raw
    upstream.answer(second, 200)
    answer = phone.expect(200)
    for _ in range(2):  # and the answer got lost behind us
        phone.send(request)
        assert phone.expect(200, again=True).raw == answer.raw
    upstream.expect_nothing(0.2)


def test_a_response_to_nothing_of_ours_is_dropped(call):
    phone, upstream, invite, there = call
    strange = sip.response(there, 200).with_line(there.branch, "z9hG4bKnothing")
    upstream.send(strange, to=there.source)
    upstream.answer(there, 486)
    refusal = phone.expect(486, of=invite)
    phone.ack(invite, refusal)


def test_a_client_of_rfc_2543_is_served(site):
    """No cookie in the branch, no branch at all."""
    upstream, phone = site.upstream(), site.phone()
    site.start()
    old = f"SIP/2.0/UDP {phone.host}:{phone.port}"
    invite = phone.send(phone.request("INVITE", CALLEE, via=old))
    there = upstream.expect("INVITE")
    phone.send(invite)
    upstream.expect_nothing(0.1)
    upstream.answer(there, 180)
    phone.expect(180)
    phone.send(phone.follow(invite, "CANCEL"))
    upstream.answer(upstream.expect("CANCEL"), 200)
    upstream.answer(there, 487)
    assert phone.expect(200).method == "CANCEL"
    refusal = phone.expect(487)
    phone.ack(invite, refusal)
    assert phone.receive(0.7) is None  # the ACK has been understood
