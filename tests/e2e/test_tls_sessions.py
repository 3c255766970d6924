"""Session families: a device that resumes its TLS session is answered without upstream, whoever has
no ticket, or another one's, is judged anew (L1)."""
import os
import re
import resource
import socket
import ssl
import stat
import struct

import pytest

from harness import net, sip
from harness.daemon import binary
from harness.stream_ua import StreamUa
from test_stream import register
from test_tls import client, handshakes, secured  # pylint: disable=unused-import

IS_SANITIZED = bool(re.search("asan|tsan", binary()))
VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3],
                                   ids=["1.2", "1.3"])


class Device(StreamUa):
    """Its Contact is not its connection's address: it says where it would listen."""
    contact = "sips:alice@192.0.2.77:5061"
    cseq = 1

    def connect(self):
        if self.socket and self.secure:
            self.session = self.socket.session
        super().connect()

    def refresh(self):
        self.cseq += 1
        return self.send(self.request("REGISTER", fields=[("Expires", "60")], cseq=self.cseq,
                                      call_id="one", from_="<sip:alice@example.test>;tag=f"))


@pytest.fixture
def world(secured, version):  # pylint: disable=redefined-outer-name
    """Two workers; the device has registered and has been absorbed once."""
    site = secured
    site.judge_upstream()
    site.set_workers(2)
    site.start()
    site.context = client(site, version)
    site.alice = site.add(Device("alice", site.ladder, site.tls, site.context))
    site.carrier = site.upstream()
    site.leg = register(site, site.alice, site.carrier, 1)
    site.alice.expect(200, of=site.alice.refresh())
    site.carrier.expect_nothing()
    return site


def reasons(site, word):
    return site.http.metrics()[f'register_decisions_total{{reason="{word}"}}']


def assert_absorbed(site):
    alice = site.alice
    assert alice.contact in alice.expect(200, of=alice.refresh()).header("Contact")
    site.carrier.expect_nothing()


def assert_judged(site, ua):
    sent = ua.refresh()
    site.carrier.answer(site.carrier.expect("REGISTER"), 401)
    ua.expect(401, of=sent)


def assert_rings(site):
    (uri,) = sip.uris(site.leg.all("Contact"))
    call = site.carrier.send(site.carrier.request("INVITE", uri))
    site.alice.answer(site.alice.expect("INVITE"), 486)
    site.carrier.ack(call, site.carrier.expect(486, of=call))
    site.alice.expect("ACK")


@VERSIONS
def test_a_resumed_session_keeps_its_licence(world):
    """Again and again, on whichever worker, over a stop and over kill -9."""
    site = world
    for n in range(1, 6):
        site.alice.connect()
        assert site.alice.socket.session_reused
        assert_absorbed(site)
        assert reasons(site, "licensed-session") == n
        assert_absorbed(site)
        assert_rings(site)
    site.restart()
    site.alice.connect()
    assert_absorbed(site)
    assert_rings(site)
    site.kill()
    site.start()
    site.alice.connect()
    assert site.alice.socket.session_reused
    assert_absorbed(site)
    assert (handshakes(site, "full"), handshakes(site, "resumed")) == (0, 1)
    assert reasons(site, "licensed-session") == 1
    assert stat.S_IMODE(os.stat(site.path("state/ticket.keys")).st_mode) == 0o600


@VERSIONS
def test_nobody_else_has_it(world):
    """The same address, instance, Call-ID and Contact, and a higher CSeq: without the ticket, or with
    the one of another device, it is upstream that judges; the device itself is not touched."""
    site = world
    thief = site.add(Device("thief", site.ladder, site.tls, site.context))
    thief.cseq = 50
    assert_judged(site, thief)
    thief.connect()
    assert thief.socket.session_reused
    assert_judged(site, thief)
    assert_absorbed(site)
    assert_rings(site)
    site.alice.connect()
    assert_absorbed(site)
    assert reasons(site, "licensed-session") == 1


@VERSIONS
def test_nobody_else_has_it_after_a_restart(world):
    site = world
    site.restart()
    thief = site.add(Device("thief", site.ladder, site.tls, site.context))
    thief.cseq = 50
    assert_judged(site, thief)
    thief.connect()
    assert_judged(site, thief)
    site.alice.connect()
    assert_absorbed(site)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_3], ids=["1.3"])
