"""Registering through us at Kamailio, which judges every phone by digest."""
import pytest

from harness.kamailio import REGISTRAR, registrar_modules, registrar_params
from harness.phone import contacts

@pytest.fixture(autouse=True)
def judged(site):
    site.judge_upstream()


MODES = ["mirror", "contact-throttle", "aor-throttle"]


def begin(site, mode, **options):
    kamailio = site.kamailio(REGISTRAR, registrar_modules, registrar_params)
    site.config.set('domain "example.test"', mode=mode, **options)
    site.start()
    return kamailio


def assert_long(expires):
    assert 3590 <= expires <= 3600


@pytest.mark.parametrize("mode", MODES)
def test_a_challenge_is_relayed_and_its_answer_accepted(site, mode):
    kamailio, phone = begin(site, mode), site.registering("alice")
    first = phone.ask(phone.build_register(f"<{phone.contact}>", 60))
    assert first.status == 401 and 'realm="example.test"' in first.header("WWW-Authenticate")
    assert first.call_id == phone.call_id and first.cseq == "1 REGISTER"
    phone.challenge = first.header("WWW-Authenticate")
    answer = phone.register()
    assert answer.status == 200 and list(contacts(answer)) == [phone.contact]
    assert 30 <= contacts(answer)[phone.contact] <= 60
    assert [r["proof"] for r in kamailio.registers()] == ["<null>", "alice"]


@pytest.mark.parametrize("mode", MODES)
def test_a_wrong_password_registers_nobody(site, mode):
    kamailio, phone = begin(site, mode), site.registering("alice", password="wrong")
    assert phone.register().status == 401
    assert kamailio.bindings("alice") == {}
    phone.password = "secret-alice"
    assert phone.register().status == 200
    assert len(kamailio.bindings("alice")) == 1


@pytest.mark.parametrize("keeps_proof", [False, True])
@pytest.mark.parametrize("mode", ["contact-throttle", "aor-throttle"])
def test_refreshes_are_absorbed(site, mode, keeps_proof):
    kamailio = begin(site, mode)
    phone = site.registering("alice", keeps_proof=keeps_proof)
    assert phone.register().status == 200
    for _ in range(20):
        answer = phone.register()
        assert answer.status == 200 and list(contacts(answer)) == [phone.contact]
        assert 30 <= contacts(answer)[phone.contact] <= 60
    assert len(kamailio.registers()) == 2
    (expires,) = kamailio.bindings("alice").values()
    assert_long(expires)
    metrics = site.http.metrics()
    assert metrics['register_decisions_total{reason="licensed-source"}'] == 20
    assert metrics['registers_total{direction="in"}'] == 22
    assert metrics['registers_total{direction="out"}'] == 2


def test_mirror_relays_each(site):
    kamailio = begin(site, "mirror")
    phone = site.registering("alice", keeps_proof=True)
    for _ in range(6):
        assert phone.register().status == 200
    assert len(kamailio.registers()) == 7  # the first one was challenged
    assert {r["id"] for r in kamailio.registers()} == {phone.call_id}
    (expires,) = kamailio.bindings("alice").values()
    assert 50 <= expires <= 60
    assert phone.register(expires=0).status == 200
    assert kamailio.bindings("alice") == {}


def test_two_devices_share_one_contact_in_aor_throttle(site):
    kamailio = begin(site, "aor-throttle")
    desk, mobile = site.registering("alice"), site.registering("alice")
    assert desk.register().status == 200
    both = contacts(mobile.register())
    assert set(both) == {desk.contact, mobile.contact}
    ((contact, expires),) = kamailio.bindings("alice").items()
    assert_long(expires)
    assert ";bw=" in contact and contact.startswith("sip:alice@" + site.net.proxy)
    assert len({r["id"] for r in kamailio.registers()}) == 1
    for phone in (desk, mobile, desk, mobile):
        assert set(contacts(phone.register())) == {desk.contact, mobile.contact}
    assert len(kamailio.registers()) == 4


def test_two_devices_have_a_contact_each_in_contact_throttle(site):
    kamailio = begin(site, "contact-throttle")
    phones = [site.registering("alice"), site.registering("alice")]
    for phone in phones:
        assert phone.register().status == 200
    bindings = kamailio.bindings("alice")
    assert len(bindings) == 2 and all(";bw=" in contact for contact in bindings)
    for expires in bindings.values():
        assert_long(expires)
    for phone in phones:
        assert set(contacts(phone.register())) == {p.contact for p in phones}
    assert len(kamailio.registers()) == 4
    assert phones[0].register(expires=0).status == 200
    assert len(kamailio.bindings("alice")) == 1
    assert list(contacts(phones[1].register())) == [phones[1].contact]


def test_the_last_device_that_leaves_leaves_upstream_too(site):
    kamailio = begin(site, "aor-throttle")
    desk, mobile = site.registering("alice"), site.registering("alice")
    for phone in (desk, mobile):
        assert phone.register().status == 200
    before = len(kamailio.registers())
    assert list(contacts(desk.register(expires=0))) == [mobile.contact]
    assert len(kamailio.registers()) == before  # licensed, and another one stays
    answer = mobile.register(expires=0)
    assert answer.status == 200 and contacts(answer) == {}
    assert [r["expires"] for r in kamailio.registers()[before:]] == ["0", "0"]
    assert kamailio.bindings("alice") == {}
    assert mobile.register().status == 200 and len(kamailio.bindings("alice")) == 1


@pytest.mark.parametrize("mode", MODES)
def test_a_star_removes_all(site, mode):
    kamailio = begin(site, mode)
    desk, mobile = site.registering("alice"), site.registering("alice")
    for phone in (desk, mobile):
        assert phone.register().status == 200
    answer = mobile.remove_all()
    assert answer.status == 200 and contacts(answer) == {}
    assert not any("*" in r["contact"] for r in kamailio.registers())  # D59
    site.wait_for(lambda: kamailio.bindings("alice") == {})


def test_a_restarted_phone_must_prove_itself_once(site):
    kamailio, phone = begin(site, "aor-throttle"), site.registering("alice")
    for _ in range(3):
        phone.restart()
        assert phone.register().status == 200
        answer = phone.register()
        assert answer.status == 200 and list(contacts(answer)) == [phone.contact]
    assert len(kamailio.registers()) == 6
    assert len(kamailio.bindings("alice")) == 1


def test_an_account_that_upstream_refuses(site):
    """403 to a proof that is right, but another user's (D53)."""
    kamailio, phone = begin(site, "aor-throttle"), site.registering("alice")
    assert phone.register().status == 200
    thief = site.registering("bob")
    thief.name = "alice"
    thief.password = "secret-bob"
    assert thief.register().status in (401, 403)
    assert list(contacts(phone.register())) == [phone.contact]
    assert len(kamailio.bindings("alice")) == 1
