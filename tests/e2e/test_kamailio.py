"""Kamailio behind us: what we send on is sane by its judgement, and what it says comes back."""
import pytest

from harness.digest import register
from harness.kamailio import REGISTRAR, registrar_modules, registrar_params

SANE = """
    if (!sanity_check("17895", "7")) {
        xlog("insane: $rm from $si\\n");
        exit;
    }
    if (is_method("OPTIONS|MESSAGE|PUBLISH")) {
        append_to_reply("X-Seen: $rm $hdrc(Via) $hdr(Max-Forwards)\\r\\n");
        sl_send_reply("200", "Kamailio's OK");
        exit;
    }
    if (is_method("REGISTER")) {
        append_to_reply("Contact: $ct\\r\\n");
        sl_send_reply("200", "OK");
        exit;
    }
    if (!is_method("ACK")) sl_send_reply("486", "Busy Here");
"""


@pytest.mark.parametrize("method", ["OPTIONS", "MESSAGE", "PUBLISH"])
def test_what_arrives_is_sane(site, method):
    site.kamailio(SANE)
    site.start()
    phone = site.phone()
    answer = phone.ask(phone.request(method, "sip:bob@example.test", body=b"hello"))
    assert (answer.status, answer.reason) == (200, "Kamailio's OK")
    assert answer.header("X-Seen") == f"{method} 2 69"


def test_a_register_is_answered(site):
    site.kamailio(SANE)
    site.start()
    phone = site.phone()
    answer = phone.ask(phone.request("REGISTER"))
    assert answer.status == 200
    assert answer.all("Contact")[0].startswith(f"<{phone.contact}>;expires=")


def test_a_call_is_refused_and_acknowledged(site):
    site.kamailio(SANE)
    site.start()
    phone = site.phone()
    invite = phone.request("INVITE", "sip:bob@example.test")
    answer = phone.ask(invite)
    assert answer.status == 486
    phone.ack(invite, answer)


def test_phones_register_with_digest(site):
    site.kamailio(REGISTRAR, registrar_modules, registrar_params)
    site.start()
    for name in ("alice", "bob"):
        phone = site.phone(name)
        answer = register(phone, "secret-" + name)
        assert answer.status == 200 and phone.contact in answer.header("Contact")
        assert register(phone, "wrong").status in (401, 403)
        gone = register(phone, "secret-" + name, expires=0)
        assert gone.status == 200 and not gone.header("Contact")
