"""breakwater-sim's calls: its registrar as the caller, its phones as those who are called."""
import json
import re
import socket
import subprocess
import time

import pytest

from test_breakwater_sim import PROGRAM, Client, phones, registrar  # noqa: F401, a fixture

assert registrar


def wait_for(registrar, *names, value, seconds=10):
    """Until these figures of its calls come to that in sum."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        calls = registrar.command('stats')['calls']
        if sum(calls[n] for n in names) == value and not calls['under_way']:
            return calls
        time.sleep(0.05)
    raise AssertionError(calls)


# ---------------------------------------------------------------- both together

def test_calls_are_answered_and_ended(registrar):
    r = registrar('--calls-per-second', '50', '--calls', '20', '--call-duration', '100')
    report = phones(r, '--count', '5', '--rate', '0', '--answer-after', '50', duration=2)
    calls = wait_for(r, 'answered', value=20)
    assert calls['placed'] == calls['rang'] == calls['ended'] == 20
    assert calls['statuses'] == {'200': 20} and calls['wrong'] == calls['timeouts'] == 0
    assert report['calls'] == {'invited': 20, 'rung': 20, 'answered': 20, 'confirmed': 20,
                               'cancelled': 0, 'refused': 0, 'ended': 20, 'other': 0}


def test_patience_ends(registrar):
    r = registrar('--calls-per-second', '50', '--calls', '6', '--ring-time', '200')
    report = phones(r, '--count', '6', '--rate', '0', '--answer', 'none', duration=2)
    calls = wait_for(r, 'cancelled', value=6)
    assert calls['rang'] == 6 and calls['answered'] == 0 and calls['statuses'] == {'487': 6}
    assert report['calls']['cancelled'] == report['calls']['rung'] == 6


def test_busy_phones_refuse(registrar):
    r = registrar('--calls-per-second', '50', '--calls', '6')
    report = phones(r, '--count', '6', '--rate', '0', '--answer', 'busy', '--answer-after', '50',
                    duration=2)
    calls = wait_for(r, 'refused', value=6)
    assert calls['rang'] == 6 and calls['answered'] == 0 and calls['statuses'] == {'486': 6}
    assert report['calls']['refused'] == report['calls']['rung'] == 6


def test_only_the_first_device_answers(registrar):
    r = registrar('--ring-time', '400')
    with subprocess.Popen([PROGRAM, 'phones', '--target', r.address, '--json', '--count', '6',
                           '--devices-per-line', '3', '--instance', '--answer-after', '50',
                           '--duration', '60'], stdout=subprocess.PIPE, text=True) as p:
        while r.command('stats')['bindings'] < 6:
            time.sleep(0.01)
        r.command('calls 6')
        r.command('calls-per-second 50')
        calls = wait_for(r, 'answered', 'cancelled', value=6)
        p.terminate()
        report = json.loads(p.communicate(timeout=30)[0])
    assert p.returncode == 0
    assert (calls['answered'], calls['cancelled']) == (2, 4)
    assert (report['calls']['answered'], report['calls']['cancelled']) == (2, 4)


def test_a_contact_without_an_address_is_not_called(registrar):
    r = registrar()
    assert Client(r).ask(contact='<sip:alice@phone.example.com>')[0] == 200
    r.command('calls 3')
    r.command('calls-per-second 100')
    assert wait_for(r, 'unreachable', value=3)['placed'] == 3


# ---------------------------------------------------------------- a phone made by hand is called

class Called(Client):
    """A registered phone that shows the registrar's calls."""

    def __init__(self, r, *commands):
        super().__init__(r)
        assert self.ask()[0] == 200
        for line in ('calls 1', *commands, 'calls-per-second 100'):
            assert r.command(line) == 'ok'

    def expect(self, method):
        text = self.socket.recv(65535).decode()
        assert text.split()[0] == method, text
        return text

    def answer(self, request, line, tag='', extra=''):
        kept = [li for li in request.split('\r\n')
                if li.split(':')[0] in ('Via', 'From', 'To', 'Call-ID', 'CSeq')]
        kept = [li + (f';tag={tag}' if tag and li.startswith('To:') and ';tag=' not in li else '')
                for li in kept]
        text = '\r\n'.join([f'SIP/2.0 {line}', *kept]) + '\r\n' + extra + '\r\n'
        self.socket.sendto(text.encode(), self.peer)

    def ok(self, invite, tag):
        here = self.contact.strip('<>').split('@')[1]
        routes = (f'Record-Route: <sip:{here};lr;n=1>, <sip:far.test;lr>\r\n'
                  f'Record-Route: <sip:{here};lr;n=2>\r\n')
        self.answer(invite, '200 OK', tag, routes + 'Contact: <sip:me@nowhere.test>\r\n')


