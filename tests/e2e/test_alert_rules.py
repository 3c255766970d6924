"""The alert rules against made-up metrics: tests/prometheus/rules.test.yml, in which each alert is
silent and then fires. That the metrics exist is test_dashboard.py's."""
import os
import re

from harness import promtool

ROOT = promtool.ROOT
RULES = os.path.join(ROOT, "etc", "prometheus", "breakwater.rules.yml")
TESTS = os.path.join(ROOT, "tests", "prometheus", "rules.test.yml")


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def alerts():
    return re.findall(r"- alert: (\w+)", read(RULES))


def test_the_rules_are_rules():
    code, said = promtool.check("check", "rules", RULES)
    assert code == 0 and f"SUCCESS: {len(alerts())} rules found" in said, said


def test_each_alert_fires_when_it_should_and_not_before():
    code, said = promtool.check("test", "rules", TESTS)
    assert code == 0 and "SUCCESS" in said, said


def test_no_alert_is_without_a_test():
    text = read(TESTS)
    silent = re.findall(r"alertname: (\w+), exp_alerts: \[\]", text)
    firing = re.findall(r"alertname: (\w+)\n +exp_alerts:\n +- exp_labels", text)
    assert len(alerts()) >= 10
    assert set(silent) == set(firing) == set(alerts())


def test_rules_that_never_fire_are_noticed(tmp_path):
    """So are those tests worth something: the condition of each alert is spoilt."""
    spoilt, n = re.subn(r"(- alert: \w+\n        expr: ).*?(?=\n        (?:for|labels): )",
                        r"\1vector(1) > 2", read(RULES), flags=re.S)
    assert n == len(alerts())
    (tmp_path / "rules.yml").write_text(spoilt)
    (tmp_path / "test.yml").write_text(
        re.sub(r"rule_files: .*", "rule_files: [rules.yml]", read(TESTS)))
    code, said = promtool.check("test", "rules", str(tmp_path / "test.yml"))
    assert code != 0 and set(re.findall(r"alertname: (\w+)", said)) == set(alerts()), said
