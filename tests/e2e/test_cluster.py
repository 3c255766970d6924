"""Two nodes and one database: one acts, the other has all its records and takes its place."""
import json
import shutil
import socket
import time

import pytest

from harness import postgres
from harness.cluster import Cluster
from harness.phone import assert_absorbed, registered

pytestmark = pytest.mark.skipif(postgres.folder() is None or shutil.which("setpriv") is None,
                                reason="there is no PostgreSQL here")

N = 12


def upstream_state(node):
    code, out, _ = node.ctl("upstream", "list", "--json")
    return json.loads(out)["upstreams"][0]["state"] if code == 0 else None


@pytest.fixture(autouse=True)
def judged(site):
    site.judge_upstream()


def may_send_for(node):
    """Seconds, as the node says."""
    code, out, _ = node.ctl("cluster", "status", "--json")
    return json.loads(out)["cluster"]["may_send_for_s"] if code == 0 else -1


def begin(site):
    """Node a acts, b stands by."""
    registrar = site.registrar("--password", "pw")
    cluster = Cluster(site)
    a = cluster.start("a")
    a.wait_output(" is ready")
    b = cluster.start("b")
    site.wait_for(lambda: cluster.current() == ["a", "b"], 30)
    return registrar, cluster, a, b


def cseqs(registrar):
    """Of each line, in the order in which upstream got them."""
    found = {}
    for row in registrar.journal():
        found.setdefault((row["aor"], row["call-id"]), []).append(row["cseq"])
    return found


def assert_metrics_of_a_takeover(site):
    """Of the node that acts now, and has begun with all records of the other one."""
    site.wait_for(lambda: site.http.metrics()["cluster_rows_to_write"] == 0)
    found = site.http.metrics()
    for name in ("takeovers_total", "fences_total", "may_send", "nodes_current"):
        assert found[f"cluster_{name}"] == 1, name
    for name in ("losses_total", "rows_refused_total", "rows_damaged_total"):
        assert found[f"cluster_{name}"] == 0, name
    for name in ("heartbeats_total", "connection_attempts_total", "rows_written_total"):
        assert found[f"cluster_{name}"] >= 1, name
    assert found["cluster_rows_read_total"] >= N


def test_a_killed_node_is_replaced(site):
    """Nothing is sent upstream for it, no phone has to register anew, and calls find them."""
    registrar, cluster, _, b = begin(site)
    phones = registered(site, N)
    lines = [f"user{i}@example.test" for i in range(N)]
    site.wait_for(lambda: cluster.rows() == sorted(lines))
    before = registrar.count()
    cluster.kill("a")
    b.wait_output(" is ready", timeout=60)
    assert cluster.owner() == "b" and registrar.count() == before
    assert_absorbed(registrar, phones)
    code, out, _ = b.ctl("cluster", "status")
    assert code == 0 and "b  " in out and "acts" in out and "fenced" in out
    assert site.registering("user0", "pw").register(expires=300).status == 200
    assert_metrics_of_a_takeover(site)
    of_line = [row for (aor, _), row in cseqs(registrar).items() if aor == lines[0]]
    assert len(of_line) == 1 and len(of_line[0]) > 2  # it is one sequence for upstream,
    assert of_line[0] == sorted(set(of_line[0]))      # which goes on


def test_a_stopped_node_hands_over_at_once(site):
    """And comes back to stand by, with what the other has done meanwhile."""
    registrar, cluster, _, b = begin(site)
    phones = registered(site, N)
    cluster.stop("a")
    b.wait_output(" is ready")
    assert_absorbed(registrar, phones)
    new = site.registering("late", "pw")
    assert new.register(expires=300).status == 200
    assert phones[0].register(expires=0).status == 200
    cluster.start("a")
    site.wait_for(lambda: cluster.current() == ["a", "b"], 30)
    assert cluster.owner() == "b"
    site.wait_for(lambda: "late@example.test" in cluster.rows() and
                  "user0@example.test" not in cluster.rows() or len(cluster.rows()) == N + 1)
    cluster.stop("b")
    cluster.nodes["a"].wait_output(" is ready")
    assert_absorbed(registrar, phones[1:] + [new])


def test_a_node_that_is_not_heard_stops_sending(site):
    """The database is away: phones stay registered, new ones hear 503, nothing goes upstream; and
    when it is back all goes on without a change of place."""
    site.config.set('upstream "registrar"', probe_interval=1)
    registrar, cluster, a, _ = begin(site)
    phones = registered(site, 3)
    cluster.postgres.freeze()
    site.wait_for(lambda: may_send_for(a) == 0, 30)
    before = registrar.count()
    assert_absorbed(registrar, phones)
    assert site.registering("new", "pw").register(expires=300).status == 503
    assert registrar.count() == before
    cluster.postgres.freeze(False)
    site.wait_for(lambda: may_send_for(a) > 0, 30)
    site.wait_for(lambda: upstream_state(a) == "up", 30)
    assert site.registering("newer", "pw").register(expires=300).status == 200
    assert cluster.owner() == "a" and a.is_running


