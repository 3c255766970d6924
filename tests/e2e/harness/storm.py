"""breakwater-sim storm against this test's daemon, or against its registrar."""
import json
import os
import xml.etree.ElementTree as ElementTree

from . import net
from .daemon import ENVIRONMENT, binary
from .program import run


def play(site, *options, target=None, timeout=120.0):
    """The figures of one storm; its code and its picture must be good."""
    picture = site.path("storm.svg")
    code, out, err = run(
        [binary("breakwater-sim"), "storm", "--target", "udp:" + net.text(*(target or site.access)),
         "--domain", "example.test", "--json", "--svg", picture, *map(str, options)], timeout,
        env={**os.environ, **ENVIRONMENT})
    assert code == 0, (code, out[:2000], err)
    figures = json.loads(out)
    check_picture(picture, figures)
    return figures


def check_picture(path, figures):
    """It is SVG, and has the peaks in words and a step for each second of the timeline."""
    root = ElementTree.parse(path).getroot()
    space = "{http://www.w3.org/2000/svg}"
    texts = [t.text for t in root.iter(space + "text")]
    curves = [p.get("d") for p in root.iter(space + "path") if p.get("class") in ("front", "back")]
    assert f"{figures['phones']} phones come back" in texts[0]
    whole = [max(second["phones_per_s"] for second in figures["timeline"])]
    if "upstream" in figures:
        whole.append(max(second["upstream_per_s"] for second in figures["timeline"]))
    assert [t.rsplit(" ", 1)[1] for t in texts if "at most" in t][:len(whole)] == \
        [str(n) for n in whole]
    assert [curve.count("H") for curve in curves] == [len(figures["timeline"])] * len(whole)
