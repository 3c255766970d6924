"""The daemon's admin API over HTTP or its Unix socket."""
import http.client
import json
import socket


class Answer:
    def __init__(self, response):
        self.status, self.type = response.status, response.getheader("Content-Type", "")
        self.header = response.getheader
        self.body = response.read()

    @property
    def text(self):
        return self.body.decode("utf-8")

    @property
    def json(self):
        return json.loads(self.body)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Admin:
    """where: (host, port), or the path of a Unix socket."""
    def __init__(self, where, timeout=30.0):
        self.where, self.timeout = where, timeout

    def ask(self, method, path, headers=None, body=None):
        connection = UnixConnection(self.where, self.timeout) if isinstance(self.where, str) else \
            http.client.HTTPConnection(*self.where, timeout=self.timeout)
        try:
            connection.request(method, path, body, headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, path, **headers):
        return self.ask("GET", path, headers)

    def metrics(self):
        """Name with labels, without the prefix -> value."""
        answer = self.get("/metrics")
        assert answer.status == 200
        rows = [line.rsplit(" ", 1) for line in answer.text.splitlines() if line[0] != "#"]
        return {name.removeprefix("breakwater_"): float(value) for name, value in rows}
