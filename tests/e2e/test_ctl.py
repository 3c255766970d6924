"""breakwaterctl passwd: passwords from a pipe and from a terminal, and what happens to the file."""
import os
import pty
import re
import select
import stat
import subprocess
import time

import pytest

from harness.credentials import HASHES, ha1, line, passwd, write
from harness.daemon import binary


def run(*args, text=""):
    done = subprocess.run([binary("breakwaterctl"), *args], input=text, capture_output=True,
                          encoding="utf-8", timeout=20, check=False)
    return done.returncode, done.stdout, done.stderr


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def lines_of(user, password):
    return "".join(line(user, password, algorithm) for algorithm in HASHES)


def completed(*words):
    """What bash offers for the last of these words."""
    quoted = " ".join(f"'{w}'" for w in ("breakwaterctl", *words))
    script = f"""eval "$({binary("breakwaterctl")} completion bash)"
        COMP_WORDS=({quoted}) COMP_CWORD={len(words)}
        _breakwaterctl; printf '%s\\n' "${{COMPREPLY[@]}}" """
    done = subprocess.run(["bash", "-c", script], capture_output=True, encoding="utf-8", timeout=20,
                          check=True, cwd=os.path.dirname(__file__))
    assert done.stderr == ""
    return set(done.stdout.split())


def test_a_shell_completes_what_the_help_names():
    rows = re.findall(r"^  ([a-z-]+)((?: [a-z]+)?)(.*)$", run("-h")[1].split("\n\n")[1], re.MULTILINE)
    commands = [(first, second.strip()) for first, second, _ in rows]
    assert {first for first, _ in commands} | {"--json", "--socket", "-V", "-h"} == completed("")
    for first in ("aor", "ban", "upstream", "line"):
        assert completed(first, "") == {second for name, second in commands if name == first}
    for first, second, rest in rows:
        options = re.findall(r"--[a-z-]+", rest)
        offered = completed(first, *([second.strip()] if second else []), "-")
        assert set(options) <= offered or "OPTION" in rest
    assert completed("aor", "list", "--") == {"--domain", "--upstream", "--source", "--user-agent",
                                              "--limit"}
    assert completed("--json", "-s", "x", "log-level", "de") == {"debug"}
    assert completed("trace", "--p") == {"--pcap"}
    assert "test_ctl.py" in completed("import", "test_ct") & completed("trace", "--pcap", "test_ct")
    assert completed("why", "x", "") == set()
    code, out, err = run("completion", "zsh")
    assert (code, err) == (0, "") and out.startswith("#compdef breakwaterctl\n")
    assert run("completion", "fish")[0] == 64


def test_version_help_and_wrong_use():
    code, out, err = run("-V")
    assert (code, err) == (0, "") and re.fullmatch(r"breakwaterctl \d+\.\d+\.\d+\n", out)
    code, out, err = run("-h")
    assert (code, err) == (0, "") and out.startswith("usage: breakwaterctl ") and "passwd FILE USER REALM" in out
    for args in ([], ["passwd"], ["passwd", "a", "b"], ["passwd", "a", "b", "c", "d"], ["x"]):
        code, out, err = run(*args)
        assert (code, out) == (64, "") and "passwd FILE USER REALM" in err


def test_a_password_from_a_pipe(site):
    path = site.path("c")
    assert passwd(path, "alice", "s:e#cret ü")[0] == 0
    assert read(path) == lines_of("alice", "s:e#cret ü")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    write(path, "# mine\n" + line("bob", "x") + read(path))
    assert passwd(path, "alice", "other")[0] == 0
    assert read(path) == "# mine\n" + line("bob", "x") + lines_of("alice", "other")
    assert os.listdir(os.path.dirname(path)) == ["c"]


@pytest.mark.parametrize("text, words", [
    ("", "the password is empty"), ("\n", "the password is empty"),
    ("a\tb\n", "the password has a control character"), ("x" * 2000, "the password is too long")])
def test_what_is_no_password(site, text, words):
    path = site.path("c")
    code, out, err = run("passwd", path, "alice", "r", text=text)
    assert (code, out) == (1, "")
    assert err == f"breakwaterctl: {words}; nothing was changed\n"
    assert not os.path.exists(path)


@pytest.mark.parametrize("user, realm, words", [
    ("a:b", "r", "the user has a colon"), ("", "r", "the user is empty"),
    ("#a", "r", "begins with #"), ("a", "", "the realm is empty"), ("a", 'r"', "the realm has a quote")])
def test_what_is_no_user_or_realm(site, user, realm, words):
    code, out, err = run("passwd", site.path("c"), user, realm, text="x\n")
    assert (code, out) == (1, "") and words in err and "nothing was changed" in err


class Terminal:
    """breakwaterctl at a terminal of its own."""
    def __init__(self, *args):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(binary("breakwaterctl"), ["breakwaterctl", *args])
        self.seen = ""

    def wait(self, text):
        end = time.monotonic() + 20
        while text not in self.seen:
            assert time.monotonic() < end, self.seen
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.fd, 4096).decode()
                except OSError:  # it has ended
                    break
        assert text in self.seen, self.seen

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return status


def test_a_password_from_a_terminal(site):
    path = site.path("c")
    t = Terminal("passwd", path, "alice", "example.test")
    t.wait("New password for alice: ")
    t.type("secret\n")
    t.wait("Again, for alice: ")
    t.type("secret\n")
    t.wait("is set")
    assert os.waitstatus_to_exitcode(t.end()) == 0
    assert "secret" not in t.seen
    assert read(path) == lines_of("alice", "secret")


def test_two_passwords_that_differ(site):
    t = Terminal("passwd", site.path("c"), "alice", "example.test")
    t.wait("New password for alice: ")
    t.type("secret\n")
    t.wait("Again, for alice: ")
    t.type("secrets\n")
    t.wait("the two passwords differ; nothing was changed")
    assert os.waitstatus_to_exitcode(t.end()) == 1
    assert not os.path.exists(site.path("c"))


def test_an_interrupt_leaves_the_terminal_with_echo(site):
    t = Terminal("passwd", site.path("c"), "alice", "example.test")
    t.wait("New password for alice: ")
    t.type("\x03")
    status = t.end()
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == 2
    assert not os.path.exists(site.path("c"))


def test_writers_wait_for_each_other(site):
    """Forty at once, each with a user of its own: nobody's line is lost."""
    path = site.path("c")
    writers = [subprocess.Popen([binary("breakwaterctl"), "passwd", path, f"u{i}", "example.test"],
                                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
               for i in range(40)]
    for i, w in enumerate(writers):
        w.communicate(f"secret-u{i}\n".encode(), timeout=60)
        assert w.returncode == 0
    found = read(path)
    assert sorted(found.splitlines(True)) == \
        sorted("".join(lines_of(f"u{i}", f"secret-u{i}") for i in range(40)).splitlines(True))
    assert os.listdir(os.path.dirname(path)) == ["c"]


def test_the_password_is_in_no_command_line(site):
    path = site.path("c")
    w = subprocess.Popen([binary("breakwaterctl"), "passwd", path, "alice", "example.test"],
                         stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    w.stdin.write(b"very-")
    w.stdin.flush()
    time.sleep(0.2)
    for name in ("cmdline", "environ"):
        with open(f"/proc/{w.pid}/{name}", "rb") as f:
            assert b"very-" not in f.read()
    w.communicate(b"secret\n", timeout=20)
    assert w.returncode == 0 and ha1("alice", "very-secret") in read(path)
