"""Media packets on the loopback interface, counted as they pass: RTP (RFC 3550) over IPv4 and UDP.
Needs the rights of root."""
import collections
import contextlib
import socket
import struct
import threading

ETH_P_IP = 0x0800
ETHERNET, UDP_HEADER, RTP_HEADER = 14, 8, 12


def rtp_of(frame):
    """((from, port), (to, port)) of an RTP packet, None: it is something else. RTCP (its types are
    above 191) is something else, too."""
    header = ETHERNET + 4 * (frame[ETHERNET] & 15)
    payload = header + UDP_HEADER
    if frame[ETHERNET + 9] != socket.IPPROTO_UDP or len(frame) < payload + RTP_HEADER or \
            frame[payload] >> 6 != 2 or 192 <= frame[payload + 1] <= 223:
        return None
    source, target = (socket.inet_ntoa(frame[i:i + 4]) for i in (ETHERNET + 12, ETHERNET + 16))
    source_port, target_port = struct.unpack("!HH", frame[header:header + 4])
    return (source, source_port), (target, target_port)


@contextlib.contextmanager
def rtp_packets():
    """While this lasts, the yielded counter grows: who sends to whom, as rtp_of tells -> packets."""
    seen, stop = collections.Counter(), threading.Event()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_IP)) as s:
        s.bind(("lo", ETH_P_IP))
        s.settimeout(0.05)
        thread = threading.Thread(target=watch, args=(s, seen, stop), daemon=True)
        thread.start()
        try:
            yield seen
        finally:
            stop.set()
            thread.join()


def watch(s, seen, stop):
    while not stop.is_set():
        try:
            frame, where = s.recvfrom(65536)
        except TimeoutError:
            continue
        pair = None if where[2] == socket.PACKET_OUTGOING else rtp_of(frame)
        if pair:
            seen[pair] += 1
