"""The demonstration, in its short form, and the configuration that README.md shows."""
import json
import os
import re
import signal
import socket
import subprocess
import time

import pytest

from harness import net
from harness.daemon import Daemon, binary, run_daemon
from harness.program import Program, run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Demo:
    """A run in a process group of its own, with its temporary files in a folder of the test's."""

    def __init__(self, folder):
        self.folder = folder
        self.process = subprocess.Popen(
            [os.path.join(ROOT, 'scripts', 'demo'), os.path.dirname(binary()), '--short'],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
            env={**os.environ, 'TMPDIR': str(folder)})

    def left(self):
        """Processes of its session that are still there."""
        found = subprocess.run(['pgrep', '-s', str(self.process.pid)], capture_output=True,
                               text=True, check=False)
        return found.stdout.split()

    def clean(self):
        return not self.left() and not os.listdir(self.folder)


@pytest.fixture
def demo(tmp_path):
    d = Demo(tmp_path)
    yield d
    if d.process.poll() is None or d.left():
        os.killpg(d.process.pid, signal.SIGKILL)
        d.process.communicate()


def test_the_short_demonstration(demo):
    out, _ = demo.process.communicate(timeout=120)
    assert demo.process.returncode == 0, out
    assert 'WRONG' not in out
    for line in ('bindings lost +0\n', 'calls placed, answered +40, 40\n',
                 'devices rung, cancelled +80, 40\n', 'REGISTERs lost, wrong answers +0, 0\n'):
        assert re.search(line, out), out
    assert demo.clean()


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demonstration_leaves_nothing(demo, number):
    time.sleep(3)
    os.kill(demo.process.pid, number)
    out, _ = demo.process.communicate(timeout=60)
    assert demo.process.returncode == 130, out
    assert demo.clean()


# ---------------------------------------------------------------- README.md

@pytest.fixture
def readme():
    with open(os.path.join(ROOT, 'README.md'), encoding='utf-8') as f:
        text, = re.findall(r'^```conf\n(.*?)^```', f.read(), re.M | re.S)
    return text


def test_the_readme_s_configuration_is_good(readme, tmp_path):
    assert len(readme.splitlines()) <= 10
    path = tmp_path / 'breakwater.conf'
    path.write_text(readme)
    code, out, err = run_daemon('-t', '-c', str(path))
    assert code == 0 and 'warning' not in (out + err), out + err


def test_phones_register_by_the_readme_s_configuration(readme, tmp_path):
    here = net.Net()
    proxy = net.text(here.proxy, net.free_port(here.proxy))
    registrar = net.text(here.upstream, net.free_port(here.upstream))
    places = {'203.0.113.5:5060': proxy, '192.0.2.10:5060': registrar,
              '127.0.0.1:8060': net.text(here.proxy, net.free_port(here.proxy, socket.SOCK_STREAM)),
              '/var/lib/breakwater': str(tmp_path / 'state'), '/run/breakwater': str(tmp_path)}
    for old, new in places.items():
        assert readme.count(old) == 1
        readme = readme.replace(old, new)
    sim = binary('breakwater-sim')
    upstream = Program('registrar', [sim, 'registrar', '--listen', f'udp:{registrar}',
                                     '--password', 'pw'], str(tmp_path))
    daemon = Daemon(readme, str(tmp_path))
    try:
        daemon.wait_ready()
        upstream.wait_output('"ready":true')
        code, out, err = run([sim, 'phones', '--target', f'udp:{proxy}', '--count', '10',
                              '--devices-per-line', '2', '--password', 'pw', '--duration', '1',
                              '--json'], 30)
        assert code == 0 and json.loads(out)['registered'] == 10, out + err
    finally:
        upstream.end()
        problems = daemon.close()
    assert not problems
