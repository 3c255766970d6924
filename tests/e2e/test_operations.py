"""docs/operations.md: each of its commands does what it is there for, with few phones and short times.
The configurations are test_documents.py's."""
import json
import os
import re
import shlex
import subprocess

from harness import net
from harness.daemon import binary

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PHONES = 40


def blocks(kind):
    with open(os.path.join(ROOT, "docs", "operations.md"), encoding="utf-8") as f:
        return re.findall(rf"^```{kind}\n(.*?)^```$", f.read(), re.M | re.S)


REHEARSAL = blocks("conf")[0]
COMMANDS = [line for block in blocks("sh") for line in block.splitlines()]


def here(text, folder):
    """Its paths in that folder, in which each directory is made."""
    for place in ("/etc/breakwater", "/var/lib/breakwater", "/run/breakwater", "/tmp/rehearsal"):
        text = text.replace(place, str(folder) + place)
    for path in re.findall(r'-dir\s*= "([^"]+)"', text):
        os.makedirs(path, mode=0o700, exist_ok=True)
    return text


def test_there_is_something_to_run():
    assert "/tmp/rehearsal" in REHEARSAL and len(COMMANDS) == 10
    assert all(line.split()[0] in ("breakwater", "breakwater-sim") for line in COMMANDS)


SHORTER = {"--count": PHONES, "--rate": 90, "--settle": 0, "--outage": 1, "--within": 1, "--watch": 1}


def shortened(site, line):
    """The words of a command with this test's places, and not as long."""
    words = shlex.split(line)
    replaced = {"--config": site.daemon.path, "--control": site.path("registrar.sock"),
                "--svg": site.path("picture.svg"), "--password": "pw",
                "--admin": site.config.sections["admin"]["http"],
                "--target": "udp:" + net.text(*site.core), **SHORTER}
    words[0] = binary(words[0])
    for i, word in enumerate(words[:-1]):
        if word in replaced:
            words[i + 1] = str(replaced[word])
    if words[1] == "storm":
        given = set(words)
        if "--target" not in given:
            words += ["--target", "udp:" + net.text(*site.access)]
        for name, value in SHORTER.items():
            if name not in given:
                words += [name, str(value)]
        words += ["--domain", "example.test"]
    return words


def begin(site):
    """As the page's rehearsal, but for the addresses."""
    site.registrar("--password", "pw", "--domain", "example.test")
    site.judge_upstream()
    site.config.set("limits", exempt=["127.0.0.0/8"])
    site.config.set('upstream "registrar"', register_rate=200, register_burst=20)
    site.config.set('domain "example.test"', upstream_expires="1h", max_expires="60s",
                    default_expires="60s")
    site.start()


def test_commands_do_what_they_say(site):
    begin(site)
    ran = []
    for line in COMMANDS:
        if line.endswith("&"):  # the programs that stand already
            continue
        words = shortened(site, line)
        told = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
        assert told.returncode == 0, (words, told.stdout, told.stderr)
        if words[1] == "storm":
            assert f"all {PHONES} phones back" in told.stdout
            assert "--svg" not in words or os.path.getsize(site.path("picture.svg")) > 1000
        elif "--json" in words:
            assert "recovery_s" in json.loads(told.stdout)["upstreams"][0]
        else:
            assert "recovery" in told.stdout
        ran.append(words[1])
    assert (ran.count("storm"), ran.count("forecast")) == (5, 3)


def test_background_commands_stand(site, tmp_path):
    """The two that the rehearsal begins with, as they are but for places and ports."""
    registrar, daemon = [line[:-1] for line in COMMANDS if line.endswith("&")]
    text = here(REHEARSAL, tmp_path)
    for port, mine in (("5060", site.access), ("5070", site.core)):
        text = text.replace(f"127.0.0.1:{port}", net.text(*mine))
        registrar = registrar.replace(f"127.0.0.1:{port}", net.text(*mine))
    text = text.replace("127.0.0.1:8060", site.config.sections["admin"]["http"])
    (tmp_path / "tmp/rehearsal/breakwater.conf").write_text(text)
    begun = []
    try:
        for line in (registrar, daemon):
            words = shlex.split(here(line, tmp_path))
            words[0] = binary(words[0])
            begun.append(subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                          text=True))
            while "ready" not in (line := begun[-1].stdout.readline()):
                assert line, "it ended"
    finally:
        for process in begun:
            process.terminate()
            process.communicate(timeout=30)
    assert [process.returncode for process in begun] == [0, 0]
