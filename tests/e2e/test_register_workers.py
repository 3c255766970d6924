"""Several workers: a REGISTER is absorbed by whichever receives it, and decided once where it is
not."""
import pytest

from harness.phone import contacts

@pytest.fixture(autouse=True)
def judged(site):
    site.judge_upstream()


@pytest.fixture
def registrar(site):
    site.set_workers(2)
    registrar = site.registrar("--password", "pw")
    site.start()
    return registrar


def test_every_worker_absorbs(site, registrar):
    phones = [site.registering(f"user{i}", "pw") for i in range(40)]
    for phone in phones:
        assert phone.register().status == 200
    assert registrar.count() == 80
    handed_over = site.http.metrics()["packets_handed_over_total"]
    assert handed_over > 0
    for _ in range(5):
        for phone in phones:
            assert list(contacts(phone.register())) == [phone.contact]
    assert registrar.count() == 80
    metrics = site.http.metrics()
    assert metrics['register_decisions_total{reason="licensed-source"}'] == 200
    assert metrics["packets_handed_over_total"] == handed_over  # no refresh crosses


def answers(phones, requests):
    return [phone.ask(request) for phone, request in zip(phones, requests)]


@pytest.mark.parametrize("mode", ["aor-throttle", "contact-throttle"])
def test_two_devices_of_one_line_at_the_same_time(site, mode):
    site.set_workers(2)
    site.config.set('domain "example.test"', mode=mode)
    registrar = site.registrar("--password", "pw", "--answer-delay", "20")
    site.start()
    for i in range(10):
        phones = [site.registering(f"user{i}", "pw") for _ in range(2)]
        for _ in range(2):
            requests = [p.send(p.build_register(f"<{p.contact}>", 60)) for p in phones]
            for phone, answer in zip(phones, answers(phones, requests)):
                assert answer.status in (200, 401)
                phone.challenge = answer.header("WWW-Authenticate")
        for phone in phones:
            phone.challenge = None
            assert set(contacts(phone.register())) == {p.contact for p in phones}
        n = 1 if mode == "aor-throttle" else 2
        assert len(registrar.bindings(f"user{i}@example.test")) == n
    assert registrar.count() == 40  # each its own challenge and its own proof


def test_five_devices_at_once_and_a_retransmission_of_each(site):
    """D60: one in flight, four wait, each goes on its own proof; none is lost."""
    site.set_workers(2)
    registrar = site.registrar("--challenge", "never", "--answer-delay", "50")
    site.start()
    phones = [site.registering("alice") for _ in range(5)]
    requests = [p.build_register(f"<{p.contact}>", 60) for p in phones]
    for _ in range(2):
        for phone, request in zip(phones, requests):
            phone.send(request)
    for answer in answers(phones, requests):
        assert answer.status == 200
    assert registrar.count() == 5
    assert len(registrar.bindings("alice@example.test")) == 1
    assert set(contacts(phones[0].query())) == {p.contact for p in phones}


def test_the_sixth_is_told_to_come_later(site):
    site.set_workers(2)
    upstream = site.upstream()
    site.start()
    phones = [site.registering("alice") for _ in range(6)]
    for phone in phones:
        phone.send(phone.build_register(f"<{phone.contact}>", 60))
    waiting = [p.receive(1.0) for p in phones]
    refused = [m for m in waiting if m and m.status == 503]
    assert len(refused) == 1 and 5 <= int(refused[0].header("Retry-After")) <= 35
    upstream.answer(upstream.expect("REGISTER"), 403)
    for _ in range(4):
        upstream.answer(upstream.expect("REGISTER"), 403)


def test_a_line_s_refreshes_from_many_sockets_are_its_own_affair(site, registrar):
    """One Call-ID from another port is another source, whichever worker gets it."""
    host = site.net.phone()
    owner = site.registering("alice", "pw", host=host)
    assert owner.register().status == 200
    for _ in range(12):
        other = site.registering("alice", host=host, password="wrong")
        other.call_id, other.cseq = owner.call_id, 100
        answer = other.ask(other.build_register(f"<{owner.contact}>", 60))
        assert answer.status == 401 and not answer.all("Contact")
    assert list(contacts(owner.register())) == [owner.contact]


def test_calls_and_registers_with_the_same_call_id_do_not_meet(site, registrar):
    phone = site.registering("alice", "pw")
    assert phone.register().status == 200
    request = phone.request("OPTIONS", "sip:example.test", call_id=phone.call_id, cseq=phone.cseq + 1)
    assert phone.ask(request).status == 200
    assert phone.register().status == 200
    assert registrar.count() == 2
