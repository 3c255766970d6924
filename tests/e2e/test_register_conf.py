"""The options of registration: what is refused, what is warned of, and that they do something."""
import pytest

from harness import net
from harness.daemon import run_daemon
from harness.phone import contacts

@pytest.fixture(autouse=True)
def judged(site):
    site.judge_upstream()

TEXT = '''state-dir = "/tmp"
listen "a" { address = "udp:127.0.0.1:5060" }
upstream "u" { servers = {"sip:127.0.0.2"} }
access-list "home" { allow = {"127.0.0.0/8"} }
domain "example.test" {
    aliases = {}
}
'''
LINE = 6


def check(site, text):
    path = site.path("test.conf")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    code, out, err = run_daemon("-t", "-c", path)
    return path, code, out + err


def in_domain(options):
    return TEXT.replace("aliases = {}", options)


@pytest.mark.parametrize("option, words", [
    ('mode = "throttle"', ["mode", "mirror, contact-throttle, aor-throttle"]),
    ('insertion = "path"', ["insertion", "aor-throttle"]),
    ('insertion = "via"', ["insertion", "contact, path"]),
    ('registration = "no"', ["registration", "yes, refuse"]),
    ('upstream-expires = "30s"', ["upstream-expires", "1m to 7d"]),
    ('upstream-expires = "soon"', ["upstream-expires"]),
    ('min-expires = 0', ["min-expires", "1s"]),
    ('max-expires = "8d"', ["max-expires", "7d"]),
    ('min-expires = "10m"', ["min-expires"]),
    ('default-expires = "10m"', ["default-expires", "max-expires"]),
    ('expires-spread = 51', ["expires-spread", "50"]),
    ('grace = "2h"', ["grace", "1h"]),
    ('max-contacts = 0', ["max-contacts", "1 to 64"]),
    ('max-contacts = 65', ["max-contacts", "1 to 64"]),
    ('when-full = "drop"', ["when-full", "reject, replace-oldest"]),
    ('authentication = "none"', ["authentication", "relay, local, trusted"]),
    ('authentication = "trusted"', ["authentication", "access-list"]),
    ('access-list = "away"', ["access-list", "away"]),
    ('reproof = "10s"', ["reproof", "1m to 7d"]),
    ('fork = "serial"', ["fork", "parallel, q, redirect"]),
    ('ring-timeout = "0s"', ["ring-timeout", "1s to 1h"]),
    ('fallback = "voicemail"', ["fallback", "a sip: URI"]),
    ('fallback = "sips:vm@192.0.2.20"', ["fallback", "is not a sip: URI"]),
    ('fallback = "sip:vm@192.0.2.20;transport=tcp"', ["fallback", "transport other than udp"]),
    ('fallback = "sip:vm@192.0.2.20?Subject=x"', ["fallback", "headers"]),
    ('fallback = "sip:vm@0.0.0.0"', ["fallback", "wildcard"]),
    ('local-calls = "yes"', ["local-calls", "outage, never, always"]),
    ('max-branches = 0', ["max-branches", "1 to 32"]),
    ('max-branches = 33', ["max-branches", "1 to 32"]),
    ('redirects = "both"', ["redirects", "return, follow"]),
    ('redirects = "follow"', ["redirects", "redirect-targets as well"]),
    ('redirects = "follow" redirect-targets = "10.0.0.0/0"', ["redirect-targets", "whole world"]),
    ('global-decline = "perhaps"', ["global-decline", "yes or no"]),
    ('early-media = "none"', ["early-media", "all, first"]),
    ('own-contact-only = "maybe"', ["own-contact-only", "yes or no"]),
    ('expires-header = 2', ["expires-header", "yes or no"]),
    ('case-sensitive = "sometimes"', ["case-sensitive", "yes or no"]),
    ('allow-equal-cseq = ""', ["allow-equal-cseq", "yes or no"]),
])
def test_a_mistake_in_a_domain_is_named(site, option, words):
    path, code, said = check(site, in_domain(option))
    assert code == 78
    assert f"error: {path}:{LINE}: " in said or f"error: {path}:{LINE - 1}: " in said, said
    assert all(w in said for w in words), said


