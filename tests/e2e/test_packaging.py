"""What packages are made from, as far as that can be checked without making them. The rest is
./dev package check."""
import os
import re
import shutil
import subprocess

import pytest

from harness.daemon import run_daemon

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


def read(*path):
    with open(os.path.join(TREE, *path), encoding='utf-8') as f:
        return f.read()


def tool(name):
    """A tool that a machine may lack: then this one test is left out, and pytest says so."""
    return shutil.which(name) or pytest.skip(f'{name} is not here')


def run(*args, **more):
    done = subprocess.run(args, cwd=TREE, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=60, check=False, **more)
    return done.returncode, done.stdout


def unit(name):
    return re.findall(rf'^{name}=(.*)$', read('etc', 'breakwater.service'), re.M)


def test_the_unit_s_exposure_is_2_0_or_better():
    code, out = run(tool('systemd-analyze'), 'security', '--offline=yes', '--no-pager',
                    'etc/breakwater.service')
    score = re.search(r'Overall exposure level for breakwater.service: ([\d.]+)', out)
    assert code == 0 and score, out
    assert float(score[1]) <= 2.0, out


def test_the_unit_gives_the_daemon_the_folders_of_its_defaults():
    options = read('src', 'conf', 'options.c')
    for directive, option in (('StateDirectory', '/var/lib'), ('RuntimeDirectory', '/run')):
        assert unit(directive) == ['breakwater'] and f'"{option}/breakwater"' in options
    assert unit('StateDirectoryMode') == ['0700']


def test_what_a_restart_needs_is_not_taken_away():
    """The live lease table is kept, and boot_id, by which it is known to be of this boot, seen."""
    assert unit('RuntimeDirectoryPreserve') == ['yes'] and unit('ProcSubset') == []


def test_only_low_ports_are_allowed_beyond_a_user_s_rights():
    assert unit('CapabilityBoundingSet') == unit('AmbientCapabilities') == ['CAP_NET_BIND_SERVICE']
    assert unit('User') == ['breakwater'] and unit('NoNewPrivileges') == ['yes']


def test_a_bad_configuration_is_not_tried_again_and_again():
    assert unit('RestartPreventExitStatus') == ['64 78'] and unit('ExecStartPre') == []


def test_the_packaged_configuration_can_be_started_and_is_on_loopback():
    code, out, err = run_daemon('-t', '-c', os.path.join(TREE, 'etc', 'breakwater.conf'))
    assert (code, err) == (0, '') and 'good' in out
    active = re.sub(r'#.*', '', read('etc', 'breakwater.conf'))
    assert re.findall(r'address\s*=\s*"(.*?)"', active) == ['udp:127.0.0.1:5060']


def test_the_system_lets_a_socket_have_the_buffers_it_asks_for():
    size = re.search(r'SOCKET_BUFFER = ([\d *]+)', read('src', 'service', 'worker.c'))[1]
    bytes_asked = 1
    for factor in size.split('*'):
        bytes_asked *= int(factor)
    limits = re.findall(r'^net\.core\.([rw])mem_max = (\d+)$', read('etc', 'breakwater.sysctl'), re.M)
    assert sorted(way for way, _ in limits) == ['r', 'w']
    assert all(int(limit) >= bytes_asked for _, limit in limits)


def test_the_user_is_described_in_a_way_that_systemd_reads():
    code, out = run(tool('systemd-sysusers'), '--dry-run',
                    os.path.join(TREE, 'etc', 'breakwater.sysusers'))
    assert code == 0 and not re.search(r'sysusers:\d+:', out), out


def test_the_apparmor_profile_compiles():
    code, out = run(tool('apparmor_parser'), '-Q', '-K', 'etc/breakwater.apparmor')
    assert code == 0, out


SCRIPTS = ['packaging/debian/breakwater.postinst', 'packaging/debian/breakwater.postrm']


@pytest.mark.parametrize('script', SCRIPTS)
def test_maintainer_scripts_are_shell(script):
    code, out = run('sh', '-n', script)
    assert code == 0, out
    assert read(script).startswith('#!/bin/sh\nset -e\n') and '#DEBHELPER#' in read(script)


def test_the_rpm_s_scriptlets_are_shell(tmp_path):
    spec = read('packaging', 'rpm', 'breakwater.spec')
    scriptlets = re.findall(r'^%(pre|post|preun|postun)\n(.*?)(?=^%)', spec, re.M | re.S)
    assert [name for name, _ in scriptlets] == ['pre', 'post', 'preun', 'postun']
    for name, text in scriptlets:
        path = tmp_path / name
        path.write_text(text)
        code, out = run('sh', '-n', str(path))
        assert code == 0 and text.rstrip().endswith('exit 0'), out


def test_what_the_spec_installs_it_packs_and_nothing_else():
    """The rpm is built where rpmbuild is; here at least that its sections are not mixed up."""
    spec = read('packaging', 'rpm', 'breakwater.spec')
    sections = dict(re.findall(r'^%(install|files)[^\n]*\n(.*?)(?=^%(?:pre|changelog)$)', spec,
                               re.M | re.S))
    assert '%dir' not in sections['install'] and 'install ' not in sections['files']
    put = set(re.findall(r'^install -D .* %\{buildroot\}(\S+)$', sections['install'], re.M))
    packed = {re.sub(r'^%\S+(?:\(.*?\))? ', '', line) for line in sections['files'].splitlines()}
    assert len(put) == 5 and put <= packed
    folders = {os.path.dirname(path) for path in read('tests', 'installed.txt').splitlines()
               if '/share/breakwater' in path}
    for folder in folders:
        assert folder.replace('/usr/local/share', '%{_datadir}') in \
            re.findall(r'^%dir (\S+)$', sections['files'], re.M)


def test_the_tools_are_shell_too():
    for script in ('package', 'package-check', 'package-boot', 'package-apparmor'):
        code, out = run('bash', '-n', os.path.join('scripts', script))
        assert code == 0, out
