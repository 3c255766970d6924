"""baresip registers through us at Kamailio. It refreshes without being told, un-REGISTERs without
credentials and expects a challenge then, and has a new Call-ID each time that it starts."""
import pytest

from harness.kamailio import REGISTRAR, registrar_modules, registrar_params

@pytest.fixture(autouse=True)
def judged(site):
    site.judge_upstream()


def begin(site, **options):
    """Short registrations, so that there is something to see."""
    kamailio = site.kamailio(REGISTRAR, registrar_modules, registrar_params)
    site.config.set('domain "example.test"', min_expires=1, max_expires=3, default_expires=3,
                    **options)
    site.start()
    return kamailio


def decisions(site, reason):
    return site.http.metrics()[f'register_decisions_total{{reason="{reason}"}}']


@pytest.mark.parametrize("account", ["", ";sipnat=outbound", ";regq=0.5"],
                         ids=["plain", "outbound", "q"])
def test_it_registers_refreshes_and_leaves(site, account):
    kamailio = begin(site)
    phone = site.plain_baresip("alice", account)
    phone.wait_output("200 OK")
    site.wait_for(lambda: decisions(site, "licensed-source") >= 1)
    assert len(kamailio.registers()) == 2
    ((contact, expires),) = kamailio.bindings("alice").items()
    assert ";bw=" in contact and expires > 3500
    assert phone.end()
    leaving = kamailio.registers()[2:]
    assert [r["expires"] for r in leaving] == ["0", "0"] and leaving[-1]["proof"] == "alice"
    assert kamailio.bindings("alice") == {}


def test_it_comes_back_with_another_call_id(site):
    kamailio = begin(site)
    for _ in range(3):
        phone = site.plain_baresip("alice")
        phone.wait_output("200 OK")
        phone.kill()  # without a word
    site.wait_for(lambda: len(kamailio.registers()) == 6)
    assert len(kamailio.bindings("alice")) == 1
    phone = site.plain_baresip("alice")
    phone.wait_output("200 OK")
    site.wait_for(lambda: decisions(site, "licensed-source") >= 1)
    assert len(kamailio.registers()) == 8


def test_two_of_one_line(site):
    kamailio = begin(site)
    desk, mobile = site.plain_baresip("alice"), site.plain_baresip("alice")
    for phone in (desk, mobile):
        phone.wait_output("200 OK")
    site.wait_for(lambda: decisions(site, "licensed-source") >= 3)
    assert len(kamailio.bindings("alice")) == 1
    assert desk.end()
    assert len(kamailio.bindings("alice")) == 1
    assert mobile.end()
    assert kamailio.bindings("alice") == {}
