"""Every option of the table, changed while the daemon runs: the reload takes it, or says that it
takes effect at a restart, as breakwater.conf(5) promises. A file that is not right changes nothing
and is told of, by SIGHUP and by breakwaterctl alike."""
import os
import re

from harness import net
from harness.accounts import ctl
from harness.daemon import binary
from harness.pki import Pki

RESTART = "takes effect at a restart"


def manual():
    """(section, option, value text, default text, whether it needs a restart) of each option."""
    path = os.path.join(os.path.dirname(binary()), "..", "docs", "man", "breakwater.conf.5")
    with open(path, encoding="utf-8") as f:
        blocks = re.split(r"(?m)^(?=\.Ss |\.It Ic )", f.read())
    section, found = None, []
    for block in blocks:
        head, _, rest = block.partition("\n")
        if head.startswith(".Ss "):
            section = re.sub(r"\\\(dq.*?\\\(dq|[{}]", "", head[4:]).split()
        elif head.startswith(".It Ic ") and "takes effect at" in block:
            text = " ".join(rest.split("\n")).replace("\\(dq", '"').replace("\\&", "")
            value = re.search(r"(?:Value: |each element is )(.*?)\. ", text).group(1)
            default = re.search(r'Default: \.Ql "?([^" ]*)', text)
            found.append((" ".join(section), head[7:], value, default and default.group(1),
                          RESTART in text))
    return found


def seconds(text):
    n = int(re.match(r"\d+", text).group())
    return n * {"m": 60, "h": 3600, "d": 86400}.get(text[-1], 1)


def another(value, default):
    """A value that the manual allows and that is not the default."""
    numbers = re.match(r"a (number|size|duration) from (\w+) to (\w+)", value)
    words = re.match(r"one of (.*?)(?: or \"\")?$", value)
    if numbers:
        least, most = seconds(numbers[2]), seconds(numbers[3])
        now = seconds(default) if default else least
        n = now + 1 if now < most else now - 1
        return f"{n}s" if numbers[1] == "duration" else n
    if words:
        return next(w for w in words[1].split(", ") if w != default)
    if value == "yes or no":
        return "no" if default == "yes" else "yes"
    if value.startswith("an IP address or a network"):
        return "192.0.2.0/24"
    if value.startswith("a telephone number"):
        return "+31"
    return None


class Changes:
    """What cannot be made up from the manual: other values, and what they cannot do without."""
    def __init__(self, site):
        self.site = site
        ca = Pki(site.path("pki"))
        cert, key = ca.issue("web.example.test")
        other_cert, other_key = ca.issue("other.example.test")
        site.add_stream("web", site.net.proxy, "wss", certificate=cert, private_key=key)
        site.add_stream("tls", site.net.proxy, "tls", certificate=cert, private_key=key)
        site.config.set('line "100"')
        site.config.set('upstream "registrar"', probe_interval="59m")  # without, outages mean nothing
        for name in ("token", "accounts", "credentials"):
            with open(site.path(name), "w", encoding="ascii") as f:
                f.write("" if name != "token" else "a-long-token-for-a-test\n")
            os.chmod(site.path(name), 0o600)
        self.listen = 'listen "web"'
        self.domain = 'domain "example.test"'
        path, spare = site.path, net.free_port(site.net.proxy)
        here = net.text(site.net.proxy, spare)
        throttle = {"mode": "contact-throttle"}
        cluster = {"name": "pair", "node": "one", "database": "postgresql:///breakwater"}
        self.known = {
            ("Global options", "runtime-dir"): {"runtime-dir": path("elsewhere")},
            ("Global options", "state-dir"): {"state-dir": path("elsewhere")},
            ("log", "level"): {"level": "info"},
            ("log", "target"): {"target": path("log")},
            ("dns", "servers"): {"servers": ["192.0.2.1"]},
            ("cluster", "name"): cluster,
            ("cluster", "node"): cluster,
            ("cluster", "database"): cluster,
            ("cluster", "takeover-after"): {**cluster, "takeover-after": "160s"},
            ("listen", "address"): {"address": "wss:" + here},
            ("listen", "advertise"): {"advertise": "192.0.2.9:5061"},
            ("listen", "certificate"): {"certificate": other_cert, "private-key": other_key},
            ("listen", "private-key"): {"certificate": other_cert, "private-key": other_key},
            ("listen", "client-ca"): {"client-ca": ca.ca},
            ("listen", "origins"): {"origins": ["https://phone.example.test"]},
            ("upstream", "servers"): {"servers": ["sip:192.0.2.5:5060"]},
            ("upstream", "server-ca"): {"servers": ["sip:192.0.2.5;transport=tls"],
                                        "server-ca": ca.ca},
            ("upstream", "server-name"): {"servers": ["sip:192.0.2.5;transport=tls"],
                                          "server-name": "registrar.example.test"},
            ("upstream", "verify-server"): {"servers": ["sip:192.0.2.5;transport=tls"],
                                            "verify-server": "no"},
            ("domain", "aliases"): {"aliases": ["alias.test"]},
            ("domain", "upstream"): {"upstream": "registrar"},
            ("domain", "shadow"): {"mode": "mirror", "shadow": "aor-throttle"},
            ("domain", "insertion"): {**throttle, "insertion": "path"},
            ("domain", "gruu"): {**throttle, "gruu": "upstream"},
            ("domain", "authentication"): {"authentication": "local",
                                           "credentials": path("credentials")},
            ("domain", "credentials"): {"authentication": "local",
                                        "credentials": path("credentials")},
            ("domain", "algorithms"): {"algorithms": ["SHA-256"]},
            ("domain", "realm"): {"realm": "a realm"},
            ("domain", "access-list"): {"access-list": ["any", "other"]},
            ("domain", "upstream-credentials"): {"upstream-credentials": path("accounts")},
            ("domain", "fallback"): {"fallback": "sip:voice@192.0.2.20"},
            ("domain", "redirects"): {"redirects": "follow", "redirect-targets": ["192.0.2.0/24"]},
            ("domain", "redirect-targets"): {"redirects": "follow",
                                             "redirect-targets": ["192.0.2.0/24"]},
            ("line", "domain"): {"domain": "example.test"},
            ("line", "target"): {"target": ["sip:pbx@192.0.2.30"]},
            ("access-list", "accounts"): {"accounts": ["alice"], "allow": ["127.0.0.0/8"],
                                           "require": "all"},
            ("limits", "scanners"): {"scanners": ["badbot"]},
            ("admin", "socket"): {"socket": path("other.sock")},
            ("admin", "http"): {"http": here},
            ("admin", "token-file"): {"token-file": path("token")},
            ("events", "socket"): {"socket": path("events")},
            ("events", "webhook"): {"webhook": "http://127.0.0.1:9/"},
            ("events", "token-file"): {"webhook": "http://127.0.0.1:9/",
                                       "token-file": path("token")},
            ("hep", "server"): {"server": "127.0.0.1:9"},
            ("hep", "token-file"): {"server": "127.0.0.1:9", "token-file": path("token")},
        }

    def header(self, section):
        return {"Global options": "", "listen": self.listen, "upstream": 'upstream "registrar"',
                "domain": self.domain, "line": 'line "100"',
                "access-list": 'access-list "any"'}.get(section, section)

    def make(self, section, option, value, default):
        """(header of the section in the file, what to set there)."""
        first, _, inner = section.partition(" ")
        if section == "Global options":
            first, inner = section, ""
        known = self.known.get((section, option))
        if not known:
            now = self.site.config.sections.get(self.header(first), {}).get(option, default)
            made = another(value, now if now is None else str(now))
            assert made is not None, f"{section} {option}: no value is known for {value}"
            known = {option: made}
        return self.header(first), {inner: known} if inner else known


