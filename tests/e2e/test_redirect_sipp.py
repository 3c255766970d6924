"""Redirects (D73): devices that say where else, and those who take the call there; SIPp's books and
the daemon's agree."""
import pytest

from harness.books import Books
from harness.dialog import Dialog

CALLS, CALLS_PER_S = 200, 75


@pytest.fixture
def start(site):
    """Starts with these targets allowed; (bob's phone, carol's)."""
    def with_targets(*targets):
        site.judge_upstream()
        site.trust_upstream_host()
        site.config.set("log", level="info")
        site.config.set('domain "example.test"', max_expires=3600)
        if targets:
            site.config.set('domain "example.test"', redirects="follow", redirect_targets=targets)
        site.registrar()
        site.start()
        phones = [site.registering(name, "pw") for name in ("bob", "carol")]
        for phone in phones:
            assert phone.register(expires=3600).status == 200
        return phones
    return with_targets


def test_another_line_takes_the_calls(site, start):
    bob, carol = start("example.test")
    books = Books(site, "uac", [("redirecting", bob), ("uas", carol)], CALLS, CALLS_PER_S)
    books.check()
    redirecting, taking = books.called
    books.each_got([redirecting], "INVITE", "ACK")
    books.each_got([taking], "INVITE", "ACK", "BYE")
    assert books.sum(books.caller, "Recv", method="180") == 2 * CALLS
    assert books.metrics["redirects_followed_total"] == CALLS


@pytest.mark.parametrize("targets", [(), ("192.0.2.0/24", "test", "sub.example.test")])
def test_what_is_not_allowed_goes_back(site, start, targets):
    bob, _ = start(*targets)
    books = Books(site, "uac_redirected", [("redirecting", bob)], CALLS, CALLS_PER_S)
    books.check()
    books.each_got(books.called, "INVITE", "ACK")
    assert books.sum(books.caller, "Recv", method="302") == CALLS
    assert books.metrics["redirects_followed_total"] == 0
    refused = books.metrics['redirect_targets_refused_total{reason="not-allowed"}']
    assert refused == (CALLS if targets else 0)


def test_an_address_takes_the_call_and_the_dialog(site, start):
    host = site.phone().address[0]
    bob, carol = start(host)
    desk, caller = site.phone("desk", host=host), site.beside_upstream("caller")
    invite = caller.send(caller.request("INVITE", "sip:bob@example.test", body=b"v=0\r\n"))
    there = bob.expect("INVITE")
    bob.answer(there, 302, to_tag="gone", fields=[
        ("Contact", f"<sip:carol@example.test>, <{desk.contact}>;q=0.5;expires=60")])
    assert bob.expect("ACK").branch == there.branch
    moved = desk.expect("INVITE")
    assert moved.uri == desk.contact and not moved.all("Record-Route")
    assert moved.body == b"v=0\r\n" and moved.header("To") == invite.header("To")
    accepted = desk.answer(moved, 200, to_tag="desk", fields=[("Contact", f"<{desk.contact}>")])
    answer = caller.expect(200, of=invite)
    assert answer.header("Contact") == f"<{desk.contact}>"
    back = Dialog.of_called(desk, moved, accepted)
    assert back.target == caller.contact and not back.routes
    for ua in (bob, carol, desk, caller):
        ua.expect_nothing(0.05)