def test_new_certificates_and_keys_of_another_server(world):
    """The keys of the tickets are not those of the certificates. Without its keys a ticket is
    nothing, and the device is judged anew."""
    site = world
    for name in ("sip.example.test.pem", "sip.example.test.key"):
        assert os.path.exists(site.pki.path(name))
    other = site.pki.issue("other", "sip.example.test")
    site.config.set('listen "tls"', certificate=other[0], private_key=other[1])
    site.restart()
    site.alice.connect()
    assert_absorbed(site)
    os.unlink(site.path("state/ticket.keys"))
    site.restart()
    site.alice.connect()
    assert not site.alice.socket.session_reused
    assert_judged(site, site.alice)
    assert site.http.metrics()['tls_tickets_refused_total{reason="unknown-key"}'] == 1


def resident_kb(site):
    with open(f"/proc/{site.daemon.process.pid}/status", encoding="ascii") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1])


def many():
    """How many connections: 20,000, or what the limit on descriptors lets both ends have."""
    if not os.environ.get("BREAKWATER_SOAK"):
        return 500
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return min(20000, most - 150)


def hold(site, context, held, n):
    """Up to n connections that are idle but for a keepalive now and then (RFC 5626 4.4.1): one that nothing
    comes by ends after three minutes."""
    while len(held) < n:
        held.append(StreamUa("idle", site.ladder, site.tls, context))
        if len(held) % 2000 == 0:
            for ua in held:
                ua.socket.sendall(b"\r\n\r\n")


def test_an_idle_connection_takes_little_memory(secured):  # pylint: disable=redefined-outer-name
    """The figure is of the daemon, OpenSSL's share included; what the kernel has for a socket comes
    on top. Meanwhile somebody else is served."""
    site, n = secured, many()
    site.config.set("limits", connections_per_source=n + 1, max_connections=n + 1)
    site.start()
    context = client(site)
    held = []
    hold(site, context, held, 50)
    before = resident_kb(site)
    hold(site, context, held, n)
    site.wait_for(lambda: site.http.metrics()['connections{transport="tls"}'] == n, 60.0)
    each = (resident_kb(site) - before) / (n - 50)
    print(f"{each:.1f} kB for each of {n} idle TLS connections")
    assert each < 24 or IS_SANITIZED
    other = site.add(StreamUa("other", site.ladder, site.tls, context))
    for ua in (other, held[0], held[-1]):
        ua.expect(200, of=ua.send(ua.request("OPTIONS", f"sip:{net.text(*site.tls)}")))
    for ua in held:
        ua.close()
    site.wait_for(lambda: site.http.metrics()['connections{transport="tls"}'] == 1, 60.0)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_3], ids=["1.3"])
@pytest.mark.parametrize("is_reset", [False, True], ids=["closed", "reset"])
def test_a_dead_connection_is_noticed_at_once(world, is_reset):
    """No call goes there; in its grace the device comes back with its ticket, or it is gone, upstream
    too."""
    site = world
    site.config.set('domain "example.test"', grace="5s")
    site.restart()
    site.alice.connect()
    assert_absorbed(site)
    for losses in (1, 2):
        session = site.alice.socket.session
        if is_reset:
            site.alice.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                         struct.pack("ii", 1, 0))
        site.alice.socket.close()
        site.wait_for(lambda: reasons(site, "flow-lost") == losses)
        (uri,) = sip.uris(site.leg.all("Contact"))
        call = site.carrier.send(site.carrier.request("INVITE", uri))
        site.carrier.ack(call, site.carrier.expect(480, of=call))
        if losses == 1:
            site.alice.socket, site.alice.session = None, session
            site.alice.connect()
            assert site.alice.socket.session_reused
            assert_absorbed(site)
            assert_rings(site)
    removal = site.carrier.expect("REGISTER", timeout=20)
    assert "expires=0" in removal.header("Contact") or removal.header("Expires") == "0"
    site.carrier.answer(removal, 200)
    assert reasons(site, "expired") == 1
