"""Names of single devices that are reached by TLS alone (RFC 5627, RFC 5630)."""
import re

import pytest

from harness import sip
from harness.dialog import Dialog
from test_tls import phone, secured  # pylint: disable=unused-import

INSTANCE = '"<urn:uuid:{}>"'


def register(site, ua, upstream, cseq, reg_id=1):
    """By way of upstream; the names of the device in the answer, by parameter."""
    request = ua.request("REGISTER", fields=[("Expires", "600"), ("Supported", "gruu, path, outbound"),
                                             ("Authorization", "Digest for=upstream")],
                         cseq=cseq, call_id=ua.name, from_=f"<sip:{ua.name}@example.test>;tag=f")
    params = f";+sip.instance={INSTANCE.format(ua.name)};reg-id={reg_id}"
    sent = ua.send(request.raw.replace(f"<{ua.contact}>".encode(), f"<{ua.contact}>{params}".encode()))
    came = upstream.expect("REGISTER")
    assert "gruu" not in (came.header("Supported") or "") and "+sip.instance" not in str(came.raw)
    upstream.answer(came, 200, fields=[("Contact", came.header("Contact") + ";expires=3600")])
    answer = ua.expect(200, of=sent)
    own = next(c for c in answer.all("Contact") if ua.contact in c)
    ua.leg = sip.uris(came.all("Contact"))[0]
    return dict(re.findall(r';(pub-gruu|temp-gruu)="([^"]*)"', own))


@pytest.fixture
def world(secured):  # pylint: disable=redefined-outer-name
    site = secured
    site.judge_upstream()
    site.config.set('domain "example.test"', gruu="local", aliases=site.net.proxy, expires_spread=0)
    site.start()
    site.carrier, site.alice, site.bob = site.upstream(), phone(site), phone(site, "bob")
    site.alice.scheme = site.bob.scheme = "sips"
    site.names = [register(site, ua, site.carrier, 1) for ua in (site.alice, site.bob)]
    return site


def say(request, contact):
    """The same with another Contact."""
    return request.raw.replace(b"Contact: <" + re.search(rb"Contact: <([^>]*)>", request.raw)[1] + b">",
                               f"Contact: <{contact}>".encode())


@pytest.mark.parametrize("kind", ["pub-gruu", "temp-gruu"])
def test_a_call_between_names(world, kind):
    """Each side knows no more of the other than its name; what they send in the dialog goes by TLS to the
    one device, also once that has another connection."""
    alice, bob, (hers, his) = world.alice, world.bob, world.names
    assert hers[kind].startswith("sips:") and his[kind].startswith("sips:")
    call = alice.send(say(alice.request("INVITE", his[kind],
                                        from_="<sip:alice@example.test>;tag=a"), hers[kind]))
    ringing = bob.expect("INVITE")
    assert ringing.uri == bob.contact and sip.uris(ringing.all("Contact")) == [hers[kind]]
    assert all(uri.startswith("sips:") for uri in sip.uris(ringing.all("Record-Route")))
    assert ringing.all("Via")[0].startswith("SIP/2.0/TLS ")
    taken = bob.answer(ringing, 200, fields=[("Contact", f"<{his[kind]}>")])
    answer = alice.expect(200, of=call)
    assert sip.uris(answer.all("Contact")) == [his[kind]]
    caller = Dialog.of_caller(alice, call, answer)
    called = Dialog.of_called(bob, ringing, taken)
    alice.send(caller.ack())
    assert bob.expect("ACK").uri in (bob.contact, his[kind])
    for dialog, there in ((caller, bob), (called, alice)):
        info = dialog.ua.send(dialog.request("INFO"))
        there.answer(there.expect("INFO"), 200)
        dialog.ua.expect(200, of=info)
    bob.connect()
    register(world, bob, world.carrier, 2)
    bye = alice.send(caller.request("BYE"))
    bob.answer(bob.expect("BYE"), 200)
    alice.expect(200, of=bye)
    world.carrier.expect_nothing()


def test_it_is_never_plain(world):
    """The device has a second flow over UDP: a sips name is not called there, a sip one is."""
    carrier, alice, bob, his = world.carrier, world.alice, world.bob, world.names[1]
    plain = world.phone("bob")
    register(world, plain, carrier, 7, reg_id=2)
    for _ in range(2):
        secret = carrier.send(carrier.request("INVITE", his["pub-gruu"]))
        bob.answer(bob.expect("INVITE"), 486)
        carrier.ack(secret, carrier.expect(486, of=secret))
        bob.expect("ACK")
    plain.expect_nothing()
    bob.socket.close()
    world.wait_for(lambda: world.http.metrics()['connections{transport="tls"}'] == 1)
    for sender in (alice, carrier):
        secret = sender.send(sender.request("INVITE", his["pub-gruu"],
                                            from_="<sip:alice@example.test>;tag=b"))
        sender.ack(secret, sender.expect(480, of=secret))
    plain.expect_nothing()
    open_call = carrier.send(carrier.request("INVITE", his["pub-gruu"].replace("sips:", "sip:")))
    plain.answer(plain.expect("INVITE"), 486)
    carrier.ack(open_call, carrier.expect(486, of=open_call))
