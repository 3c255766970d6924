"""A second try for a test that failed, since these tests run in real time on machines that stall
now and then. At most MOST of a run have one; all that needed it are named at its end with their
first failure. What a program said or how it died is never tried away: a sanitizer's report and a
daemon that ended badly fail the test at once."""
from _pytest.runner import runtestprotocol

from .program import REPORTS

MOST = 4  # of one process of pytest
FINAL = (*REPORTS, " ended with -", "did not stop on SIGTERM")
FIRST = "first try"


def run(item, nextitem):
    """pytest's hook of the same purpose."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    why = failure(reports)
    tries = getattr(item.config, "second_tries", 0)
    if why and tries < MOST and not is_final(reports):
        item.config.second_tries = tries + 1
        item._initrequest()  # pylint: disable=protected-access
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        if not failure(reports):
            reports[1].user_properties.append((FIRST, why))  # of the call
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def failure(reports):
    """What failed, in a line; None if nothing did."""
    for report in reports:
        if report.failed:
            text = report.longreprtext
            lines = [line for line in text.splitlines() if line.startswith("E ")]
            return (lines or text.splitlines() or ["failed"])[0].lstrip("E ")
    return None


def is_final(reports):
    texts = [r.longreprtext + "".join(text for _, text in r.sections) for r in reports if r.failed]
    return any(word in text for text in texts for word in FINAL)


def tell(reporter):
    """Names them, at the end of the run."""
    for report in reporter.getreports("passed"):
        for name, why in report.user_properties:
            if name == FIRST:
                reporter.write_line(f"passed at the second try: {report.nodeid}: {why}")