def field(text, name):
    return re.search(f'^{name}: (.*?)\r$', text, re.M).group(1)


def branch(text):
    return re.search('branch=([^;\r]+)', field(text, 'Via')).group(1)


def test_an_invite_is_repeated_until_it_is_heard(registrar):
    r = registrar()
    phone = Called(r)
    first = phone.expect('INVITE')
    assert first.startswith(f'INVITE {phone.contact.strip("<>")} SIP/2.0\r\n')
    assert 'm=audio' in first and field(first, 'Content-Type') == 'application/sdp'
    began = time.monotonic()
    assert phone.expect('INVITE') == first
    assert 0.3 < time.monotonic() - began < 2
    phone.answer(first, '100 Trying')
    phone.socket.settimeout(1.5)
    with pytest.raises(TimeoutError):
        phone.expect('INVITE')
    phone.answer(first, '486 Busy', tag='x')
    ack = phone.expect('ACK')
    assert branch(ack) == branch(first) and field(ack, 'To').endswith(';tag=x')
    phone.answer(first, '486 Busy', tag='x')
    assert phone.expect('ACK') == ack
    assert wait_for(r, 'refused', value=1)['statuses'] == {'486': 1}


def test_every_answer_gets_its_ack_and_bye(registrar):
    r = registrar()
    phone = Called(r, 'call-duration 600')
    invite = phone.expect('INVITE')
    phone.ok(invite, 'one')
    ack = phone.expect('ACK')
    assert ack.startswith('ACK sip:me@nowhere.test SIP/2.0') and branch(ack) != branch(invite)
    routes = field(ack, 'Route')
    assert re.fullmatch('<sip:[^>]*n=2>, <sip:far.test;lr>, <sip:[^>]*n=1>', routes)
    phone.ok(invite, 'one')
    assert phone.expect('ACK') == ack
    phone.ok(invite, 'two')
    assert field(phone.expect('ACK'), 'To').endswith(';tag=two')
    second = phone.expect('BYE')
    assert field(second, 'To').endswith(';tag=two') and field(second, 'CSeq') == '2 BYE'
    phone.answer(second, '200 OK')
    bye = phone.expect('BYE')
    assert field(bye, 'To') == field(ack, 'To') and field(bye, 'Route') == routes
    assert phone.expect('BYE') == bye  # timer E
    phone.answer(bye, '200 OK')
    calls = wait_for(r, 'ended', value=2)
    assert calls['answered'] == calls['more_answers'] == 1 and calls['wrong'] == 0


def test_an_answer_that_crosses_the_cancel_is_ended(registrar):
    r = registrar()
    phone = Called(r, 'ring-time 50', 'call-duration 50')
    invite = phone.expect('INVITE')
    phone.answer(invite, '180 Ringing', tag='x')
    cancel = phone.expect('CANCEL')
    assert branch(cancel) == branch(invite) and field(cancel, 'CSeq') == '1 CANCEL'
    assert phone.expect('CANCEL') == cancel
    phone.answer(cancel, '200 OK')
    phone.ok(invite, 'x')
    phone.expect('ACK')
    phone.answer(phone.expect('BYE'), '200 OK')
    calls = wait_for(r, 'ended', value=1)
    assert calls['answered'] == 1 and calls['cancelled'] == 0


def test_answers_to_no_call_are_wrong(registrar):
    r = registrar()
    phone = Called(r)
    invite = phone.expect('INVITE')
    phone.answer(invite.replace('Call-ID: ', 'Call-ID: x'), '180 Ringing', tag='x')
    phone.answer(invite, '200 OK', tag='x')  # without a Contact
    phone.answer(invite, '603 Decline', tag='x')
    calls = wait_for(r, 'refused', value=1)
    assert calls['wrong'] == 2 and calls['answered'] == 0


# ---------------------------------------------------------------- calls made by hand