@pytest.mark.parametrize("old, new, words", [
    ('state-dir = "/tmp"', 'state-dir = "here"', ["state-dir", "absolute path"]),
    ('state-dir = "/tmp"', 'durability = "none"', ["durability", "power, process"]),
    ('state-dir = "/tmp"', 'lease-checkpoint = 0', ["lease-checkpoint", "1s to 1h"]),
    ('state-dir = "/tmp"', 'runtime-dir = ""', ["runtime-dir", "absolute path"]),
])
def test_a_mistake_outside_is_named(site, old, new, words):
    path, code, said = check(site, TEXT.replace(old, new))
    assert code == 78 and f"error: {path}:1: " in said and all(w in said for w in words), said


@pytest.mark.parametrize("old, new, line, words", [
    ("servers", 'contact-token = "header" servers', 3, ["contact-token", "parameter, user"]),
    ('"127.0.0.0/8"', '"127.0.0.0/33"', 4, ["allow", "IP-ADDRESS/BITS"]),
    ('{ allow', '{ deny = {"everybody"} allow', 4, ["deny", "IP-ADDRESS/BITS"]),
])
def test_a_mistake_in_another_section_is_named(site, old, new, line, words):
    path, code, said = check(site, TEXT.replace(old, new))
    assert code == 78 and f"error: {path}:{line}: " in said, said
    assert all(w in said for w in words), said


@pytest.mark.parametrize("options, word", [
    ('max-expires = "1h" reproof = "1h"', "reproof"),
    ('upstream-expires = "10m"', "upstream-expires"),
    ('max-expires = "1h" reproof = "2h"', "upstream-expires"),
])
def test_what_saves_nothing_is_warned_of(site, options, word):
    path, code, said = check(site, in_domain(options))
    assert code == 0 and "good" in said
    (warning,) = [w for w in said.splitlines() if f": domain \"example.test\" {word}" in w]
    line = LINE if word + " =" in options else LINE - 1  # the option's, else the section's
    assert warning.startswith(f"warning: {path}:{line}: ") and "nothing is saved" in warning


@pytest.mark.parametrize("options", [
    'mode = "mirror" registration = "refuse" authentication = "trusted" access-list = "home"',
    'reproof = "10m"',
    'authentication = "trusted" access-list = "home" max-expires = "10m" reproof = "5m"'])
def test_what_saves_is_not_warned_of(site, options):
    _, code, said = check(site, in_domain(options))
    assert code == 0 and "warning" not in said, said


# ---------------------------------------------------------------- they do what they say

def begin(site, *registrar, **options):
    site.config.set('domain "example.test"', **options)
    r = site.registrar(*(registrar or ("--challenge", "never")))
    site.start()
    return r


def test_expiries_are_kept_within_bounds(site):
    begin(site, min_expires=10, max_expires=100, default_expires=50, expires_spread=0)
    for asked, told in [(10, 10), (99, 99), (100, 100), (5000, 100), (None, 50)]:
        phone = site.registering("alice")
        assert phone.register(expires=asked).status == 200
        assert told - 1 <= contacts(phone.query())[phone.contact] <= told
    assert site.registering("bob").register(expires=9).status == 423


def test_the_spread_spreads(site):
    begin(site, expires_spread=50, max_expires=400)
    told = []
    for i in range(20):
        phone = site.registering(f"user{i}")
        told.append(contacts(phone.register(expires=400))[phone.contact])
    assert min(told) >= 199 and max(told) <= 400 and len(set(told)) > 5


def test_a_full_line_rejects(site):
    registrar = begin(site, max_contacts=2)
    phones = [site.registering("alice") for _ in range(3)]
    assert [p.register().status for p in phones] == [200, 200, 503]
    assert registrar.count() == 2
    assert phones[0].register(expires=0).status == 200
    assert phones[2].register().status == 200


