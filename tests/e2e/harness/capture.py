"""Packets on the loopback interface, as they pass: UDP over IPv4, among them media, which is RTP (RFC
3550). Needs the rights of root."""
import collections
import contextlib
import socket
import struct
import threading

ETH_P_IP = 0x0800
ETHERNET, UDP_HEADER, RTP_HEADER = 14, 8, 12
FLAGS, DONT_FRAGMENT = ETHERNET + 6, 0x40

Datagram = collections.namedtuple("Datagram", "target is_whole")  # is_whole: it may not be cut


def ends_of(frame):
    """((from, port), (to, port)) of a UDP packet, None: it is something else."""
    header = ETHERNET + 4 * (frame[ETHERNET] & 15)
    if frame[ETHERNET + 9] != socket.IPPROTO_UDP or len(frame) < header + UDP_HEADER:
        return None
    source, target = (socket.inet_ntoa(frame[i:i + 4]) for i in (ETHERNET + 12, ETHERNET + 16))
    source_port, target_port = struct.unpack_from("!HH", frame, header)
    return (source, source_port), (target, target_port)


def is_rtp(frame):
    """RTCP (its types are above 191) is something else."""
    payload = ETHERNET + 4 * (frame[ETHERNET] & 15) + UDP_HEADER
    return len(frame) >= payload + RTP_HEADER and frame[payload] >> 6 == 2 and \
        not 192 <= frame[payload + 1] <= 223


@contextlib.contextmanager
def rtp_packets():
    """While this lasts, the yielded counter grows: who sends to whom, as ends_of tells -> packets."""
    seen = collections.Counter()

    def take(frame, ends):
        if is_rtp(frame):
            seen[ends] += 1

    with watching(take):
        yield seen


@contextlib.contextmanager
def datagrams(source):
    """While this lasts, the yielded list grows: what (host, port) sends."""
    seen = []

    def take(frame, ends):
        if ends[0] == source:
            seen.append(Datagram(ends[1], bool(frame[FLAGS] & DONT_FRAGMENT)))

    with watching(take):
        yield seen


@contextlib.contextmanager
def watching(take):
    """take(frame, ends) is called for each, on a thread of its own."""
    stop = threading.Event()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_IP)) as s:
        s.bind(("lo", ETH_P_IP))
        s.settimeout(0.05)
        thread = threading.Thread(target=watch, args=(s, take, stop), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def watch(s, take, stop):
    while not stop.is_set():
        try:
            frame, where = s.recvfrom(65536)
        except TimeoutError:
            continue
        ends = None if where[2] == socket.PACKET_OUTGOING else ends_of(frame)
        if ends:
            take(frame, ends)