def test_who_was_replaced_ends(site):
    """A node that was stopped in the middle of everything, and goes on when another one acts: it
    sends nothing more, and ends."""
    registrar, cluster, a, b = begin(site)
    registered(site, 2)
    a.signal(19)  # SIGSTOP
    b.wait_output("leads", timeout=60)
    before = registrar.count()
    a.signal(18)  # SIGCONT
    assert a.wait(30) == 1
    assert "another node in our place" in a.output()
    assert registrar.count() == before
    site.programs.remove(cluster.nodes.pop("a"))
    assert not a.reports()
    a.notify.close()


def test_the_first_node_brings_its_records(site):
    """A node that was alone becomes the first of a cluster; killed, it goes on by itself."""
    registrar = site.registrar("--password", "pw")
    cluster = Cluster(site)
    alone = cluster.start("a", is_alone=True)
    alone.wait_ready()
    phones = registered(site, 3)
    cluster.stop("a")
    cluster.start("a").wait_output(" is ready")
    site.wait_for(lambda: cluster.rows() == [f"user{i}@example.test" for i in range(3)])
    assert_absorbed(registrar, phones)
    cluster.kill("a")
    cluster.start("a").wait_output(" is ready")
    assert cluster.postgres.sql("select epoch & 4294967295 from breakwater.own").strip() == "1"
    assert_absorbed(registrar, phones)


def test_who_is_not_alike_may_not_join(site):
    """Other keys, or another takeover-after, with which two could act at the same time."""
    cluster = Cluster(site)
    cluster.start("a").wait_output(" is ready")
    cluster.start("b", takeover_after="11s").wait_output("another takeover-after")
    with open(site.path("keys/token.key"), "wb") as f:
        f.write(b"x" * 32)
    cluster.start("c").wait_output("token.key of state-dir must be the same on all")
    assert cluster.current() == ["a"] and cluster.owner() == "a"


def test_a_restored_database_gets_what_it_has_lost(site):
    """Nobody sends upstream until all nodes must have noticed; then the node that is named writes
    its records anew."""
    registrar, cluster, a, _ = begin(site)
    phones = registered(site, 3)
    site.wait_for(lambda: len(cluster.rows()) == 3)
    cluster.postgres.sql("delete from breakwater.rec where k <> 'user1@example.test'")
    cluster.postgres.sql(cluster.command("restored", "a"))
    site.wait_for(lambda: may_send_for(a) == 0)
    before = registrar.count()
    assert_absorbed(registrar, phones)
    assert site.registering("new", "pw").register(expires=300).status == 503
    assert registrar.count() == before
    site.wait_for(lambda: len(cluster.rows()) == 3, 40)
    site.wait_for(lambda: cluster.current() == ["a", "b"], 30)
    assert cluster.owner() == "a" and may_send_for(a) > 0
    assert site.registering("new", "pw").register(expires=300).status == 200


def test_who_is_named_and_never_comes_is_replaced(site):
    """After a restore; and a node that leaves before it knows that it was named stays a member."""
    _, cluster, _, b = begin(site)
    registered(site, 3)
    site.wait_for(lambda: len(cluster.rows()) == 3)
    cluster.kill("a")
    sql = cluster.postgres.sql
    sql(cluster.command("restored", "a"))
    sql("update breakwater.node set state = 'member' where name = 'a'")
    assert sql("select breakwater.leave(id, epoch) from breakwater.node "
               "where name = 'a'").strip() == "f"
    sql("update breakwater.node set state = 'fenced' where name = 'a'")
    b.wait_output(" is ready", timeout=60)
    assert cluster.owner() == "b" and len(cluster.rows()) == 3


@pytest.mark.parametrize("named", ["a", "b"])
def test_the_named_node_may_have_stood_by_or_be_stopped(site, named):
    """The backup knows one line of three, and the node that is named is started when the database
    is back already: what it has itself is not thrown away for the backup's."""
    registrar, cluster, _, _ = begin(site)
    phones = registered(site, 3)
    site.wait_for(lambda: len(cluster.rows()) == 3)
    site.wait_for(lambda: cluster.current() == ["a", "b"], 30)
    time.sleep(1)  # b has read what it was told of
    cluster.kill("a")
    cluster.kill("b")
    cluster.postgres.sql("delete from breakwater.rec where k <> 'user1@example.test'")
    cluster.postgres.sql(cluster.command("restored", named))
    node = cluster.start(named)
    node.wait_output(" is ready", timeout=60)
    site.wait_for(lambda: len(cluster.rows()) == 3, 30)
    assert_absorbed(registrar, phones)


