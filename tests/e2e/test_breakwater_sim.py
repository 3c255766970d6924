"""breakwater-sim by itself: its registrar against requests made by hand, its phones against it."""
import collections
import hashlib
import json
import os
import re
import socket
import subprocess
import time

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.join(os.environ.get('BREAKWATER_BIN', os.path.join(ROOT, 'build', 'bin')),
                       'breakwater-sim')


def run(*args):
    return subprocess.run([PROGRAM, *args], capture_output=True, text=True, timeout=60)


class Registrar:
    """A running registrar with a control socket and a journal."""

    def __init__(self, folder, *options):
        self.socket = str(folder / 'control.sock')
        self.log = folder / 'journal'
        self.process = subprocess.Popen(
            [PROGRAM, 'registrar', '--listen', 'udp:127.0.0.1:0', '--domain', 'example.com',
             '--control', self.socket, '--log', str(self.log), *options],
            stdout=subprocess.PIPE, text=True)
        ready = json.loads(self.process.stdout.readline())
        self.address = ready['listen']
        self.port = int(self.address.rsplit(':', 1)[1])

    def command(self, line):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(self.socket)
            s.sendall(line.encode() + b'\n')
            answer = s.makefile().readline().strip()
        return json.loads(answer) if answer[:1] in '{[' else answer

    def journal(self):
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def stop(self):
        """The figures that it ends with."""
        self.process.terminate()
        out, _ = self.process.communicate(timeout=10)
        assert self.process.returncode == 0
        return json.loads(out.splitlines()[-1])


@pytest.fixture
def registrar(tmp_path):
    started = []

    def start(*options):
        started.append(Registrar(tmp_path, *options))
        return started[-1]

    yield start
    for r in started:
        if r.process.poll() is None:
            r.process.kill()
            r.process.communicate()


class Client:
    """Sends one REGISTER at a time and waits for its answer."""

    def __init__(self, registrar, user='alice'):
        self.peer = ('127.0.0.1', registrar.port)
        self.user = user
        self.cseq = 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(('127.0.0.1', 0))
        self.socket.settimeout(10)
        self.contact = f'<sip:{user}@127.0.0.1:{self.socket.getsockname()[1]}>'

    def send(self, contact=None, expires=60, extra='', method='REGISTER'):
        self.cseq += 1
        lines = [f'{method} sip:example.com SIP/2.0',
                 f'Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK{self.user}{self.cseq};rport',
                 f'From: <sip:{self.user}@example.com>;tag=t', f'To: <sip:{self.user}@example.com>',
                 f'Call-ID: {self.user}', f'CSeq: {self.cseq} {method}', 'Max-Forwards: 70',
                 f'Contact: {contact or self.contact}', f'Expires: {expires}']
        text = '\r\n'.join(lines) + '\r\n' + extra + 'Content-Length: 0\r\n\r\n'
        self.socket.sendto(text.encode(), self.peer)

    def receive(self):
        text = self.socket.recv(65535).decode()
        return int(text.split()[1]), text

    def ask(self, **what):
        self.send(**what)
        return self.receive()


def credentials(answer, user, password, uri='sip:example.com', count=1, function=hashlib.sha256):
    nonce = re.search('nonce="([^"]+)"', answer).group(1)
    realm = re.search('realm="([^"]+)"', answer).group(1)

    def h(*parts):
        return function(':'.join(parts).encode()).hexdigest()

    response = h(h(user, realm, password), nonce, f'{count:08x}', 'c', 'auth', h('REGISTER', uri))
    name = {hashlib.md5: 'MD5', hashlib.sha256: 'SHA-256'}[function]
    return (f'Authorization: Digest username="{user}", realm="{realm}", nonce="{nonce}", '
            f'uri="{uri}", response="{response}", algorithm={name}, qop=auth, nc={count:08x}, '
            'cnonce="c"\r\n')


# ---------------------------------------------------------------- the command line

def test_wrong_use_is_64():
    assert run().returncode == 64
    assert run('nonsense').returncode == 64
    assert run('registrar', '--nonsense').returncode == 64
    assert run('phones', '--json=1').returncode == 64
    assert run('registrar', 'stray').returncode == 64
    assert run('registrar', '--grant').returncode == 64
    for option, value, word in [('--grant', 'x', 'number'), ('--listen', 'tcp:127.0.0.1', 'udp:'),
                                ('--challenge', 'maybe', 'never'), ('--algorithm', 'ROT13', 'NAME'),
                                ('--refuse', '200', 'STATUS')]:
        result = run('registrar', option, value)
        assert result.returncode == 64 and option in result.stderr and word in result.stderr
    for option, value, word in [('--count', '0', 'from 1 to'), ('--domain', 'a b', 'NAME'),
                                ('--refresh-at', '90-50', 'PERCENT'), ('--user-format', 'x', '%d')]:
        result = run('phones', option, value)
        assert result.returncode == 64 and option in result.stderr and word in result.stderr


