"""D83: REGISTERs and their answers beyond the 1300 bytes that any network carries in one piece, and
beyond what a datagram holds. (Other requests: test_forward.py.)"""
import pytest

from harness.capture import datagrams
from harness.kamailio import REGISTRAR, registrar_modules, registrar_params
from harness.phone import contacts

REQUESTS = 'large_datagrams_total{message="request"}'
RESPONSES = 'large_datagrams_total{message="response"}'


def pad(n):
    """Header lines of n bytes in all."""
    return [("X-Pad", "x" * (n - len("X-Pad: \r\n")))]


@pytest.fixture
def kamailio(site):
    """The upstream, that judges."""
    site.judge_upstream()
    k = site.kamailio(REGISTRAR, registrar_modules, registrar_params)
    site.config.set('domain "example.test"', max_contacts=40)
    site.start()
    return k


@pytest.mark.parametrize("size", [500, 1300, 2000, 9000, 60000])
def test_a_large_request_goes_to_the_registrar(site, kamailio, size):
    phone = site.registering("alice")
    answer = phone.register(fields=pad(size))
    assert answer.status == 200 and list(contacts(answer)) == [phone.contact]
    assert [r["proof"] for r in kamailio.registers()] == ["<null>", "alice"]
    metrics = site.http.metrics()
    assert metrics[REQUESTS] == (2 if size > 500 else 0)
    assert metrics[RESPONSES] == 0
    assert phone.register(fields=pad(size)).status == 200
    assert len(kamailio.registers()) == 2
    assert site.daemon.output().count("bytes to " + f"{site.core[0]}:{site.core[1]}") == (size > 500)


def test_a_large_answer_lists_all_devices(site, kamailio):
    """The usual large one: a line with many devices. With own-contact-only it stays small."""
    phones = [site.registering("alice") for _ in range(25)]
    for n, phone in enumerate(phones, 1):
        answer = phone.register(expires=300)
        assert answer.status == 200 and len(contacts(answer)) == n
    assert len(answer.raw) > 1300 and site.http.metrics()[RESPONSES] > 0
    assert contacts(phones[0].query()).keys() == {p.contact for p in phones}
    site.config.set('domain "example.test"', own_contact_only="yes")
    site.daemon.write(site.config)
    site.daemon.reload()
    answer = phones[3].register(expires=300)
    assert list(contacts(answer)) == [phones[3].contact] and len(answer.raw) < 1300


def test_a_line_that_no_datagram_holds(site, kamailio):
    """Each device hears of itself, and of the others as far as they fit."""
    phones = [site.registering("alice") for _ in range(14)]
    for phone in phones:
        phone.long_contact = f"{phone.contact};p={'x' * 6000}"
        answer = phone.send_register(f"<{phone.long_contact}>", 300)
        assert answer.status == 200 and phone.long_contact in contacts(answer)
    assert 8 <= len(contacts(answer)) < len(phones)
    for phone in phones:
        answer = phone.send_register(f"<{phone.long_contact}>", 300)
        assert answer.status == 200 and phone.long_contact in contacts(answer)
    assert 8 <= len(contacts(phones[0].query())) < len(phones)
    metrics = site.http.metrics()
    assert metrics["contact_lists_cut_total"] > len(phones)
    assert metrics["send_failures_total"] == 0


def test_what_grows_beyond_a_datagram_is_refused(site, kamailio):
    phone = site.registering("alice")
    contact = f"<{phone.contact}>"
    room = 65500 - len(phone.build_register(contact, 60).raw)
    answer = phone.ask(phone.build_register(contact, 60, pad(room)))
    assert answer.status == 513 and not kamailio.registers()
    assert phone.register().status == 200


def test_datagrams_may_be_cut_on_their_way(site, kamailio):
    """IPv4's DF bit is not set: a link with a smaller MTU cuts what a firewall's silence would have
    made a black hole."""
    phone = site.registering("alice")
    with datagrams(site.access) as seen:
        assert phone.register(fields=pad(2000)).status == 200
        site.wait_for(lambda: len(seen) >= 4)
    assert {d.target for d in seen} == {site.core, phone.address}
    assert not any(d.is_whole for d in seen)
