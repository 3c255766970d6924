"""baresip through the proxy: a phone that people use."""
import pytest

from harness.kamailio import REGISTRAR, registrar_modules, registrar_params


@pytest.fixture
def registered(site):
    """At a Kamailio that asks for digest."""
    site.kamailio(REGISTRAR, registrar_modules, registrar_params)
    site.start()
    phone = site.baresip("alice", "secret-alice")
    phone.wait_output("200 OK")
    return phone


def test_it_registers_and_unregisters(registered):
    assert registered.end()
    assert registered.process.returncode == 0


def test_it_registers_and_its_call_is_refused(registered):
    assert registered.command("dial", "sip:nobody@example.test")["ok"]
    assert "404" in registered.wait_event("CALL_CLOSED")["param"]


def test_a_wrong_password_is_told(site):
    site.kamailio(REGISTRAR, registrar_modules, registrar_params)
    site.start()
    phone = site.baresip("alice", "wrong")
    phone.wait_output("401 Unauthorized")


def test_it_gives_up_a_call_that_rings(site):
    upstream = site.upstream()
    site.start()
    phone = site.baresip("alice", "secret", options=["regint=0"])
    assert phone.command("dial", "sip:bob@example.test")["ok"]
    there = upstream.expect("INVITE")
    upstream.answer(there, 180)
    phone.wait_event("CALL_RINGING")
    phone.command("hangup")
    upstream.answer(upstream.expect("CANCEL"), 200)
    upstream.answer(there, 487)
    upstream.expect("ACK")