class Caller(socket.socket):
    """Takes one phone's REGISTER, calls it, and gets the phone's report in the end."""

    def __init__(self, *options):
        super().__init__(socket.AF_INET, socket.SOCK_DGRAM)
        self.bind(('127.0.0.1', 0))
        self.settimeout(10)
        self.port = self.getsockname()[1]
        self.program = subprocess.Popen(
            [PROGRAM, 'phones', '--target', f'udp:127.0.0.1:{self.port}', '--json', '--count', '1',
             '--duration', '60', *options], stdout=subprocess.PIPE, text=True)
        register, self.phone = self.recvfrom(65535)
        self.uri = re.search('Contact: <([^>]+)>', register.decode()).group(1)
        kept = [li for li in register.decode().split('\r\n')
                if li.split(':')[0] in ('Via', 'From', 'To', 'Call-ID', 'CSeq', 'Contact')]
        self.sendto('\r\n'.join(['SIP/2.0 200 OK', *kept, 'Expires: 60', '', ''])
                    .replace('\r\nCall-ID', ';tag=x\r\nCall-ID').encode(), self.phone)

    def request(self, method, branch='1', cseq=1, tag='', uri=None):
        text = (f'{method} {uri or self.uri} SIP/2.0\r\n'
                f'Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK{branch}\r\n'
                f'Record-Route: <sip:127.0.0.1:{self.port};lr>\r\n'
                f'From: <sip:a@b>;tag=f\r\nTo: <sip:p@b>{tag and ";tag=" + tag}\r\nCall-ID: c\r\n'
                f'CSeq: {cseq} {method}\r\nContact: <sip:a@127.0.0.1>\r\n\r\n')
        self.sendto(text.encode(), self.phone)

    def expect(self, status, method=None):
        text = self.recv(65535).decode()
        assert text.startswith(f'SIP/2.0 {status} '), text
        assert not method or field(text, 'CSeq').endswith(method)
        return text

    def end(self):
        self.program.terminate()
        out, _ = self.program.communicate(timeout=30)
        self.close()
        return self.program.returncode, json.loads(out)


@pytest.fixture
def caller():
    started = []

    def start(*options):
        started.append(Caller(*options))
        return started[-1]

    yield start
    for c in started:
        if c.program.poll() is None:
            c.program.kill()
            c.program.communicate()
        c.close()


def to_tag(text):
    return field(text, 'To').split(';tag=')[1]


def test_a_phone_rings_and_answers(caller):
    c = caller('--answer-after', '100')
    c.request('OPTIONS', branch='0')
    assert 'INVITE' in field(c.expect(200), 'Allow')
    c.request('INVITE')
    ringing = c.expect(180)
    c.request('INVITE')
    assert c.expect(180) == ringing
    answer = c.expect(200)
    assert to_tag(answer) == to_tag(ringing) and field(answer, 'Contact') == f'<{c.uri}>'
    assert field(answer, 'Record-Route') == f'<sip:127.0.0.1:{c.port};lr>' and 'm=audio' in answer
    assert c.expect(200) == answer  # until the ACK
    c.request('ACK', branch='2', tag=to_tag(answer))
    c.request('BYE', branch='3', cseq=2, tag=to_tag(answer))
    c.expect(200, 'BYE')
    c.request('BYE', branch='3', cseq=2, tag=to_tag(answer))
    c.expect(200, 'BYE')
    code, report = c.end()
    assert code == 0 and report['faults'] == {}
    assert report['calls'] == {'invited': 1, 'rung': 1, 'answered': 1, 'confirmed': 1,
                               'cancelled': 0, 'refused': 0, 'ended': 1, 'other': 1}


def test_a_phone_is_cancelled(caller):
    c = caller('--answer', 'none')
    c.request('INVITE')
    c.expect(180)
    c.request('CANCEL')
    c.expect(200, 'CANCEL')
    refusal = c.expect(487, 'INVITE')
    assert c.expect(487) == refusal  # timer G
    c.request('ACK', tag=to_tag(refusal))
    c.request('CANCEL')
    c.expect(200, 'CANCEL')
    code, report = c.end()
    assert code == 0 and report['calls']['cancelled'] == 1 and report['calls']['answered'] == 0


def test_what_a_phone_must_not_get(caller):
    c = caller('--answer', 'none')
    c.request('INVITE', uri=c.uri.replace('phone0', 'phone1'))
    c.expect(404)
    c.request('INVITE', uri=c.uri.replace('127.1', '127.2'))
    c.expect(404)
    c.request('BYE', tag='x')
    c.expect(481)
    c.request('CANCEL')
    c.expect(481)
    c.request('ACK', tag='x')
    c.request('INVITE')
    c.expect(180)
    c.request('INVITE', branch='2')
    c.expect(482)
    c.request('CANCEL', branch='3')
    c.expect(481)
    code, report = c.end()
    assert code == 2
    assert report['faults'] == {'misdirected': 2, 'no-such-call': 4, 'called-twice': 1}