def test_help_and_version_end_well():
    assert run('--version').stdout.startswith('breakwater-sim ')
    assert run('--help').returncode == 0
    assert '--listen udp:IP:PORT' in run('registrar', '--help').stdout


def test_the_manual_has_every_option():
    page = open(os.path.join(ROOT, 'docs', 'man', 'breakwater-sim.1'), encoding='utf-8').read()
    options = [name for command in ('registrar', 'phones')
               for name in re.findall(r'^  --([a-z0-9-]+)', run(command, '--help').stdout, re.M)]
    assert len(options) > 35
    assert [o for o in options if o != 'help' and f'.It Fl -{o}' not in page] == []


def test_a_busy_port_is_told(registrar):
    r = registrar()
    result = run('registrar', '--listen', r.address)
    assert result.returncode == 1 and 'in use' in result.stderr


# ---------------------------------------------------------------- the registrar

def test_bindings_come_and_go(registrar):
    r = registrar('--min-expires', '30', '--service-route', 'sip:edge.example.com;lr')
    c = Client(r)
    status, text = c.ask(extra='Path: <sip:edge1;lr>\r\nPath: <sip:edge2;lr>\r\n')
    assert status == 200 and f'Contact: {c.contact};expires=60\r\n' in text
    assert 'Path: <sip:edge1;lr>, <sip:edge2;lr>\r\n' in text
    assert 'Service-Route: <sip:edge.example.com;lr>\r\n' in text
    assert r.command('bindings alice@example.com') == [f'{c.contact};expires=60']
    status, text = c.ask(expires=29)
    assert status == 423 and 'Min-Expires: 30\r\n' in text
    assert c.ask(contact='*', expires=0)[0] == 200
    assert r.command('bindings alice@example.com') == []
    c.cseq -= 2
    assert c.ask()[0] == 200
    c.cseq -= 2
    assert c.ask()[0] == 500
    figures = r.stop()
    assert figures['registers'] == 5 and figures['ok'] == 3 and figures['bindings'] == 1


def test_challenges(registrar):
    r = registrar('--password', 'pw', '--password-of', 'bob=other', '--algorithm', 'SHA-256,MD5')
    c = Client(r)
    status, text = c.ask()
    assert status == 401 and text.count('WWW-Authenticate: Digest realm="example.com"') == 2
    assert c.ask(extra=credentials(text, 'alice', 'pw'))[0] == 200
    assert c.ask(extra=credentials(text, 'alice', 'pw', count=2))[0] == 200
    status, stale = c.ask(extra=credentials(text, 'alice', 'pw', count=2))
    assert status == 401 and 'stale=true' in stale
    assert c.ask(extra=credentials(stale, 'alice', 'pw', function=hashlib.md5))[0] == 200
    status, text = c.ask(extra=credentials(stale, 'alice', 'wrong'))
    assert status == 401 and 'stale' not in text
    assert c.ask(extra=credentials(text, 'bob', 'pw'))[0] == 401
    assert c.ask(extra=credentials(text, 'bob', 'other'))[0] == 403
    assert c.ask(extra=credentials(text, 'alice', 'pw', uri='sip:other'))[0] == 400
    assert r.stop()['challenges'] == 4


def test_a_nonce_for_one_request(registrar):
    r = registrar('--password', 'pw', '--challenge', 'once')
    c = Client(r)
    text = c.ask()[1]
    assert c.ask(extra=credentials(text, 'alice', 'pw', function=hashlib.md5))[0] == 200
    status, text = c.ask(extra=credentials(text, 'alice', 'pw', count=2, function=hashlib.md5))
    assert status == 401 and 'stale=true' in text


def test_outages_by_command(registrar):
    r = registrar('--retry-after', '7')
    c = Client(r)
    assert c.ask()[0] == 200
    assert r.command('refuse 503:alice') == 'ok'
    status, text = c.ask()
    assert status == 503 and 'Retry-After: 7\r\n' in text
    assert Client(r, 'bob').ask()[0] == 200
    assert r.command('refuse off') == 'ok'
    assert r.command('silent on') == 'ok'
    c.socket.settimeout(0.2)
    with pytest.raises(TimeoutError):
        c.ask()
    assert r.command('silent off') == 'ok'
    c.socket.settimeout(10)
    assert r.command('answer-delay 100') == 'ok'
    assert c.ask()[0] == 200
    assert r.command('flush') == 'ok'
    assert r.command('stats')['bindings'] == 0
    assert r.command('grant 1000x').startswith('error: ')
    assert r.command('listen udp:127.0.0.1:1').startswith('error: ')
    assert r.command('bindings').startswith('error: ')


