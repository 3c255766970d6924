"""Messages that are wrong: each gets its answer or none, and nobody else notices."""
import random
import threading

import pytest

from harness import sip

BOB = "sip:bob@example.test"


def refused(phone, request, status, reason):
    """Answered with that, in the request's own terms."""
    phone.send(request)
    answer = phone.expect(status)
    assert answer.reason == reason
    assert answer.header("Via").split(";")[0] == sip.Message(request.raw).header("Via").split(";")[0]
    return answer


MISTAKES = {
    "no To": ("To: <sip:bob@example.test>\r\n", "", "Missing To"),
    "no Call-ID": ("Call-ID: ", "X: ", "Missing Call-ID"),
    "no CSeq": ("CSeq: ", "X: ", "Missing CSeq"),
    "no From": ("From: ", "X: ", "Missing From"),
    "two To": ("To: ", "t: <sip:eve@example.test>\r\nTo: ", "Duplicate To"),
    "two Call-ID": ("Call-ID: ", "i: another\r\nCall-ID: ", "Duplicate Call-ID"),
    "two CSeq": ("CSeq: ", "CSeq: 2 MESSAGE\r\nCSeq: ", "Duplicate CSeq"),
    "two lengths": ("Content-Length: ", "l: 0\r\nContent-Length: ", "Duplicate Content-Length"),
    "method mismatch": ("CSeq: 1 MESSAGE", "CSeq: 1 INVITE", "CSeq Method Mismatch"),
    "huge CSeq": ("CSeq: 1 ", "CSeq: 4294967296 ", "Bad CSeq"),
    "negative CSeq": ("CSeq: 1 ", "CSeq: -1 ", "Bad CSeq"),
    "length too long": ("Content-Length: 0", "Content-Length: 9", "Content-Length Beyond The End"),
    "negative length": ("Content-Length: 0", "Content-Length: -1", "Bad Content-Length"),
    "huge length": ("Content-Length: 0", "Content-Length: 99999999999999999999", None),
    "hops no number": ("Max-Forwards: 70", "Max-Forwards: many", "Bad Max-Forwards"),
    "too many hops": ("Max-Forwards: 70", "Max-Forwards: 256", "Bad Max-Forwards"),
    "open quote": ("From: <", 'From: "Alice <', "Bad From"),
    "open bracket": ("To: <sip:bob@example.test>", "To: <sip:bob@example.test", "Bad To"),
    "bare CR": ("Max-Forwards: 70", "X: a\rb\r\nMax-Forwards: 70", "Bad Line End"),
    "no colon": ("Max-Forwards: 70", "X\r\nMax-Forwards: 70", "Bad Header Field"),
    "space in URI": ("bob@example.test SIP", "b b@example.test SIP", "Bad Request-URI"),
    "URI in brackets": ("MESSAGE sip:bob@example.test", "MESSAGE <sip:bob@example.test>",
                        "Bad Request-URI"),
    "bad escape": ("MESSAGE sip:bob@", "MESSAGE sip:%zz@", "Bad Request-URI"),
    "many lines": ("Max-Forwards: 70", "X: y\r\n" * 300 + "Max-Forwards: 70", "Too Many Header Lines"),
    "many commas": ("Max-Forwards: 70", "X: " + "a," * 3000 + "\r\nMax-Forwards: 70",
                    "Too Many List Elements"),
}


