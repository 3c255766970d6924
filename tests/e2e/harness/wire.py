"""A bad cable, for kernels that have no netem: two TUN devices with this program between them, which
loses, doubles and overtakes packets as `netem loss 1% duplicate 1% delay 5ms reorder 5%` does.

    wire.py LOSS DUPLICATE REORDER DELAY_MS DEVICE DEVICE      the first three in percent

Prints "ready" when the devices are there; they may then move to network namespaces. It ends with
SIGTERM, and they with it."""
import collections
import fcntl
import os
import random
import select
import struct
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
PACKET_MAX = 65536


def open_device(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return fd


class Wire:
    def __init__(self, loss, duplicate, reorder, delay_ms):
        self.chances = [percent / 100 for percent in (loss, duplicate, reorder)]
        self.delay_s = delay_ms / 1000
        self.waiting = collections.deque()  # (when, where to, packet); all wait equally long

    def take(self, packet, to):
        loss, duplicate, reorder = self.chances
        if random.random() < loss:
            return
        for _ in range(1 + (random.random() < duplicate)):
            if random.random() < reorder:
                self.write(to, packet)
            else:
                self.waiting.append((time.monotonic() + self.delay_s, to, packet))

    @staticmethod
    def write(to, packet):
        try:
            os.write(to, packet)
        except OSError:
            pass  # the other end is down, or full

    def deliver(self):
        """What is due; how long until the next is, in milliseconds, None: nothing waits."""
        now = time.monotonic()
        while self.waiting and self.waiting[0][0] <= now:
            _, to, packet = self.waiting.popleft()
            self.write(to, packet)
        return max(0.0, (self.waiting[0][0] - now) * 1000) if self.waiting else None

    def run(self, ends):
        poll = select.poll()
        for fd in ends:
            poll.register(fd, select.POLLIN)
        while True:
            for fd, _ in poll.poll(self.deliver()):
                self.drain(fd, ends[fd])

    def drain(self, fd, to):
        for _ in range(64):
            try:
                self.take(os.read(fd, PACKET_MAX), to)
            except BlockingIOError:
                return


def main():
    one, other = (open_device(name) for name in sys.argv[5:7])
    print("ready", flush=True)
    Wire(*map(float, sys.argv[1:5])).run({one: other, other: one})


if __name__ == "__main__":
    main()
