"""The store when the world is against it: a full disk, a second daemon, somebody else's files."""
import os
import resource
import subprocess

import pytest

from harness import net
from harness.daemon import Config, Daemon
from harness.phone import contacts

@pytest.fixture(autouse=True)
def judged(site):
    site.judge_upstream()

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")


@pytest.fixture
def small(site):
    """state-dir on a file system that can be filled."""
    path = site.path("state")
    os.mkdir(path)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", path], check=True)
    yield path
    if site.daemon:
        site.daemon.end()
    subprocess.run(["umount", "-l", path], check=True)


def fill(site, first):
    """Registers lines until one is refused; those that were accepted."""
    phones = []
    for i in range(first, first + 800):
        phone = site.registering("user%d%s" % (i, "x" * 200), host=site.shared)
        answer = phone.register(expires=300)
        if answer.status == 503:
            assert int(answer.header("Retry-After")) > 0
            return phones
        assert answer.status == 200 and list(contacts(answer)) == [phone.contact]
        phones.append(phone)
    raise AssertionError("never full")


def assert_kept(phones):
    for phone in phones:
        assert list(contacts(phone.register(expires=300))) == [phone.contact]


def live_through_a_full_disk(site, registrar, make_room):
    site.shared = site.net.phone()
    phones = fill(site, 0)
    assert len(phones) > 20
    before = registrar.count()
    assert_kept(phones[::10])
    assert registrar.count() == before  # absorbed as ever
    assert "cannot write" in site.daemon.output()
    make_room()
    late = site.registering("late", host=site.shared)
    site.wait_for(lambda: late.register(expires=300).status == 200)
    site.kill()
    site.start()
    assert_kept(phones[::10] + [late])


@needs_root
def test_a_full_disk_refuses_the_new_and_keeps_the_old(site, small):
    registrar = site.registrar("--challenge", "never")
    site.config.set("log", level="info")
    site.start()
    live_through_a_full_disk(site, registrar, lambda: subprocess.run(
        ["mount", "-o", "remount,size=64m", small], check=True))


def test_a_file_size_limit_is_like_a_full_disk(site):
    registrar = site.registrar("--challenge", "never")
    site.config.set("log", level="info")
    pid = site.start().process.pid
    old = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    size = os.path.getsize(site.path("state/data.mdb"))
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size + 400000, old[1]))
    live_through_a_full_disk(site, registrar,
                             lambda: resource.prlimit(pid, resource.RLIMIT_FSIZE, old))


def refused_start(site, config=None):
    """The output of a daemon that does not start."""
    daemon = Daemon(config or site.config, site.directory, "second")
    try:
        assert daemon.wait() == 1
        assert not daemon.reports()
        return daemon.output()
    finally:
        daemon.notify.close()


def test_a_second_daemon_on_the_same_state_is_refused(site):
    site.start()
    other = Config({name: dict(options) for name, options in site.config.sections.items()})
    other.set('listen "phones"', address="udp:" + net.text(site.net.proxy, net.free_port(site.net.proxy)))
    other.set("admin", http="", socket="")
    assert f"state-dir {site.path('state')} is in use by another process" in refused_start(site, other)
    other.set("", runtime_dir=site.path("other"))
    assert "is in use by another process" in refused_start(site, other)
    phone = site.phone()
    assert phone.ask(phone.request("OPTIONS")).status == 200


def patch(path, old, new):
    with open(path, "rb") as f:
        data = f.read()
    assert old in data and len(old) == len(new)
    with open(path, "wb") as f:
        f.write(data.replace(old, new))


def checksum(path):
    with open(path, "rb") as f:
        return hash(f.read())


@pytest.mark.parametrize("how, words", [
    (lambda path: patch(path, b"magicbreakwater", b"magicnobody'sno"), "belongs to another program"),
    (lambda path: patch(path, b"format1", b"format9"), "written by a newer version"),
    (lambda path: patch(path, b"\xde\xc0\xef\xbe", b"\xad\xde\xef\xbe"), "damaged or none of ours"),
], ids=["foreign", "newer", "no database"])
def test_a_store_of_others_is_left_alone(site, how, words):
    site.registrar("--challenge", "never")
    site.start()
    assert site.registering("alice").register().status == 200
    site.kill()
    path = site.path("state/data.mdb")
    how(path)
    before = checksum(path)
    out = refused_start(site)
    assert words in out and path in out
    assert checksum(path) == before


def test_a_state_directory_that_cannot_be_made(site):
    with open(site.path("file"), "w", encoding="ascii"):
        pass
    site.config.set("", state_dir=site.path("file/state"))
    out = refused_start(site)
    assert site.path("file/state") in out and "Not a directory" in out


def test_the_keys_must_stay_secret(site):
    site.start()
    site.daemon.stop()
    site.daemon.notify.close()
    site.daemon = None
    keys = [site.path("state/" + n) for n in os.listdir(site.path("state")) if "key" in n]
    assert len(keys) == 3  # of our names upstream, of nonces, and of tickets
    for key in keys:
        os.chmod(key, 0o644)
        assert "mode 0600" in refused_start(site)
        os.chmod(key, 0o600)