@pytest.mark.parametrize("old, new, reason", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_malformed_request_is_told_what_is_wrong(site, old, new, reason):
    upstream, phone = site.upstream(), site.phone()
    site.start()
    request = phone.request("MESSAGE", BOB).with_line(old, new)
    phone.send(request)
    answer = phone.expect(400)
    assert reason is None or answer.reason == reason
    assert answer.header("Via").startswith(f"SIP/2.0/UDP {phone.host}:{phone.port};branch=")
    assert phone.ask(phone.request("OPTIONS")).status == 200
    upstream.expect_nothing(0)


SILENT = {
    "no SIP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "only a start line": b"MESSAGE sip:bob@example.test SIP/2.0\r\n\r\n",
    "binary": bytes(range(256)),
    "short": b"SIP",
    "zeros": b"\0" * 2000,
    "a bad response": b"SIP/2.0 200 OK\r\nVia: x\r\n\r\n",
    "a response of status 0": b"SIP/2.0 000 What\r\n\r\n",
    "no Via": b"MESSAGE sip:a@b SIP/2.0\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\n"
              b"CSeq: 1 MESSAGE\r\n\r\n",
    "a bad ACK": b"ACK sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\n\r\n",
}


@pytest.mark.parametrize("raw", SILENT.values(), ids=SILENT.keys())
def test_what_cannot_be_answered_is_dropped(site, raw):
    site.start()
    phone = site.phone()
    phone.send(raw)
    assert phone.ask(phone.request("OPTIONS")).status == 200
    phone.expect_nothing(0.05)


POLICY = {
    "scheme": (["MESSAGE", "tel:+31201234567"], {}, 416, "Unsupported URI Scheme"),
    "scheme nobody knows": (["MESSAGE", "nobodyKnowsThisScheme:x"], {}, 416, "Unsupported URI Scheme"),
    "foreign domain": (["MESSAGE", "sip:bob@other.test"], {}, 403, "Domain Not Served Here"),
    "foreign address": (["INVITE", "sip:bob@192.0.2.77"], {}, 403, "Domain Not Served Here"),
    "foreign REGISTER": (["REGISTER", "sip:other.test"], {}, 404, None),
    "extension": (["MESSAGE", BOB], {"fields": [("Proxy-Require", "magic, more")]}, 420,
                  "Bad Extension"),
}


@pytest.mark.parametrize("args, more, status, reason", POLICY.values(), ids=POLICY.keys())
def test_what_is_not_forwarded_is_told_why(site, args, more, status, reason):
    upstream, phone = site.upstream(), site.phone()
    site.start()
    phone.send(phone.request(*args, **more))
    answer = phone.expect(status)
    assert reason is None or answer.reason == reason
    assert status != 420 or answer.header("Unsupported") == "magic, more"
    upstream.expect_nothing(0.05)


@pytest.mark.parametrize("method", ["MESSAGE", "INVITE"])
def test_no_hops_left(site, method):
    site.start()
    phone = site.phone()
    request = phone.request(method, BOB).with_line("Max-Forwards: 70", "Max-Forwards: 0")
    answer = refused(phone, request, 483, "Too Many Hops")
    assert answer.to_tag


def test_a_wrong_version(site):
    site.start()
    phone = site.phone()
    request = phone.request("OPTIONS").with_line("SIP/2.0\r\n", "SIP/7.0\r\n")
    refused(phone, request, 505, "Version Not Supported")


def test_a_loop_ends(site):
    """The upstream sends a request back as if it came from a phone, with our Via in it."""
    upstream, phone = site.upstream(), site.phone()
    site.start()
    phone.send(phone.request("MESSAGE", BOB))
    there = upstream.expect("MESSAGE")
    mirror = site.phone("mirror")
    back = there.with_line("Via: ", f"Via: {mirror.via()}\r\nVia: ")
    mirror.send(back)
    mirror.expect(482)
    upstream.answer(there, 200)
    phone.expect(200)


# ---------------------------------------------------------------- other users' traffic

def wrong_messages(phone):
    """Every mistake above, and a valid request cut off, and spoiled, at every place."""
    valid = phone.request("OPTIONS", fields=[("Route", "<sip:other.test;lr>")])
    for old, new, _ in MISTAKES.values():
        yield phone.request("MESSAGE", BOB).with_line(old, new).raw
    yield from SILENT.values()
    for i in range(1, len(valid.raw)):
        yield valid.raw[:i]
    for i in range(len(valid.raw)):
        yield valid.raw[:i] + b"\xff" + valid.raw[i + 1:]
        yield valid.raw[:i] + b"\0" + valid.raw[i + 1:]
        yield valid.raw[:i] + b'"' + valid.raw[i + 1:]


def test_a_call_goes_on_among_wrong_messages(site):
    upstream, phone, stranger = site.upstream(), site.phone(), site.phone("stranger")
    site.start()
    invite = phone.send(phone.request("INVITE", BOB))
    there = upstream.expect("INVITE")
    for n, raw in enumerate(wrong_messages(stranger)):
        stranger.socket.sendto(raw, site.access)
        if n % 100 == 0:
            assert phone.ask(phone.request("OPTIONS")).status == 200
    upstream.answer(there, 180)
    phone.expect(180)
    upstream.answer(there, 200)
    phone.ack(invite, phone.expect(200, of=invite))
    upstream.expect("ACK")


def test_wrong_answers_of_an_upstream_harm_nobody(site):
    upstream, phone = site.upstream(), site.phone()
    site.start()
    invite = phone.send(phone.request("INVITE", BOB))
    there = upstream.expect("INVITE")
    ringing = sip.response(there, 180).raw
    for i in range(1, len(ringing)):
        upstream.socket.sendto(ringing[:i], site.access)
    for old, new in [("SIP/2.0 180", "SIP/2.0 999"), ("CSeq: 1", "CSeq: 1 1"), ("To: ", "To: <"),
                     ("Via: ", "Via: ,"), ("Call-ID: ", "")]:
        upstream.send(sip.Message(ringing).with_line(old, new), to=site.access)
    assert phone.ask(phone.request("OPTIONS")).status == 200
    phone.waiting.clear()  # what was cut off behind the headers has passed as a 180
    upstream.answer(there, 200)
    phone.ack(invite, phone.expect(200, of=invite))


# ---------------------------------------------------------------- a flood

def flood(socket, target, stop, counted):
    """20,000 datagrams of nothing good, a burst at a time."""
    rng = random.Random(4475)
    start = b"INVITE sip:bob@example.test SIP/2.0\r\n"
    via = b"Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK%d\r\n"
    for i in range(20000):
        kind = i % 5
        raw = rng.randbytes(rng.randint(1, 1400)) if kind < 2 else \
            start + rng.randbytes(200) if kind == 2 else \
            start + via % i + b"To: <" * 100 + b"\r\n\r\n" if kind == 3 else \
            b"SIP/2.0 200 OK\r\n" + via % i + b"\r\n"
        socket.sendto(raw, target)
        counted[0] += 1
        if i % 200 == 199 and stop.wait(0.005):
            return


def test_a_flood_of_garbage_does_not_stop_a_call(site):
    upstream, phone, stranger = site.upstream(), site.phone(), site.phone("stranger")
    site.start()
    stop, counted = threading.Event(), [0]
    thread = threading.Thread(target=flood, args=(stranger.socket, site.access, stop, counted))
    calls = 0
    with upstream.serving(lambda request: [180, 200]):
        thread.start()
        while thread.is_alive() or calls < 5:
            invite = phone.request("INVITE", BOB)
            answer = phone.ask(invite)
            assert answer.status == 200
            phone.ack(invite, answer)
            calls += 1
            thread.join(0.01)
    stop.set()
    thread.join()
    assert counted[0] == 20000 and calls >= 5


def test_a_line_of_endless_contacts_meets_its_limit(site):
    """A record that grows beyond what the store handles: this device is refused, nothing else."""
    site.judge_upstream()
    site.config.set('domain "example.test"', max_contacts=32, max_branches=32)
    site.registrar()
    site.start()
    phones = [site.registering("alice", "pw") for _ in range(20)]
    statuses = [phone.send_register(f"<{phone.contact};p={'x' * 60000}>", 300).status
                for phone in phones]
    n = statuses.index(503)
    assert n > 10 and statuses == [200] * n + [503] * (20 - n)
    assert site.registering("bob", "pw").register().status == 200
    assert phones[0].send_register(f"<{phones[0].contact};p={'x' * 60000}>", 300).status == 200