def test_the_journal_says_what_came(registrar):
    r = registrar()
    c = Client(r)
    c.ask()
    c.ask(method='OPTIONS')
    c.ask(method='MESSAGE')
    c.socket.sendto(b'REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP x\r\n\r\n', c.peer)
    assert c.receive()[0] == 400
    first, options, message, bad = r.journal()
    assert first['aor'] == 'alice@example.com' and first['call-id'] == 'alice'
    assert first['cseq'] == 1 and first['contacts'] == [c.contact] and first['expires'] == 60
    assert [e['status'] for e in (first, options, message, bad)] == [200, 200, 405, 400]


def test_other_domains_are_404(registrar):
    c = Client(registrar())
    c.send(extra='')
    assert c.receive()[0] == 200
    text = ('REGISTER sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1;rport\r\n'
            'From: <sip:a@x>;tag=t\r\nTo: <sip:a@x>\r\nCall-ID: x\r\nCSeq: 1 REGISTER\r\n\r\n')
    c.socket.sendto(text.encode(), c.peer)
    assert c.receive()[0] == 404


# ---------------------------------------------------------------- phones

def phones(registrar, *options, code=0, duration=1):
    """A run against the registrar: its report."""
    result = run('phones', '--target', registrar.address, '--json', '--duration', str(duration),
                 *options)
    assert result.returncode == code, result.stdout + result.stderr
    report = json.loads(result.stdout)
    for counter in ('sent', 'answered', 'ok', 'lost', 'wrong', 'retransmitted'):
        assert sum(s[counter] for s in report['timeline']) == report[counter]
    return report


def test_phones_register_and_refresh(registrar):
    r = registrar()
    report = phones(r, '--count', '300', '--expires', '2', '--rate', '0', '--sources', '7',
                    duration=3)
    assert report['registered'] == 300 and r.command('stats')['aors'] == 300
    assert 600 <= report['ok'] == report['sent'] <= 1200
    journal = r.journal()
    assert len({e['source'] for e in journal}) == 7
    assert len({e['call-id'] for e in journal}) == 300
    for user in ('phone0', 'phone299'):
        mine = [e for e in journal if e['aor'] == f'{user}@example.com']
        assert [e['cseq'] for e in mine] == list(range(1, len(mine) + 1))
        for before, after in zip(mine, mine[1:]):
            assert 0.9 <= after['time'] - before['time'] <= 3


def test_devices_of_a_line(registrar):
    r = registrar()
    phones(r, '--count', '7', '--devices-per-line', '3', '--sources', '1', '--instance',
           '--user-format', '+31%03d', '--first-user', '20')
    assert r.command('stats')['aors'] == 3
    assert len(r.command('bindings +31020@example.com')) == 3
    last, = r.command('bindings +31022@example.com')
    assert last.startswith('<sip:+31022@127.1.0.1:') and ';+sip.instance="<urn:uuid:' in last


@pytest.mark.parametrize('algorithm', ['MD5', 'SHA-256', 'SHA-512-256', 'SHA-256,MD5'])
def test_phones_answer_challenges(registrar, algorithm):
    r = registrar('--password', 'pw', '--algorithm', algorithm)
    report = phones(r, '--count', '20', '--password', 'pw', '--expires', '1', '--rate', '0')
    assert report['challenged'] == 20 and report['registered'] == 20 and report['ok'] > 20
    assert phones(r, '--count', '20', '--password', 'wrong')['statuses'] == {'401': 40}
    assert phones(r, '--count', '20')['statuses'] == {'401': 20}


def test_phones_take_a_new_nonce(registrar):
    r = registrar('--password', 'pw', '--challenge', 'once')
    report = phones(r, '--count', '10', '--password', 'pw', '--closed-loop', '--window', '4')
    assert report['registered'] == 10
    assert abs(report['challenged'] - report['ok']) <= 4


def test_phones_obey_min_expires_and_the_grant(registrar):
    r = registrar('--min-expires', '3600')
    report = phones(r, '--count', '10')
    assert report['statuses'] == {'200': 10, '423': 10} and report['registered'] == 10
    assert r.command('grant 1') == 'ok'
    assert phones(r, '--count', '10', '--rate', '0')['ok'] >= 20


def test_phones_obey_retry_after(registrar):
    r = registrar('--refuse', '503', '--retry-after', '1')
    report = phones(r, '--count', '10', '--rate', '0', duration=3)
    assert 20 <= report['statuses']['503'] <= 40 and report['registered'] == 0
    r.command('retry-after 0')
    assert phones(r, '--count', '10', '--rate', '0')['statuses'] == {'503': 10}


def test_phones_remove_themselves(registrar):
    r = registrar()
    assert phones(r, '--count', '100', '--rate', '0', '--unregister')['registered'] == 0
    assert r.command('stats')['bindings'] == 0


