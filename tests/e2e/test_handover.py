"""Sockets that a service manager keeps while the daemon is away: nothing that is sent to them is lost."""
import fcntl
import os
import signal
import socket
import threading

import pytest

from harness.daemon import Daemon

EVERY_S, LAST_S = 0.04, 0.5


class Sender:
    """OPTIONS, one after another, each once, until it is told to stop."""
    def __init__(self, phone):
        self.phone, self.sent, self.over = phone, {}, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.over.wait(EVERY_S):
            m = self.phone.send(self.phone.request("OPTIONS", "sip:example.test"))
            self.sent[m.call_id] = m

    def end(self):
        self.over.wait(LAST_S)
        self.over.set()
        self.thread.join()

    def unanswered(self):
        left = dict(self.sent)
        while left:
            m = self.phone.receive(10)
            if m is None:
                break
            left.pop(m.call_id, None)
        return len(left)


def above(fds):
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for fd in fds]
    for fd in fds:
        os.close(fd)
    return high


@pytest.fixture
def kept():
    fds = []
    yield fds
    for fd in fds:
        os.close(fd)


def start(site, **how):
    site.daemon = site.keep(Daemon(site.config, site.directory, keeps=True, **how))
    site.daemon.wait_ready()
    return site.daemon


def stop(site, number):
    site.programs.remove(site.daemon)
    site.daemon.signal(number)
    site.daemon.wait(30)
    site.daemon.notify.close()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_datagram_is_lost_between_two_daemons(site, kept, workers, number):
    site.set_workers(workers)
    host = site.access[0]
    stream = site.add_stream("stream", host)
    phone = site.phone()
    first = start(site)
    kept += above(first.stored)
    kinds = [socket.socket(fileno=os.dup(fd)).type for fd in kept]
    n = site.config.sections[""]["workers"]
    assert kinds.count(socket.SOCK_STREAM) == n and kinds.count(socket.SOCK_DGRAM) % n == 0
    sender = Sender(phone)
    try:
        sender.over.wait(LAST_S)
        stop(site, number)
        while_away = socket.create_connection(stream, 10)  # waits to be accepted
        before = len(sender.sent)
        site.wait_for(lambda: len(sender.sent) > before + 5)
        second = start(site, sockets=kept)
        assert f"{len(kept)} sockets are handed over" in second.output()
    finally:
        sender.end()
    while_away.sendall(b"\r\n\r\n")
    while_away.settimeout(10)
    assert while_away.recv(2) == b"\r\n"
    while_away.close()
    if number == signal.SIGTERM:  # what a killed one had read already is gone
        assert sender.unanswered() == 0
    else:
        assert sender.unanswered() <= 1
    for fd in second.stored:
        os.close(fd)


def test_sockets_of_no_listener_are_let_go(site, kept):
    other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    other.bind((site.access[0], 0))
    kept += above([other.detach()])
    daemon = start(site, sockets=kept)
    assert "1 sockets are of no listener any more" in daemon.output()
    phone = site.phone()
    phone.ask(phone.request("OPTIONS", "sip:example.test"))
    for fd in daemon.stored:
        os.close(fd)
