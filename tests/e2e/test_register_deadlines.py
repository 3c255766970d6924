"""What time does: upstream is refreshed before it forgets, and what nobody refreshes goes."""
import time

import pytest

from harness.phone import contacts

@pytest.fixture(autouse=True)
def judged(site):
    site.judge_upstream()

# Devices come back within 2 s, so upstream is due 4 s after it granted 72 s: 72 - (2 * 2 + 64).
SHORT = {"min_expires": 1, "max_expires": 2, "default_expires": 2, "expires_spread": 0, "grace": 1}
GRANT = ("--grant", "72")


def begin(site, *registrar, **options):
    site.config.set('domain "example.test"', **{**SHORT, **options})
    r = site.registrar(*registrar)
    site.start()
    return r


def trusted(site, *registrar, **options):
    """With two phones at a trusted address, registered."""
    home = site.net.phone()
    site.config.set('access-list "home"', allow=[home])
    r = begin(site, "--challenge", "never", *registrar, authentication="trusted", access_list="home",
              **options)
    phones = [site.registering("alice", host=home) for _ in range(2)]
    for phone in phones:
        assert phone.register(expires=2).status == 200
    return r, phones


def reasons(site, word):
    return site.http.metrics()[f'register_decisions_total{{reason="{word}"}}']


def test_a_device_refreshes_upstream_when_it_is_due(site):
    registrar = begin(site, "--password", "pw", *GRANT)
    phone = site.registering("alice", "pw", keeps_proof=True)
    assert phone.register(expires=2).status == 200
    assert registrar.count() == 2
    end = time.monotonic() + 6
    while time.monotonic() < end:
        assert list(contacts(phone.register(expires=2))) == [phone.contact]
        time.sleep(0.3)
    assert registrar.count() == 3  # one each 4 s, with the proof that the phone keeps
    assert reasons(site, "upstream-due") == 1
    assert registrar.journal()[-1]["credentials"]


def test_we_refresh_upstream_ourselves_where_it_trusts_us(site):
    registrar, (phone, other) = trusted(site, *GRANT)
    before = registrar.count()
    end = time.monotonic() + 6
    while time.monotonic() < end:
        for p in (phone, other):
            assert set(contacts(p.register(expires=2))) == {phone.contact, other.contact}
        time.sleep(0.3)
    assert before + 1 <= registrar.count() <= before + 3
    rows = registrar.journal()
    assert len({row["call-id"] for row in rows}) == 1
    numbers = [row["cseq"] for row in rows]
    assert numbers == sorted(set(numbers))


def test_what_nobody_refreshes_is_removed_upstream(site):
    registrar, phones = trusted(site)
    assert len(registrar.bindings("alice@example.test")) == 1
    site.wait_for(lambda: registrar.bindings("alice@example.test") == [])
    site.wait_for(lambda: reasons(site, "deregistered") == 1)
    assert site.http.metrics()["bindings_lapsed_total"] == 2
    assert contacts(phones[0].query()) == {}


def test_a_challenged_removal_of_ours_is_not_tried_again(site):
    """D58"""
    registrar = begin(site, "--password", "pw")
    phone = site.registering("alice", "pw")
    assert phone.register(expires=2).status == 200
    site.wait_for(lambda: registrar.count() == 3)
    last = registrar.journal()[-1]
    assert last["status"] == 401 and last["expires"] == 0 and not last["credentials"]
    site.wait_for(lambda: reasons(site, "orphan") == 1)
    site.restart()
    assert phone.register(expires=2).status == 200  # the line comes back to life by the same contact
    assert len(registrar.bindings("alice@example.test")) == 1
    assert registrar.count() == 5


def test_what_lapses_while_we_are_down_gets_its_grace(site):
    """D77: no burst of removals at a start."""
    registrar, phones = trusted(site)
    site.kill()
    before = registrar.count()
    time.sleep(4)
    site.start()
    time.sleep(0.5)
    assert {row["expires"] for row in registrar.journal()} == {3600}
    for phone in phones:
        assert phone.register(expires=2).status == 200
    assert set(contacts(phones[0].query())) == {p.contact for p in phones}
    assert registrar.count() <= before + 1


def test_an_expired_device_is_not_listed_but_comes_back_by_its_licence(site):
    """D64"""
    registrar = begin(site, "--password", "pw", grace=30)
    phone, other = site.registering("alice", "pw"), site.registering("alice", "pw")
    assert phone.register(expires=2).status == other.register(expires=2).status == 200
    before = registrar.count()
    time.sleep(2.2)
    assert contacts(other.query()) == {}
    assert list(contacts(phone.register(expires=2))) == [phone.contact]
    assert set(contacts(other.register(expires=2))) == {phone.contact, other.contact}
    assert registrar.count() == before


# ---------------------------------------------------------------- upstream in trouble

def test_refreshes_are_served_while_upstream_is_silent(site):
    registrar = begin(site, "--challenge", "never", max_expires="1m", default_expires="1m")
    phones = [site.registering(f"user{i}") for i in range(5)]
    for phone in phones:
        assert phone.register().status == 200
    registrar.command("silent on")
    newcomer = site.registering("late")
    newcomer.send(newcomer.build_register(f"<{newcomer.contact}>", 60))
    for phone in phones:
        assert list(contacts(phone.register())) == [phone.contact]
    assert newcomer.expect(504, timeout=30).status == 504  # D61: sooner than timer F
    registrar.command("silent off")
    site.wait_for(lambda: registrar.bindings("late@example.test"))
    site.wait_for(lambda: list(contacts(newcomer.query())) == [newcomer.contact])  # D62


def test_a_repeat_of_what_is_on_its_way_goes_no_further(site):
    """D30"""
    registrar = begin(site, "--password", "pw", "--answer-delay", "400", max_expires="1m",
                      default_expires="1m")
    phone = site.registering("alice", "pw")
    for _ in range(2):  # the first, then the answer to its challenge
        request = phone.build_register(f"<{phone.contact}>", 60)
        for _ in range(4):
            phone.send(request)
        answer = phone.ask(request)
        phone.challenge = answer.header("WWW-Authenticate")
    assert answer.status == 200 and registrar.count() == 2


@pytest.mark.parametrize("refusal", [403, 500, 503, 600])
def test_one_line_s_refusal_is_its_own(site, refusal):
    registrar = begin(site, "--password", "pw", max_expires="1m", default_expires="1m")
    bad, good = site.registering("bad", "pw"), site.registering("good", "pw")
    assert bad.register().status == good.register().status == 200
    registrar.command(f"refuse {refusal}:bad")
    bad.restart()
    assert bad.register().status == refusal
    good.restart()
    assert good.register().status == 200
    registrar.command("refuse off")
    assert bad.register().status == 200


def test_a_lossy_way_upstream(site):
    registrar = begin(site, "--password", "pw", "--drop", "30", "--drop-answers", "30",
                      max_expires="1m", default_expires="1m")
    phones = [site.registering(f"user{i}", "pw") for i in range(2)]
    for phone in phones:
        tries = 0  # five losses in a row look like silence after ten seconds (D61)
        while (answer := phone.register(timeout=60.0)).status == 504 and tries < 5:
            tries += 1
        assert answer.status == 200
        assert list(contacts(phone.register())) == [phone.contact]
        assert len(registrar.bindings(phone.aor)) == 1
