"""An upstream by name, with a real DNS server: RFC 3263."""
import os
import socket

import pytest

from harness import dns, net
from harness.kamailio import registrar_params
from harness.pki import Pki
from harness.ua import Ua
from test_calls_kamailio import MODULES, ROUTE

NAME, TARGET = "registrar.example.net", "a.example.net"


@pytest.fixture
def named(site):
    """The function that starts us with an upstream of that URI, and a DNS server for it."""
    def begin(server, uri="sip:" + NAME):
        site.config.set('upstream "registrar"', servers=[uri])
        site.config.set("dns", servers=[net.text(*server)])
        site.start()
    site.judge_upstream()
    return begin


def targets(site):
    return site.http.metrics()['upstream_targets{upstream="registrar"}']


def register(site, upstream, name, within=15.0):
    """It comes there."""
    phone = site.phone(name)
    sent = phone.send(phone.request("REGISTER", fields=[("Contact", f"<{phone.contact}>")]))
    came = upstream.expect("REGISTER", timeout=within)
    upstream.answer(came, 200, fields=[("Contact", came.header("Contact") + ";expires=3600")])
    phone.expect(200, of=sent)


def srv_records(site, first):
    """The server that is there comes second."""
    return [dns.srv("_sip._udp." + NAME, TARGET, first, 1),
            dns.srv("_sip._udp." + NAME, TARGET, site.core[1], 2),
            dns.host(TARGET, site.net.upstream)]


def test_srv_with_fail_over(site, named):
    server = dns.start(site, srv_records(site, net.free_port(site.net.upstream)))
    named(server.address)
    site.wait_for(lambda: targets(site) == 2)
    upstream = site.upstream()
    for name in ("alice", "bob"):  # each worker finds out for itself
        register(site, upstream, name, within=30.0)
    metrics = site.http.metrics()
    assert metrics['upstream_failovers_total{request="register"}'] >= 1
    assert metrics['dns_lookups_total{result="found"}'] >= 2
    assert server.asked(f"query[NAPTR] {NAME}") and server.asked(f"query[A] {TARGET}")


@pytest.mark.parametrize("certified, is_let_in", [(NAME, True), (TARGET, False)])
def test_naptr_chooses_tls_and_the_name_is_the_configured_one(site, named, certified, is_let_in):
    """RFC 5922 7: what the DNS makes of a name proves nothing."""
    port, pki = net.free_port(site.net.upstream, socket.SOCK_STREAM), Pki(site.directory)
    certificate, key = pki.issue("kamailio", certified)
    own = dict(zip(("certificate", "private_key"), pki.issue("core", site.net.proxy)))
    site.add_stream("core", site.net.proxy, "tls", side="core", **own)
    site.config.set('upstream "registrar"', server_ca=pki.ca)
    site.kamailio(ROUTE, MODULES, (*registrar_params, ("registrar", "append_branches", 1)),
                  streams=f"listen=tls:{net.text(site.net.upstream, port)}\ntcp_children=1\n"
                          'enable_tls=yes\nloadmodule "tls.so"\n'
                          'modparam("tls", "tls_method", "TLSv1.2")\n'
                          f'modparam("tls", "certificate", "{certificate}")\n'
                          f'modparam("tls", "private_key", "{key}")\n')
    server = dns.start(site, [dns.naptr(NAME, 10, 1, "SIPS+D2T", "_sips._tcp." + NAME),
                              dns.naptr(NAME, 20, 1, "SIP+D2U", "_sip._udp." + NAME),
                              dns.srv("_sips._tcp." + NAME, TARGET, port),
                              dns.host(TARGET, site.net.upstream)])
    named(server.address)
    site.wait_for(lambda: targets(site) == 1)
    assert site.registering("alice").register().status == (200 if is_let_in else 504)
    metrics = site.http.metrics()
    assert metrics['tls_handshakes_total{outcome="failed"}'] == (0 if is_let_in else 1)
    assert not server.asked(f"query[SRV] _sip._udp.{NAME}")


def test_records_change_and_disappear(site, named):
    """The new address is used from the end of the TTL on, and is the upstream; when the name is gone
    it stays so."""
    elsewhere = net.Net()
    there = (elsewhere.upstream, site.core[1])
    server = dns.start(site, [dns.host(NAME, site.net.upstream)])
    named(server.address, f"sip:{NAME}:{site.core[1]}")
    site.wait_for(lambda: targets(site) == 1)
    register(site, site.upstream(), "alice")
    server = dns.change(server, [dns.host(NAME, there[0])])
    site.wait_for(lambda: site.http.metrics()["upstream_target_changes_total"] == 2,
                  60.0)
    second = site.add(Ua("second", there[0], site.ladder, site.access, there[1]))
    register(site, second, "bob")
    second.send(second.request("INVITE", "sip:bob@example.test"))
    second.expect(100)
    dns.change(server, [])
    alarm = 'alarms_standing{code="upstream-unresolved"}'
    site.wait_for(lambda: site.http.metrics()[alarm] == 1, 60.0)
    register(site, second, "carol")
    assert targets(site) == 1


def test_a_dns_server_that_comes_late(site, named):
    """It does not hold up the start; requests hear 503 until it is there."""
    where = (site.net.upstream, net.free_port(site.net.upstream))
    named(where, f"sip:{NAME}:{site.core[1]}")
    phone = site.phone("alice")
    sent = phone.send(phone.request("REGISTER", fields=[("Contact", f"<{phone.contact}>")]))
    phone.expect(503, of=sent)
    dns.start(site, [dns.host(NAME, site.net.upstream)], where=where)
    site.wait_for(lambda: targets(site) == 1, 60.0)
    register(site, site.upstream(), "bob")


@pytest.mark.last
@pytest.mark.skipif(not os.environ.get("BREAKWATER_SOAK"), reason="it takes four minutes")
def test_connections_to_servers_that_are_gone_end(site, named):
    """One that is listed may be silent for an hour."""
    there = (site.net.upstream, net.free_port(site.net.upstream, socket.SOCK_STREAM))
    server = dns.start(site, [dns.host(NAME, there[0])])
    site.add_stream("core", site.net.proxy, side="core")
    with socket.create_server(there) as listening:
        named(server.address, f"sip:{NAME}:{there[1]};transport=tcp")
        site.wait_for(lambda: targets(site) == 1)
        phone = site.phone("alice")
        phone.send(phone.request("REGISTER", fields=[("Contact", f"<{phone.contact}>")]))
        connection = listening.accept()[0]
        dns.change(server, [dns.host(NAME, net.Net().upstream)])
        connection.settimeout(240)
        while connection.recv(4096):
            pass
        connection.close()
    assert site.http.metrics()['connections_closed_total{reason="idle"}'] == 1
