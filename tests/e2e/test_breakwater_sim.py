"""breakwater-sim by itself: its registrar against requests made by hand."""
import hashlib
import json
import os
import re
import socket
import subprocess

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
    assert run('registrar', 'stray').returncode == 64
    assert run('registrar', '--grant').returncode == 64
    for option, value, word in [('--grant', 'x', 'number'), ('--listen', 'tcp:127.0.0.1', 'udp:'),
                                ('--challenge', 'maybe', 'never'), ('--algorithm', 'ROT13', 'NAME'),
                                ('--refuse', '200', 'STATUS')]:
        result = run('registrar', option, value)
        assert result.returncode == 64 and option in result.stderr and word in result.stderr


def test_help_and_version_end_well():
    assert run('--version').stdout.startswith('breakwater-sim ')
    assert run('--help').returncode == 0
    assert '--listen udp:IP:PORT' in run('registrar', '--help').stdout


def test_the_manual_has_every_option():
    page = open(os.path.join(ROOT, 'docs', 'man', 'breakwater-sim.1'), encoding='utf-8').read()
    options = re.findall(r'^  --([a-z0-9-]+)', run('registrar', '--help').stdout, re.M)
    assert len(options) > 15
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
