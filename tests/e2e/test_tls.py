"""Phones that come over TLS: Python's and baresip's."""
import os
import shutil
import signal
import socket
import ssl
import time

import pytest

from harness import sip
from harness.credentials import judge_here
from harness.dialog import Dialog
from harness.kamailio import REGISTRAR, registrar_modules, registrar_params
from harness.pki import Pki
from harness.stream_ua import StreamUa
from test_stream import PARTS, ask_options, register

NAME = "sip.example.test"


@pytest.fixture
def secured(site):
    site.pki = Pki(site.directory)
    certificate, key = site.pki.issue(NAME)
    site.tls = site.add_stream("tls", site.net.proxy, "tls", certificate=certificate,
                               private_key=key)
    return site


def client(site, version=None):
    """An SSLContext that trusts the authority and checks the name."""
    context = ssl.create_default_context(cafile=site.pki.ca)
    if version:
        context.minimum_version = context.maximum_version = version
    return context


def phone(site, name="alice", context=None, session=None):
    return site.add(StreamUa(name, site.ladder, site.tls, context or client(site), session))


def handshakes(site, outcome):
    return site.http.metrics()[f'tls_handshakes_total{{outcome="{outcome}"}}']


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3],
                         ids=["1.2", "1.3"])
@pytest.mark.parametrize("workers", [1, 2])
def test_it_registers_is_absorbed_and_called(secured, version, workers):
    site = secured
    site.judge_upstream()
    site.set_workers(workers)
    site.start()
    upstream, alice = site.upstream(), phone(site, context=client(site, version))
    leg = register(site, alice, upstream, 1)
    sent = alice.send(alice.request("REGISTER", fields=[("Expires", "60")], cseq=2, **PARTS))
    alice.expect(200, of=sent)
    upstream.expect_nothing()
    (uri,) = sip.uris(leg.all("Contact"))
    call = upstream.send(upstream.request("INVITE", uri))
    ringing = alice.expect("INVITE")
    assert ringing.all("Via")[0].startswith("SIP/2.0/TLS ")
    assert ";transport=tls" in ringing.all("Record-Route")[0]
    alice.answer(ringing, 486)
    upstream.ack(call, upstream.expect(486, of=call))
    alice.expect("ACK")
    assert handshakes(site, "full") == 1


def test_sips_stays_secure(secured):
    """D6, RFC 3261 26.2.2, RFC 5630: a sips Contact is called by sips in both directions of the
    dialog; a sips call finds no other Contact, and does not go to where no hop is secure."""
    site = secured
    site.judge_upstream()
    site.start()
    upstream, alice = site.upstream(), phone(site)
    alice.scheme = "sips"
    (uri,) = sip.uris(register(site, alice, upstream, 1).all("Contact"))
    call = upstream.send(upstream.request("INVITE", uri))
    ringing = alice.expect("INVITE")
    ours = sip.uris(ringing.all("Record-Route"))
    assert ringing.uri == alice.contact
    assert ours[0].startswith("sips:rr") and "transport" not in ours[0]
    assert ours[1].startswith("sip:rr")
    taken = alice.answer(ringing, 200, fields=[("Contact", f"<{alice.contact}>")])
    upstream.ack(call, upstream.expect(200, of=call))
    assert alice.expect("ACK").uri == alice.contact
    bye = alice.send(Dialog.of_called(alice, ringing, taken).request("BYE"))
    upstream.answer(upstream.expect("BYE"), 200)
    alice.expect(200, of=bye)
    secret = upstream.send(upstream.request("INVITE", uri.replace("sip:", "sips:")))
    alice.answer(alice.expect("INVITE"), 486)
    upstream.ack(secret, upstream.expect(486, of=secret))
    call = alice.send(alice.request("INVITE", "sips:bob@elsewhere.test", from_=PARTS["from_"]))
    alice.ack(call, alice.expect(416, of=call))
    bob = phone(site, "bob")
    (uri,) = sip.uris(register(site, bob, upstream, 1, line="bob").all("Contact"))
    secret = upstream.send(upstream.request("INVITE", uri.replace("sip:", "sips:")))
    upstream.ack(secret, upstream.expect(480, of=secret))
    bob.expect_nothing()
    upstream.expect_nothing()


def test_pieces_and_floods(secured):
    """Records end where they like, and long answers go out in many."""
    site = secured
    site.start()
    ua = phone(site)
    request = ask_options(ua)
    for i in range(0, len(request.raw), 50):
        ua.socket.sendall(request.raw[i:i + 50])
    ua.expect(200, of=request)
    many = [ask_options(ua) for _ in range(300)]
    ua.socket.sendall(b"".join(m.raw for m in many))
    for request in many:
        ua.expect(200, of=request)