def test_a_silent_server_costs_the_run(registrar):
    r = registrar('--silent', 'on')
    report = phones(r, '--count', '3', '--rate', '0', '--timeout', '1', code=2, duration=2)
    assert report['lost'] == 3 and report['answered'] == 0 and report['registered'] == 0
    assert 3 <= report['retransmitted'] <= 6  # after 0.5 s, and where that was late, again


def test_lost_packets_are_sent_again(registrar):
    r = registrar('--drop', '2', '--drop-answers', '2')
    report = phones(r, '--count', '500', '--rate', '0', duration=4)
    assert report['registered'] == 500
    assert 3 <= r.command('stats')['dropped'] <= report['retransmitted']


def test_a_closed_loop_goes_round(registrar):
    r = registrar()
    report = phones(r, '--count', '50', '--closed-loop')
    assert report['ok'] > 500
    counts = collections.Counter(e['aor'] for e in r.journal())
    assert len(counts) == 50 and max(counts.values()) - min(counts.values()) <= 2
    report = phones(r, '--count', '50', '--closed-loop', '--rate', '200')
    assert 150 <= report['ok'] <= 210


class Liar(socket.socket):
    """A server that gives one answer of its own."""

    def __init__(self):
        super().__init__(socket.AF_INET, socket.SOCK_DGRAM)
        self.bind(('127.0.0.1', 0))
        self.settimeout(10)
        self.address = f'udp:127.0.0.1:{self.getsockname()[1]}'

    def phones(self, *answers):
        """One phone that gets these changes to a good answer; its report."""
        with subprocess.Popen([PROGRAM, 'phones', '--target', self.address, '--json', '--count',
                               '1', '--duration', '60'], stdout=subprocess.PIPE, text=True) as p:
            request, phone = self.recvfrom(65535)
            copied = ('Via', 'From', 'To', 'Call-ID', 'CSeq', 'Contact')
            more = {'To': ';tag=x', 'Contact': ';expires=60'}
            lines = [line + more.get(line.split(':')[0], '')
                     for line in request.decode().split('\r\n') if line.split(':')[0] in copied]
            good = '\r\n'.join(['SIP/2.0 200 OK', *lines, '', ''])
            for old, new in answers:
                assert old in good
                self.sendto(good.replace(old, new).encode(), phone)
            time.sleep(0.2)
            p.terminate()  # the second one: do not wait for an answer that is missing
            time.sleep(0.2)
            p.terminate()
            out, _ = p.communicate(timeout=30)
            return p.returncode, json.loads(out)


@pytest.mark.parametrize('old, new, fault', [
    (';expires=60', ';expires=0', 'without-expiry'),
    (';expires=60', '', 'without-expiry'),
    ('Contact: <sip:phone0@127', 'Contact: <sip:phone0@128', 'not-listed'),
    ('Contact: ', 'Contact: <sip:mallory@127.0.0.1>;expires=60, ', 'foreign-contact'),
    ('Contact: <', 'Contact: <<', 'malformed'),
    ('Call-ID: ', 'Call-ID: x', 'other-dialog'),
    ('CSeq: 1', 'CSeq: 2', 'other-dialog'),
    (';tag=x', '', 'other-dialog'),
    ('branch=z9hG4bK', 'branch=z9hG4bKx', 'other-dialog'),
    ('From: ', 'Frm: ', 'malformed'),
])
def test_wrong_answers_are_seen(old, new, fault):
    with Liar() as liar:
        code, report = liar.phones((old, new))
    assert code == 2 and report['faults'] == {fault: 1}


def test_good_and_late_answers_are_no_fault():
    with Liar() as liar:
        code, report = liar.phones(('200 OK', '100 Trying'), ('200', '200'), ('200', '200'))
    assert code == 0 and report['ok'] == 1 and report['late'] == 1 and report['registered'] == 1


def test_a_signal_ends_the_run_with_a_report(registrar):
    r = registrar()
    with subprocess.Popen([PROGRAM, 'phones', '--target', r.address, '--duration', '600'],
                          stdout=subprocess.PIPE, text=True) as p:
        while r.command('stats')['bindings'] < 100:
            pass
        p.terminate()
        out, _ = p.communicate(timeout=30)
    assert p.returncode == 0 and re.search(r'registered +100\n', out)


def test_ipv6_has_sources_by_port():
    with subprocess.Popen([PROGRAM, 'registrar', '--listen', 'udp:[::1]:0', '--domain',
                           'example.com'], stdout=subprocess.PIPE, text=True) as p:
        line = p.stdout.readline()
        if not line:
            pytest.skip('no IPv6 here')
        result = run('phones', '--target', json.loads(line)['listen'], '--count', '20', '--sources',
                     '5', '--duration', '1', '--json')
        p.terminate()
        p.communicate(timeout=10)
    assert result.returncode == 0 and json.loads(result.stdout)['registered'] == 20
