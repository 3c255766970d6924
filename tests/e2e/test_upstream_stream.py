"""Upstreams over TCP and TLS: Kamailio, and one that falls silent."""
import socket

import pytest

from harness import net
from harness.dialog import Dialog
from harness.kamailio import registrar_params
from harness.pki import Pki
from test_calls_kamailio import MODULES, ROUTE, end

NAME = "registrar.example.test"


@pytest.fixture
def behind(site):
    """The function that starts a Kamailio behind us that has that transport beside UDP."""
    def begin(transport, further="", **options):
        where = net.text(site.net.upstream, net.free_port(site.net.upstream, socket.SOCK_STREAM))
        lines, own = f"listen={transport}:{where}\ntcp_children=1\n", {}
        if transport == "tls":
            pki = Pki(site.directory)
            certificate, key = pki.issue("kamailio", NAME, site.net.upstream)
            own = dict(zip(("certificate", "private_key"), pki.issue("core", site.net.proxy)))
            lines += 'enable_tls=yes\nloadmodule "tls.so"\n' \
                'modparam("tls", "tls_method", "TLSv1.2")\n' \
                f'modparam("tls", "certificate", "{certificate}")\n' \
                f'modparam("tls", "private_key", "{key}")\n'
            options = {"server_ca": pki.ca, **options}
        site.judge_upstream()
        site.add_stream("core", site.net.proxy, transport, side="core", **own)
        site.config.set('upstream "registrar"', servers=[f"sip:{where};transport={transport}"])
        site.config.set('upstream "registrar"', **options)
        site.kamailio(ROUTE, MODULES, (*registrar_params, ("registrar", "append_branches", 1)),
                      streams=lines + further)
        site.start()
    return begin


def dialled(site, transport):
    return site.http.metrics()[f'connections_dialled_total{{transport="{transport}"}}']


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_phones_register_and_call_through_kamailio(site, behind, transport, workers):
    site.set_workers(workers)
    behind(transport)
    alice, bob = site.registering("alice"), site.registering("bob")
    for phone in (alice, bob):
        assert phone.register().status == 200
        assert phone.register().status == 200
    assert site.http.metrics()['register_decisions_total{reason="licensed-source"}'] == 2
    invite = alice.send(alice.request("INVITE", "sip:bob@example.test"))
    there = bob.expect("INVITE")
    word = f"SIP/2.0/{transport.upper()} "
    assert sum(v.startswith(word) for v in there.all("Via")) == 2  # Kamailio's and ours
    accepted = bob.answer(there, 200, to_tag="b", fields=[("Contact", f"<{bob.contact}>")])
    answer = alice.expect(200, of=invite)
    alice.ack(invite, answer)
    bob.expect("ACK")
    end(alice, bob, Dialog.of_caller(alice, invite, answer))
    assert Dialog.of_called(bob, there, accepted)
    assert 1 <= dialled(site, transport) <= site.config.sections[""]["workers"]


@pytest.mark.parametrize("transport, lifetime", [
    ("tcp", "tcp_connection_lifetime=3\n"),
    ("tls", 'modparam("tls", "connection_timeout", 3)\n'),
])
def test_a_call_rings_for_longer_than_its_connection_lasts(site, behind, transport, lifetime):
    """Kamailio ends what is idle for a while; both the caller's side of the call, whose INVITE went
    there, and the callee's, which has the answer, go on by other connections."""
    behind(transport, lifetime)
    alice, bob = site.registering("alice"), site.registering("bob")
    for phone in (alice, bob):
        assert phone.register().status == 200
    invite = alice.send(alice.request("INVITE", "sip:bob@example.test"))
    there = bob.expect("INVITE")
    bob.answer(there, 180, to_tag="b")
    alice.expect(180, of=invite)
    site.wait_for(lambda: site.http.metrics()["upstream_connections_replaced_total"] >= 1, 40.0)
    accepted = bob.answer(there, 200, to_tag="b", fields=[("Contact", f"<{bob.contact}>")])
    answer = alice.expect(200, of=invite)
    alice.ack(invite, answer)
    bob.expect("ACK")
    end(alice, bob, Dialog.of_caller(alice, invite, answer))
    assert Dialog.of_called(bob, there, accepted)


@pytest.mark.parametrize("options, is_let_in", [
    ({"server_name": NAME}, True),
    ({"server_name": "other.example.test"}, False),
    ({"server_ca": ""}, False),
    ({"server_ca": "", "verify_server": "no"}, True),
])
def test_a_server_must_prove_who_it_is(site, behind, options, is_let_in):
    behind("tls", **options)
    assert site.registering("alice").register().status == (200 if is_let_in else 504)
    metrics = site.http.metrics()
    assert metrics['tls_handshakes_total{outcome="failed"}'] == (0 if is_let_in else 1)


def test_a_server_that_is_gone_gives_way_to_the_next(site):
    """Nobody takes the connection; the second server has it before one that is silent would be
    given up, and all that follows at once."""
    nobody = net.text(site.net.upstream, net.free_port(site.net.upstream, socket.SOCK_STREAM))
    site.judge_upstream()
    site.add_stream("core", site.net.proxy, side="core")
    site.config.set('upstream "registrar"',
                    servers=[f"sip:{nobody};transport=tcp", "sip:" + net.text(*site.core)])
    site.start()
    upstream = site.upstream()
    for name, within in (("alice", 4.0), ("bob", 2.0)):
        phone = site.phone(name)
        sent = phone.send(phone.request("REGISTER", fields=[("Contact", f"<{phone.contact}>")]))
        came = upstream.expect("REGISTER", timeout=within)
        upstream.answer(came, 200, fields=[("Contact", came.header("Contact") + ";expires=3600")])
        phone.expect(200, of=sent)
    metrics = site.http.metrics()
    # each worker finds out for itself
    assert 1 <= metrics['upstream_failovers_total{request="register"}'] <= site.n_workers
    assert 1 <= metrics["upstream_servers_left_out_total"] <= site.n_workers