def half_open(site):
    """A connection whose handshake never gets further, from one of many addresses: nothing at all, the
    first bytes of a hello, or a record that is announced and does not come."""
    floods = []
    for i in range(200):
        source = (f"127.99.{i % 8}.1", 0)
        flood = socket.create_connection(site.tls, timeout=5, source_address=source)
        flood.sendall((b"", b"\x16\x03\x01", b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc")[i % 3])
        floods.append(flood)
    return floods


def test_half_open_handshakes_harm_nobody(secured):
    """Who is there is served, who comes meanwhile gets in, as long as no more come from one address
    than may; and what does not get ready in 30 s goes."""
    site = secured
    site.judge_upstream()
    site.config.set("limits", connections_per_source=25)
    site.start()
    upstream, alice = site.upstream(), phone(site)
    (uri,) = sip.uris(register(site, alice, upstream, 1).all("Contact"))
    floods = half_open(site)
    # each worker accepts for itself: the next one must not come before any of these
    site.wait_for(lambda: site.http.metrics()['connections{transport="tls"}'] == 1 + len(floods))
    more = socket.create_connection(site.tls, timeout=5, source_address=("127.99.1.1", 0))
    assert more.recv(1) == b""
    other, context = None, client(site)
    for _ in range(5):
        begun = time.monotonic()
        other = phone(site, context=context)
        other.expect(200, of=other.send(ask_options(other)))
        call = upstream.send(upstream.request("INVITE", uri))
        alice.answer(alice.expect("INVITE"), 486)
        alice.expect("ACK")
        upstream.ack(call, upstream.expect(486, of=call))
        assert time.monotonic() - begun < 3
    assert site.http.metrics()['connections_rejected_total{limit="connections-per-source"}'] == 1
    if os.environ.get("BREAKWATER_SOAK"):
        slow = 'connections_closed_total{reason="slow"}'
        site.wait_for(lambda: site.http.metrics()[slow] == 200, 45.0)
        other.expect(200, of=other.send(ask_options(other)))
        assert all(flood.recv(1) == b"" for flood in floods)
    for flood in (*floods, more):
        flood.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3],
                         ids=["1.2", "1.3"])
def test_who_comes_again_has_a_ticket(secured, version):
    """And it proves a session, not a device: nothing is absorbed by it."""
    site = secured
    site.judge_upstream()
    site.set_workers(2)
    site.start()
    upstream, context = site.upstream(), client(site, version)
    alice = phone(site, context=context)
    register(site, alice, upstream, 1)
    alice.session = alice.socket.session
    alice.connect()
    assert alice.socket.session_reused
    sent = alice.send(alice.request("REGISTER", fields=[("Expires", "60")], cseq=2, **PARTS))
    upstream.answer(upstream.expect("REGISTER"), 401)
    alice.expect(401, of=sent)
    assert (handshakes(site, "full"), handshakes(site, "resumed")) == (1, 1)


def test_what_is_not_let_in(secured):
    site = secured
    site.start()
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        phone(site, context=old)
    plain = site.add(StreamUa("plain", site.ladder, site.tls))
    plain.send(ask_options(plain))
    assert plain.is_closed()
    site.wait_for(lambda: handshakes(site, "failed") == 2)
    assert site.http.metrics()['connections_closed_total{reason="tls"}'] == 2
    assert site.http.metrics()['connections{transport="tls"}'] == 0


def test_a_new_certificate_without_a_stop(secured):
    """SIGHUP: connections go on, new ones are shown the new one; a bad one changes nothing."""
    site = secured
    site.start()
    before = phone(site, "before")
    serial = before.socket.getpeercert()["serialNumber"]
    other = site.pki.issue("other", NAME)
    for new, old in zip(other, (site.pki.path(NAME + ".pem"), site.pki.path(NAME + ".key"))):
        shutil.copy(new, old)
    site.daemon.process.send_signal(signal.SIGHUP)
    site.daemon.wait_output("reload: done")
    after = phone(site, "after")
    assert after.socket.getpeercert()["serialNumber"] != serial
    for ua in (before, after):
        ua.expect(200, of=ua.send(ask_options(ua)))
    os.chmod(site.pki.path(NAME + ".key"), 0o644)
    site.daemon.process.send_signal(signal.SIGHUP)
    site.daemon.wait_output("the running configuration stays")
    late = phone(site, "late")
    late.expect(200, of=late.send(ask_options(late)))


def test_the_name_chooses_the_certificate(secured):
    """SNI."""
    site = secured
    second = site.pki.issue("second", "*.other.test")
    site.config.set('listen "tls"', certificate=[site.pki.path(NAME + ".pem"), second[0]],
                    private_key=[site.pki.path(NAME + ".key"), second[1]])
    site.start()
    for name, shown in ((NAME, NAME), ("sip.other.test", "second"), ("no.where.test", NAME)):
        context = client(site)
        context.check_hostname = False
        ua = StreamUa("x", site.ladder, site.tls, context, server_name=name)
        subject = dict(p[0] for p in ua.socket.getpeercert()["subject"])
        assert subject["commonName"] == shown
        ua.close()