def reload_findings(site, what="as it was"):
    """What it says; it must take the file."""
    answer = site.unix.ask("POST", "/api/v1/reload")
    assert answer.status == 200, (what, answer.text)
    return [f["text"] for f in answer.json["findings"]]


def test_each_option_does_what_the_manual_says(site):
    changes = Changes(site)
    site.config.set('access-list "other"', allow=["127.0.0.0/8"])
    site.config.set("admin", socket=site.path("admin.sock"))
    site.start()
    assert not [t for t in reload_findings(site) if "restart" in t]
    options = manual()
    assert len(options) > 100
    plain = site.config.text()
    for section, option, value, default, needs_restart in options:
        header, values = changes.make(section, option, value, default)
        before = dict(site.config.sections.get(header, {}))
        site.config.sections[header] = {**before, **values}
        site.daemon.write(site.config)
        assert site.config.text() != plain, (section, option)
        told = [t for t in reload_findings(site, option) if RESTART in t]
        assert any(f" {option}: " in t for t in told) == needs_restart, (section, option, told)
        assert all(any(f" {v}: " in t for v in values) for t in told), (section, option, told)
        site.config.sections[header] = before
    site.daemon.write(site.config)
    assert not [t for t in reload_findings(site) if "restart" in t]
    phone = site.phone()
    assert phone.ask(phone.request("OPTIONS")).status == 200


def test_a_bad_file_changes_nothing_and_is_told_of(site):
    site.start()
    phone = site.registering("alice")
    good = site.config.text()
    level = site.unix.get("/api/v1/log-level").json["level"]
    spoilt = [
        (good.replace('level = "debug"', 'level = "error"\n    shout = "yes"'), "shout"),
        (good + 'listen "x" { address = "udp:nowhere" }\n', 'listen "x" address'),
        (good.replace('"debug"', '"error"').replace("probe-interval = 0", 'probe-interval = "2d"'),
         "probe-interval"),
        (good.replace('"debug"', '"error"') + "}\n", "t"),
        (good.replace('domain "example.test"', 'domain "example.test"', 1)
         .replace('access-list = "any"', 'access-list = "nobody"'), "nobody"),
        ("", "listen"),
    ]
    for text, word in spoilt:
        site.daemon.write(text)
        answer = site.unix.ask("POST", "/api/v1/reload")
        assert answer.status == 422 and answer.json["error"]["code"] == "bad-configuration"
        errors = [f["text"] for f in answer.json["findings"] if f["severity"] == "error"]
        assert errors and any(word in e and re.search(r"breakwater\.conf(:\d+)?: ", e) for e in errors), \
            (word, errors)
        code, out, err = ctl(site, "reload")
        assert (code, out) == (1, "") and "the running configuration stays" in err and word in err
        site.daemon.reload()
        assert "the running configuration stays" in site.daemon.output()
        assert site.unix.get("/api/v1/log-level").json["level"] == level
        assert phone.ask(phone.request("OPTIONS")).status == 200
    os.unlink(site.daemon.path)
    assert site.unix.ask("POST", "/api/v1/reload").status == 422
    site.daemon.write(good)
    assert reload_findings(site) is not None
