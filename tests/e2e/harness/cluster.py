"""Nodes of one cluster, each with directories of its own, that share an address as if it moved from
one to the other."""
import copy
import os
import shutil

from .accounts import ctl
from .daemon import Config, Daemon, binary
from .postgres import Postgres
from .program import run


class Node(Daemon):
    def __init__(self, cluster, name, is_alone, options):
        site = cluster.site
        self.name_in_cluster, self.directory = name, site.path(name)
        os.makedirs(os.path.join(self.directory, "state"), exist_ok=True)
        cluster.give_keys(self.directory)
        config = Config(copy.deepcopy(site.config.sections))
        config.set("", runtime_dir=self.directory, state_dir=os.path.join(self.directory, "state"))
        if not is_alone:
            config.set("cluster", name="pair", node=name,
                       **{"database": cluster.postgres.uri("node"),
                          "takeover_after": cluster.takeover_s, **options})
        super().__init__(config, self.directory, name)

    def path_in_state(self, name):
        return os.path.join(self.directory, "state", name)

    def wait_standing_by(self):
        self.wait_output("stands by")

    def ctl(self, *words):
        return ctl(None, *words, socket=os.path.join(self.directory, "admin.sock"))


class Cluster:
    """takeover_s: short, as a test cannot wait for as long as a carrier can."""
    def __init__(self, site, takeover_s=10):
        self.site, self.takeover_s = site, f"{takeover_s}s"
        self.postgres = Postgres(site)
        self.nodes = {}
        self.postgres.sql('create role node login;')
        self.init()

    def init(self):
        self.postgres.sql(self.command("init", "pair", "node"))

    @staticmethod
    def command(*words):
        code, out, err = run([binary("breakwaterctl"), "cluster", *words])
        assert code == 0, err
        return out

    def give_keys(self, directory):
        """As the operator does: those of the first node."""
        first = self.site.path("keys")
        if not os.path.exists(first):
            os.mkdir(first)
            for name in ("token.key", "nonce.key"):
                with open(os.path.join(first, name), "wb") as f:
                    f.write(os.urandom(32))
                os.chmod(f.name, 0o600)
        for name in os.listdir(first):
            shutil.copy2(os.path.join(first, name), os.path.join(directory, "state", name))

    def start(self, name, is_alone=False, **options):
        """The node, not waited for. options: of the section "cluster"."""
        node = self.nodes[name] = self.site.keep(Node(self, name, is_alone, options))
        return node

    def kill(self, name):
        node = self.nodes.pop(name)
        self.site.programs.remove(node)
        node.kill()
        node.notify.close()
        assert not node.reports(), node.reports()

    def stop(self, name):
        node = self.nodes.pop(name)
        self.site.programs.remove(node)
        node.stop()
        node.notify.close()

    def rows(self):
        """AoRs that the database has."""
        return sorted(self.postgres.sql(
            "select convert_from(k, 'UTF8') from breakwater.rec where d is not null").split())

    def owner(self):
        return self.postgres.sql("select n.name from breakwater.own o "
                                 "join breakwater.node n on n.id = o.node").strip()

    def current(self):
        """Those that stand by and have read all."""
        return self.postgres.sql("select name from breakwater.node where is_current and "
                                 "state = 'member' order by name").split()
