"""Names of single devices (RFC 5627): Kamailio's, which we pass to the device alone, and ours."""
import re

import pytest

from harness.kamailio import registrar_modules, registrar_params

ROUTE = """
    if (is_method("REGISTER")) {
        if (!pv_www_authenticate("$td", "secret-$tU", "0")) {
            www_challenge("$td", "1");
            exit;
        }
        save("location");
        exit;
    }
    if (!is_method("MESSAGE")) {
        sl_send_reply("405", "Not Allowed");
        exit;
    }
    if (!lookup("location")) {
        sl_send_reply("404", "Not Found");
        exit;
    }
    t_relay();
"""
ASKS = [("Supported", "gruu")]


def begin(site, **options):
    site.judge_upstream()
    site.config.set('domain "example.test"', **options)
    params = [(m, n, 1 if n == "gruu_enabled" else v) for m, n, v in registrar_params]
    site.kamailio(ROUTE, (*registrar_modules, "tm"),
                  (*params, ("registrar", "append_branches", 1)))
    site.start()


def named(phone, instance):
    """Registers; the names in the answer, by parameter."""
    answer = phone.send_register(f'<{phone.contact}>;+sip.instance="<{instance}>"', 60, fields=ASKS)
    assert answer.status == 200
    (own,) = [c for c in answer.all("Contact") if phone.contact in c]
    assert own.count("gruu=") == 2
    return dict(re.findall(r';(pub-gruu|temp-gruu)="([^"]*)"', own))


def pass_message(caller, uri, called):
    message = caller.send(caller.request("MESSAGE", uri))
    there = called.expect("MESSAGE")
    assert there.uri == called.contact
    called.answer(there, 200)
    caller.expect(200, of=message)


def devices(site):
    return site.registering("alice"), site.registering("bob"), site.registering("bob")


@pytest.mark.parametrize("mode", ["mirror", "contact-throttle"])
def test_kamailios_names_reach_their_device(site, mode):
    begin(site, mode=mode, gruu="upstream")
    alice, desk, mobile = devices(site)
    assert alice.register().status == 200
    names = [named(phone, f"urn:uuid:{n}") for n, phone in enumerate((desk, mobile))]
    assert names[0]["pub-gruu"] == "sip:bob@example.test;gr=urn:uuid:0"
    assert names[1]["pub-gruu"] == "sip:bob@example.test;gr=urn:uuid:1"
    assert named(desk, "urn:uuid:0")["pub-gruu"] == names[0]["pub-gruu"]
    for phone, known in ((desk, names[0]), (mobile, names[1])):
        for uri in known.values():
            pass_message(alice, uri, phone)
    desk.expect_nothing(0.1)


def test_our_names_reach_their_device_without_kamailio(site):
    begin(site, gruu="local", aliases=site.net.proxy)
    alice, desk, mobile = devices(site)
    assert alice.register().status == 200
    names = [named(phone, f"urn:uuid:{n}") for n, phone in enumerate((desk, mobile))]
    again = named(desk, "urn:uuid:0")  # absorbed
    assert again["pub-gruu"] == names[0]["pub-gruu"] == "sip:bob@example.test;gr=urn:uuid:0"
    assert again["temp-gruu"] != names[0]["temp-gruu"]
    site.kill()
    site.start()
    for phone, known in ((desk, names[0]), (desk, again), (mobile, names[1])):
        for uri in known.values():
            pass_message(alice, uri, phone)
    for uri, status in (("sip:bob@example.test;gr=urn:uuid:2", 480),
                        (again["temp-gruu"].replace("tgruu.", "tgruu.f"), 404)):
        alice.expect(status, of=alice.send(alice.request("MESSAGE", uri)))
    desk.restart()
    named(desk, "urn:uuid:0")
    alice.expect(404, of=alice.send(alice.request("MESSAGE", again["temp-gruu"])))
    pass_message(alice, again["pub-gruu"], desk)
