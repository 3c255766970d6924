"""Where calls may go and how many: numbers, emergency numbers, and the limits of a line, with the
daemon's workers sharing what is counted."""
import pytest

from harness.dialog import Dialog

OFFICE = {"destinations": {"allow": ["+31", "0"], "deny": ["+31900", "00"], "emergency": ["112"]}}


def start(site, workers=1, **options):
    """alice, registered, and the upstream; all is up."""
    site.set_workers(workers)
    site.judge_upstream()
    site.config.set('domain "example.test"', mode="mirror", **options)
    upstream, alice = site.upstream(), site.registering("alice")
    site.start()
    register = alice.send(alice.build_register(f"<{alice.contact}>", 60))
    there = upstream.expect("REGISTER")
    upstream.answer(there, 200, fields=[("Contact", there.header("Contact")), ("Expires", "60")])
    alice.expect(200, of=register)
    return upstream, alice


def invite(alice, number):
    return alice.send(alice.request("INVITE", f"sip:{number}@example.test"))


def refused(alice, request):
    answer = alice.expect(403, of=request)
    alice.ack(request, answer)
    assert answer.header("Warning").startswith('399 breakwater "')
    return answer.reason


def take(upstream, alice, request):
    """The call is up; the dialogs of both."""
    there = upstream.expect("INVITE")
    accepted = upstream.answer(there, 200, to_tag=f"t{there.call_id}",
                               fields=[("Contact", f"<{upstream.contact}>")])
    answer = alice.expect(200, of=request)
    alice.ack(request, answer)
    upstream.expect("ACK")
    return Dialog.of_caller(alice, request, answer), Dialog.of_called(upstream, there, accepted)


def end(one, other, dialog):
    bye = one.send(dialog.request("BYE"))
    other.answer(other.expect("BYE"), 200)
    one.expect(200, of=bye)


@pytest.mark.parametrize("number", ["+88212345", "+31900123", "0088212345", "%2B31-900.1", "118"])
def test_forbidden_numbers_are_refused(site, number):
    upstream, alice = start(site, **OFFICE)
    assert refused(alice, invite(alice, number)) == "Destination Not Allowed"
    upstream.expect_nothing()
    assert site.unix.metrics()['requests_refused_total{reason="destination"}'] == 1


@pytest.mark.parametrize("number", ["+31201234567", "0201234567", "carol", "112"])
def test_other_numbers_are_called(site, number):
    upstream, alice = start(site, **OFFICE)
    caller, _ = take(upstream, alice, invite(alice, number))
    end(alice, upstream, caller)
    assert site.unix.metrics()["emergency_requests_total"] == (number == "112")


@pytest.mark.parametrize("workers", [1, 4])
def test_a_line_has_so_many_calls(site, workers):
    upstream, alice = start(site, workers, max_calls=3)
    calls = [take(upstream, alice, invite(alice, "carol")) for _ in range(3)]
    for _ in range(8):
        assert refused(alice, invite(alice, "carol")) == "Too Many Calls"
    emergency, _ = take(upstream, alice, invite(alice, "112"))
    end(alice, upstream, emergency)
    assert site.unix.metrics()["limited_calls"] == 3
    end(alice, upstream, calls[0][0])
    end(upstream, alice, calls[1][1])
    again = [take(upstream, alice, invite(alice, "carol")) for _ in range(2)]
    assert refused(alice, invite(alice, "carol")) == "Too Many Calls"
    for caller, _ in (calls[2], *again):
        end(alice, upstream, caller)
    metrics = site.unix.metrics()
    assert metrics["limited_calls"] == 0
    assert metrics['requests_refused_total{reason="max-calls"}'] == 9


def test_a_line_begins_so_many_calls_in_a_second(site):
    upstream, alice = start(site, 4, calls_per_second=2)
    statuses = {}
    with upstream.serving(lambda request: [486] if request.method == "INVITE" else []):
        requests = {r.call_id: r for r in [invite(alice, "carol") for _ in range(12)]}
        while len(statuses) < len(requests):
            answer = alice.next_new(10)
            assert answer, statuses
            if answer.status >= 200:
                alice.ack(requests[answer.call_id], answer)
                statuses[answer.call_id] = answer.status
    assert set(statuses.values()) == {403, 486}
    assert 2 <= list(statuses.values()).count(486) <= 6  # a slow machine has more than one second
    metrics = site.unix.metrics()
    assert metrics['requests_refused_total{reason="calls-per-second"}'] == \
        list(statuses.values()).count(403)
