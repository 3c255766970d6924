"""Two workers and more: who receives a packet is the kernel's choice, who handles it is not."""
import pytest

BOB = "sip:bob@example.test"


@pytest.fixture
def sockets(site):
    """(upstream, one phone's many sockets): as if a NAT gave each packet another port."""
    site.set_workers(2)
    upstream = site.upstream()
    site.start()
    host = site.net.phone()
    return upstream, [site.phone("alice", host=host) for _ in range(12)]


def test_cancel_and_ack_meet_their_invite_wherever_they_arrive(sockets):
    upstream, phones = sockets
    for i, phone in enumerate(phones):
        other, third = phones[i - 1], phones[i - 2]
        invite = phone.send(phone.request("INVITE", BOB))
        there = upstream.expect("INVITE")
        other.send(invite)  # a repeat from elsewhere goes no further
        upstream.answer(there, 180)
        phone.expect(180)
        other.send(phone.follow(invite, "CANCEL"))
        assert other.expect(200).method == "CANCEL"
        upstream.answer(upstream.expect("CANCEL"), 200)
        upstream.answer(there, 487)
        refusal = phone.expect(487)
        third.send(phone.follow(invite, "ACK", refusal.header("To")))
    assert phones[0].receive(0.7) is None  # no 487 is repeated: each ACK has been understood
    assert not [m for m in upstream.waiting if m.method == "INVITE"]


def test_answers_find_the_worker_that_asked(sockets, site):
    upstream, phones = sockets
    requests = [p.send(p.request("MESSAGE", BOB)) for p in phones for _ in range(5)]
    arrived = [upstream.expect("MESSAGE") for _ in requests]
    for there in reversed(arrived):
        upstream.answer(there, 202)
    for phone in phones:
        for _ in range(5):
            phone.expect(202)
    metrics = site.http.metrics()
    assert metrics["packets_handed_over_total"] > 0
    assert metrics['requests_forwarded_total'] == len(requests)


def test_one_source_with_many_calls_uses_all_workers(sockets, site):
    """By Call-ID, not by address."""
    upstream, phones = sockets
    with upstream.serving(lambda request: 200):
        for _ in range(40):
            assert phones[0].ask(phones[0].request("MESSAGE", BOB)).status == 200
    branches = {m.branch.split(".")[0] for _, _, target, m in site.ladder.steps
                if m.is_request and target == upstream.address}
    assert len(branches) >= 2