def test_rows_of_a_later_version_are_not_passed_over(site):
    """Who cannot read them does not call itself up to date, and reads them when it can."""
    _, cluster, _, b = begin(site)
    registered(site, 1)
    site.wait_for(lambda: len(cluster.rows()) == 1)
    cluster.postgres.sql("insert into breakwater.rec select 'later', 1, 1000, '\\xff01', now()")
    b.wait_output("rows of a later version", timeout=30)
    site.wait_for(lambda: cluster.current() == ["a"], 30)
    cluster.postgres.sql("delete from breakwater.rec where k = 'later'")
    site.wait_for(lambda: cluster.current() == ["a", "b"], 30)


def test_a_lost_database_is_filled_again(site):
    """An empty one in its place: records that nobody else has are not thrown away."""
    registrar = site.registrar("--password", "pw")
    cluster = Cluster(site)
    a = cluster.start("a")
    a.wait_output(" is ready")
    phones = registered(site, 3)
    site.wait_for(lambda: len(cluster.rows()) == 3)
    cluster.stop("a")
    cluster.postgres.sql("drop schema breakwater cascade")
    cluster.init()
    cluster.start("a").wait_output(" is ready")
    site.wait_for(lambda: len(cluster.rows()) == 3)
    assert_absorbed(registrar, phones)


def test_a_database_server_that_is_silent_is_passed(site):
    """The first of those that are configured takes connections and says nothing."""
    cluster = Cluster(site)
    host, port = cluster.postgres.address
    with socket.create_server((host, 0)) as mute:
        a = cluster.start("a", database=f"postgresql://node@{host}:{mute.getsockname()[1]},"
                                        f"{host}:{port}/postgres?sslmode=disable")
        a.wait_output(" is ready", timeout=30)
    assert cluster.owner() == "a"


def test_who_has_no_right_says_so(site):
    """In the log; it connects and may do nothing."""
    cluster = Cluster(site)
    cluster.postgres.sql("revoke usage on schema breakwater from node")
    a = cluster.start("a")
    a.wait_output("permission denied for schema breakwater")
    cluster.postgres.sql("grant usage on schema breakwater to node")
    a.wait_output(" is ready")


FAIL_AT_COMMIT = """
create function public.refuse() returns trigger language plpgsql as $$ begin
    raise exception 'not now'; end $$;
create constraint trigger refuse after insert on breakwater.rec deferrable initially deferred
    for each row execute function public.refuse();
"""
ASK_ISOLATION = """
create function public.look() returns trigger language plpgsql as $$ begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'not isolated as the functions need it';
    end if;
    return new; end $$;
create trigger look before insert on breakwater.rec for each row execute function public.look();
"""


def test_a_commit_that_fails_is_made_again(site):
    """A transaction's statement may go well and its commit not: what was in it is still to be
    written. And the role's settings do not change how the functions see each other."""
    site.registrar("--password", "pw")
    cluster = Cluster(site)
    cluster.postgres.sql("alter role node set default_transaction_isolation = 'serializable';" +
                         ASK_ISOLATION + FAIL_AT_COMMIT)
    a = cluster.start("a")
    a.wait_output(" is ready")
    registered(site, 2)
    site.wait_for(lambda: "not now" in a.output(), 30)
    assert cluster.rows() == []
    cluster.postgres.sql("drop trigger refuse on breakwater.rec")
    site.wait_for(lambda: len(cluster.rows()) == 2, 30)


def test_no_row_has_the_number_of_another(site):
    """Node 1 writes, 2 takes its place and writes its newest row anew, 1 comes back: what it writes
    now stands behind all that node 3 has read of it."""
    sql = Cluster(site).postgres.sql

    def join(name):
        return sql("select id, last_n from breakwater.join("
                   f"'pair', '{name}', 'i{name}', 'v', 'k', 150000)").strip()

    def epochs(node):
        return f"{node}, (select epoch from breakwater.node where id = {node})"

    def put(node, number, key):
        done = sql(f"select breakwater.put({epochs(node)}, (select epoch from breakwater.own), "
                   f"array['{key}']::bytea[], array[{number}]::bigint[], array['x']::bytea[])")
        assert done.strip() == "t"

    def hand(node, to):
        sql(f"select breakwater.hand({epochs(node)}, 0, (select epoch from breakwater.own), {to})")

    assert [join(name) for name in "abc"] == ["1|0", "2|0", "3|0"]
    sql(f"select breakwater.take({epochs(1)}, 0)")
    put(1, 4, "k1")
    put(1, 5, "k2")
    hand(1, 2)
    put(2, 1, "k2")
    assert join("a") == "1|5"
    hand(2, 1)
    put(1, 6, "k3")
    assert sql("select k, n from breakwater.feed(1, 5, 10)").strip() == "\\x6b33|6"
    assert sql("select purged, last from breakwater.ends() where id = 1").strip() == "0|6"
