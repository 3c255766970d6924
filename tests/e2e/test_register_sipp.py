"""Many phones at once, by SIPp: each registers with digest and refreshes twice."""
import pytest

from harness.kamailio import REGISTRAR, registrar_modules, registrar_params

@pytest.fixture(autouse=True)
def judged(site):
    site.judge_upstream()

USERS = 200


def users_file(site):
    path = site.path("users.csv")
    with open(path, "w", encoding="ascii") as f:
        f.write("SEQUENTIAL\n")
        for i in range(1, USERS + 1):
            f.write(f"u{i};[authentication username=u{i} password=secret-u{i}]\n")
    return path


@pytest.mark.parametrize("workers", [1, 2])
def test_many_phones_register_at_kamailio(site, workers):
    kamailio = site.kamailio(REGISTRAR, registrar_modules, registrar_params)
    site.config.set("log", level="info")
    site.set_workers(workers)
    site.start()
    site.sipp_client("register", USERS, "-r", 100, "-inf", users_file(site)).succeed()
    metrics = site.http.metrics()
    assert metrics['register_decisions_total{reason="accepted"}'] == USERS
    # a refresh that was sent again, for this machine was busy, is a repeat
    assert metrics['register_decisions_total{reason="licensed-source"}'] == 2 * USERS
    assert metrics['registers_total{direction="out"}'] == 2 * USERS
    assert len({r["contact"] for r in kamailio.registers()}) == USERS
    for name in ("u1", f"u{USERS}"):
        assert len(kamailio.bindings(name)) == 1