def test_devices_with_certificates(secured):
    site = secured
    site.config.set('listen "tls"', client_ca=site.pki.ca)
    site.start()
    context = client(site, ssl.TLSVersion.TLSv1_2)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        phone(site, context=context)
    context.load_cert_chain(*site.pki.issue("device"))
    ua = phone(site, context=context)
    ua.expect(200, of=ua.send(ask_options(ua)))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_certificate_is_proof(secured, workers):
    """RFC 5922 7.1, 7.2: a user's URI is that user alone, a domain's URI or DNS name all of it; what
    the certificate does not name is challenged, and so is everybody once the authority is another
    one."""
    site = secured
    judge_here(site, {"bob": "secret-bob"})
    site.config.set('listen "tls"', client_ca=site.pki.ca)
    site.set_workers(workers)
    site.start()
    upstream = site.upstream()

    def device(name, *names):
        context = client(site, ssl.TLSVersion.TLSv1_2)
        context.load_cert_chain(*site.pki.issue(name + "-device", *names))
        return phone(site, name, context)

    def expect_challenge(ua, line):
        asked = ua.send(ua.request("REGISTER", from_=f"<sip:{line}@example.test>;tag=f",
                                   to=f"<sip:{line}@example.test>"))
        ua.expect(401, of=asked)

    alice = device("alice", "URI:sip:alice@example.test", "DNS:example.test", "email:a@b.test")
    assert register(site, alice, upstream, 1).all("Authorization") == []
    sent = alice.send(alice.request("REGISTER", fields=[("Expires", "60")], cseq=2, **PARTS))
    alice.expect(200, of=sent)  # by the licence of its connection: the certificate is not looked at
    upstream.expect_nothing()
    assert site.http.metrics()["certified_requests_total"] == 1
    expect_challenge(alice, "bob")
    for name, names in {"carol": ["URI:sip:example.test"], "dave": ["DNS:b.test", "DNS:example.test"],
                        "erin": ["URI:http://x.test/", "DNS:example.test"],
                        "frank": ["URI:sips:frank@EXAMPLE.test;x=y"]}.items():
        register(site, device(name, *names), upstream, 1, line=name)
    for name, names in {"bob": ["DNS:*.test"], "gina": ["URI:sip:alice@example.test"],
                        "hugo": ["URI:sip:Hugo@example.test"], "ina": ["email:ina@example.test"],
                        "example.test": ["DNS:other.test"]}.items():
        expect_challenge(device(name, *names), name)
    call = alice.send(alice.request("INVITE", "sip:bob@example.test", from_=PARTS["from_"]))
    upstream.answer(upstream.expect("INVITE"), 486)
    alice.ack(call, alice.expect(486, of=call))
    upstream.expect("ACK")
    alice.session = alice.socket.session
    alice.connect()
    assert alice.socket.session_reused
    register(site, alice, upstream, 3)
    assert site.http.metrics()["certified_requests_total"] == 7
    other = Pki(os.path.join(site.directory, "other"))
    site.config.set('listen "tls"', client_ca=other.ca)
    site.daemon.write(site.config)
    site.daemon.process.send_signal(signal.SIGHUP)
    site.daemon.wait_output("reload: done")
    alice.session = alice.socket.session
    with pytest.raises((ssl.SSLError, ConnectionError)):
        alice.connect()


def test_bad_files_are_refused(secured):
    """With file, line, option and what was expected."""
    site = secured
    other = site.pki.issue("other")
    cases = [({"private_key": other[1]}, "is not the key of its certificate"),
             ({"certificate": "/does/not/exist"}, "is no certificate in PEM"),
             ({"private_key": "/does/not/exist"}, "No such file"),
             ({"client_ca": "/dev/null"}, "has no certificates in PEM"),
             ({"private_key": site.pki.path("open.key")}, "expected mode 0600"),
             ({"private_key": [other[1], other[1]]}, "2 for 1 certificates")]
    shutil.copy(other[1], site.pki.path("open.key"))
    os.chmod(site.pki.path("open.key"), 0o644)
    good = dict(site.config.sections['listen "tls"'])
    for bad, why in cases:
        site.config.set('listen "tls"', **bad)
        daemon = site.launch()
        assert daemon.wait() == 78
        assert 'listen "tls"' in daemon.output() and why in daemon.output()
        daemon.process.returncode = 0
        site.config.sections['listen "tls"'] = dict(good)


def test_baresip(secured):
    site = secured
    site.judge_upstream()
    kamailio = site.kamailio(REGISTRAR, registrar_modules, registrar_params)
    site.config.set('domain "example.test"', min_expires=1, max_expires=3, default_expires=3)
    site.start()
    site.access = site.tls
    alice = site.plain_baresip("alice", transport="tls")
    alice.wait_output("200 OK")
    site.wait_for(lambda: site.http.metrics()[
        'register_decisions_total{reason="licensed-flow"}'] >= 1)
    assert len(kamailio.registers()) == 2
    assert alice.end()
    assert kamailio.bindings("alice") == {}
