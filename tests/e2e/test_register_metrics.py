"""Every REGISTER is counted once in and, where it is relayed, once out; each decision has its
reason."""
import time
import pytest

from harness.phone import contacts

@pytest.fixture(autouse=True)
def judged(site):
    site.judge_upstream()


def reasons(site):
    prefix = 'register_decisions_total{reason="'
    return {name[len(prefix):-2]: int(value) for name, value in site.http.metrics().items()
            if name.startswith(prefix) and value}


def test_a_day_in_numbers(site):
    registrar = site.registrar("--password", "pw")
    site.start()
    desk, mobile = site.registering("alice", "pw"), site.registering("alice", "pw")
    desk.register()              # new-line, challenged; new-line, accepted
    mobile.register()            # new-contact, challenged; new-contact, accepted
    for _ in range(3):
        desk.register()          # licensed-source
    desk.query()                 # query
    mobile.register(expires=0)   # removed-locally
    answer = mobile.register(expires=0)
    assert answer.status == 200 and list(contacts(answer)) == [desk.contact]
    desk.restart()
    desk.register()              # new-call-id, challenged; new-call-id, accepted
    desk.register(expires=5)     # too-brief
    desk.register(expires=0)     # removal-last, challenged; removal-last, accepted
    found = reasons(site)
    assert found.pop("removal-unlicensed") == 2  # the second of the mobile's: no licence any more
    assert found == {"new-line": 2, "new-contact": 2, "licensed-source": 3, "query": 1,
                     "removed-locally": 1, "new-call-id": 2, "too-brief": 1, "removal-last": 2,
                     "challenged": 5, "accepted": 5}
    metrics = site.http.metrics()
    assert metrics['registers_total{direction="in"}'] == 16
    assert metrics['registers_total{direction="out"}'] == registrar.count() == 10


def test_nothing_waits_in_the_end(site):
    site.registrar("--password", "pw")
    site.start()
    for i in range(20):
        assert site.registering(f"user{i}", "pw").register().status == 200
    assert site.http.metrics()['store_updates_total{outcome="committed"}'] == 20
    assert site.http.metrics()['alarms_total{code="upstream-unchallenged"}'] == 0


def test_an_upstream_that_lets_everybody_in_raises_the_alarm(site):
    site.registrar("--challenge", "never")
    daemon = site.start()
    phone = site.registering("alice")
    assert phone.register().status == 200
    assert site.http.metrics()['alarms_total{code="upstream-unchallenged"}'] == 1
    assert "alarm upstream-unchallenged" in daemon.output()
    assert site.http.metrics()['alarms_standing{code="upstream-unchallenged"}'] == 1
    assert site.registering("bob").register().status == 200
    alarm, = site.unix.get("/api/v1/alarms").json["alarms"]
    assert alarm["code"] == "upstream-unchallenged" and alarm["upstream"] == "registrar"
    assert alarm["times_seen"] == 2 and time.time() - 60 < alarm["since"] <= alarm["last_seen"]
    assert daemon.output().count("alarm upstream-unchallenged") == 1
