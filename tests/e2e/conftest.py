"""The fixture `site`, and what a failure prints."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import again  # noqa: E402
from harness.site import Site  # noqa: E402


@pytest.fixture
def site():
    s = Site()
    yield s
    problems = s.close()
    assert not problems, "\n".join(problems)


def pytest_configure(config):
    config.addinivalue_line("markers", "last: waits for time to pass, so let the others run first")


def pytest_runtest_protocol(item, nextitem):
    return again.run(item, nextitem)


def pytest_terminal_summary(terminalreporter):
    again.tell(terminalreporter)


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows the ladder and the logs, and keeps the directory."""
    report = (yield).get_result()
    s = next((f for f in getattr(item, "funcargs", {}).values() if isinstance(f, Site)), None)
    if s is None:
        return
    if report.failed:
        item.has_failed = True
        report.sections.append(("SIP ladder", s.ladder.text()))
        report.sections += s.logs()
    elif call.when == "teardown" and "site" in item.fixturenames and \
            not hasattr(item, "has_failed"):
        s.remove()
