"""The manual pages against the programs: commands, options, paths; and that mandoc has no complaint.
breakwater.conf(5) and the metrics of breakwater-metrics(7) are generated from the tables."""
import glob
import os
import re
import shutil

import pytest

from harness import documents
from harness.daemon import ENVIRONMENT, binary
from harness.program import run

BUILD = os.path.dirname(os.environ.get("BREAKWATER_BIN",
                                       os.path.join(documents.ROOT, "build", "bin")))
PAGES = sorted(glob.glob(os.path.join(documents.ROOT, "docs", "man", "*.[1578]")) +
               glob.glob(os.path.join(BUILD, "docs", "man", "*.[1578]")))


def told(program, *args):
    code, out, err = run([binary(program), *args], env={**os.environ, **ENVIRONMENT})
    assert code == 0, err
    return out


def page(name):
    (path,) = [p for p in PAGES if os.path.basename(p) == name]
    with open(path, encoding="utf-8") as f:
        return f.read()


def plain(text):
    """Without macros: the words of its .It lines and all others."""
    text = text.replace("Xo\n.", "")
    return re.sub(r"\b(?:Cm|Ar|Fl|Op|Oo|Oc|Ns|Pa|Ql|Li|Pq|Ic) ", "", text)


def test_each_program_has_its_page():
    assert {os.path.basename(p) for p in PAGES} == {
        "breakwater.8", "breakwater.conf.5", "breakwater-metrics.7", "breakwaterctl.1",
        "breakwater-sim.1"}


@pytest.mark.skipif(not shutil.which("mandoc"), reason="mandoc is not there")
@pytest.mark.parametrize("path", PAGES, ids=[os.path.basename(p) for p in PAGES])
def test_mandoc_has_no_complaint(path):
    code, out, err = run(["mandoc", "-T", "lint", "-W", "warning", path])
    assert code == 0 and out == err == "", out + err


def test_each_command_of_breakwaterctl_is_explained():
    commands = re.findall(r"^  ((?:[a-z][a-z-]*)(?: (?:list|show|remove|add|resync|drain|resume))?)"
                          r"(?= |$)", told("breakwaterctl", "-h"), re.M)
    assert len(commands) > 15
    items = re.findall(r"^(?:\.It )(.*)$", plain(page("breakwaterctl.1")), re.M)
    for command in commands:
        assert any(item == command or item.startswith(command + " ") for item in items), command


def test_each_option_is_explained():
    for program, args, name in (
            ("breakwater", ["-h"], "breakwater.8"), ("breakwaterctl", ["-h"], "breakwaterctl.1"),
            *(("breakwater-sim", [command, "--help"], "breakwater-sim.1")
              for command in ("phones", "registrar", "storm", "forecast"))):
        text = page(name).replace("\\-", "-")
        options = set(re.findall(r"(?<![\w\[-])(?:--[a-z][a-z-]+|-[a-zA-Z]\b)", told(program, *args)))
        assert options, program
        for option in options:
            word = option.lstrip("-")
            assert re.search(rf"(?<![\w-])-?-{word}\b|Fl -?{word}\b", text), (program, args, option)


def test_each_path_of_the_api_is_explained():
    routes = re.findall(r'\{"(/[^"]*)",\s+"[A-Z, ]+",\s+\{\{', documents.read("src", "admin", "api.c"))
    assert len(routes) > 12
    text = page("breakwater.8") + page("breakwater-metrics.7")
    for path in routes:
        assert re.search(rf"Pa (?:.* , )?{path}(?=[?\s,])", text), path
    for path in ("/api/v1/aors/ Ns Ar AOR", "/api/v1/why/ Ns Ar AOR", "/api/v1/upstreams/ Ns Ar NAME"):
        assert path in text, path
