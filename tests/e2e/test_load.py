"""Many calls at once, by SIPp; and that nothing is left of them."""
import time

import pytest

from harness import sip
from harness.site import Site

CALLS = 500
LINGER = 40.0  # seconds: the longest wait of an ended transaction is 32


@pytest.fixture(scope="session")
def loaded():
    """A daemon that has carried many calls; it lives on, so that what is left can be counted when
    the rest of the tests has run."""
    s = Site()
    s.config.set("log", level="info")
    s.start()
    called = s.sipp_server("uas", CALLS)
    caller = s.sipp_client("uac", CALLS, "-r", 100, "-l", CALLS)
    s.calls = (caller, called)
    caller.succeed()
    called.succeed()
    s.ended = time.monotonic()
    yield s
    problems = s.close()
    s.remove()
    assert not problems, "\n".join(problems)


@pytest.mark.xdist_group("load")  # one fixture of both
def test_many_calls_go_through(loaded):
    metrics = loaded.http.metrics()
    assert metrics["requests_forwarded_total"] == 3 * CALLS  # INVITE, ACK, BYE
    assert metrics['transactions_refused_total'] == 0
    assert metrics['transaction_timeouts_total{side="client"}'] == 0
    assert metrics['transaction_timeouts_total{side="server"}'] == 0


@pytest.mark.last
@pytest.mark.xdist_group("load")
def test_nothing_is_left_of_them(loaded):
    time.sleep(max(0.0, loaded.ended + LINGER - time.monotonic()))
    metrics = loaded.http.metrics()
    assert metrics['transactions{side="server"}'] == 0
    assert metrics['transactions{side="client"}'] == 0


def test_many_callers_give_up(site):
    upstream, ringing = site.upstream(), {}
    site.start()

    def answer(request):
        if request.method == "INVITE":
            ringing[request.branch] = request
            return 180
        return [200, sip.response(ringing[request.branch], 487)]

    with upstream.serving(answer):
        site.sipp_client("uac_cancel", 200, "-r", 100).succeed()


def test_many_transactions_meet_their_limit(site):
    """Beyond it: 503 with Retry-After; and what was begun goes on."""
    site.config.set("limits", max_transactions=100)
    site.config.set("", workers=1)
    upstream, phone = site.upstream(), site.phone()
    site.start()
    requests = [phone.send(phone.request("INVITE", "sip:bob@example.test")) for _ in range(80)]
    begun = [upstream.expect("INVITE") for _ in range(50)]  # each takes one on either side
    refused = [phone.expect(503) for _ in range(30)]
    assert all(1 <= int(m.header("Retry-After")) <= 10 for m in refused if m.header("Retry-After"))
    assert len({m.call_id for m in refused}) == 30
    for there in begun:
        upstream.answer(there, 200)
    for _ in begun:
        phone.expect(200)
    assert {m.call_id for m in begun} | {m.call_id for m in refused} == \
        {m.call_id for m in requests}