def test_a_full_line_replaces_the_oldest(site):
    begin(site, "--password", "pw", max_contacts=2, when_full="replace-oldest")
    phones = [site.registering("alice", "pw") for _ in range(3)]
    assert [p.register().status for p in phones] == [200, 200, 200]
    assert set(contacts(phones[2].query())) == {p.contact for p in phones[1:]}
    assert site.http.metrics()['register_decisions_total{reason="evicted"}'] == 1


def test_without_proof_nobody_is_replaced(site):
    """An upstream that lets everybody in says nothing about another device."""
    begin(site, max_contacts=2, when_full="replace-oldest")
    phones = [site.registering("alice") for _ in range(3)]
    assert [p.register().status for p in phones] == [200, 200, 503]
    assert set(contacts(phones[0].query())) == {p.contact for p in phones[:2]}


def test_own_contact_only_and_no_expires_header(site):
    begin(site, own_contact_only="yes", expires_header="no")
    for _ in range(2):
        phone = site.registering("alice")
        for _ in range(2):
            answer = phone.register()
            assert list(contacts(answer)) == [phone.contact] and not answer.all("Expires")


def test_case_may_not_matter(site):
    registrar = begin(site, case_sensitive="no")
    for name in ("Alice", "alice"):
        assert site.registering(name).register().status == 200
    assert len(contacts(site.uas[-1].query())) == 2
    assert len({row["call-id"] for row in registrar.journal()}) == 1


def test_aliases_are_one_domain(site):
    registrar = begin(site, aliases=["alias.test"])
    phone = site.registering("alice")
    request = phone.build_register(f"<{phone.contact}>", 60)
    first = phone.ask(request.with_line("To: <sip:alice@example.test>", "To: <sip:alice@ALIAS.test:5060>"))
    assert first.status == 200
    assert phone.register().status == 200
    assert registrar.count() == 1


def test_an_equal_cseq(site):
    registrar = begin(site, allow_equal_cseq="no")
    phone = site.registering("alice")
    assert phone.register().status == 200
    phone.cseq -= 1
    phone.register()
    assert registrar.count() == 2  # judged by upstream
    site.config.set('domain "example.test"', allow_equal_cseq="yes")
    site.restart()
    assert phone.register().status == 200
    phone.cseq -= 1
    assert phone.register().status == 200
    assert registrar.count() == 2


@pytest.mark.parametrize("token", ["parameter", "user"])
def test_where_the_token_stands(site, token):
    site.config.set('upstream "registrar"', contact_token=token)
    registrar = begin(site)
    assert site.registering("alice").register().status == 200
    (contact,) = registrar.bindings("alice@example.test")
    start = "<sip:t-" if token == "user" else "<sip:alice@"
    assert contact.startswith(start) and net.text(*site.access) in contact
    assert (";bw=" in contact) == (token == "parameter")
    phone = site.registering("alice")
    assert phone.register().status == 200
    assert len(registrar.bindings("alice@example.test")) == 1


def test_insertion_by_path(site):
    registrar = begin(site, mode="contact-throttle", insertion="path")
    phone = site.registering("alice")
    for _ in range(3):
        assert list(contacts(phone.register())) == [phone.contact]
    assert registrar.count() == 1
    (contact,) = registrar.bindings("alice@example.test")
    assert contact.startswith(f"<{phone.contact}>")


def test_a_reload_changes_the_policy(site):
    registrar = begin(site)
    phone = site.registering("alice")
    for _ in range(2):
        assert phone.register().status == 200
    assert registrar.count() == 1
    site.config.set('domain "example.test"', mode="mirror")
    site.daemon.write(site.config)
    site.daemon.reload()
    for _ in range(2):
        assert phone.register().status == 200
    assert registrar.count() == 3
