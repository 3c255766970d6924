"""Addresses of the test's own: a random part of 127.0.0.0/8 for each site, so that runs beside this
one do not meet it. The proxy tells an upstream from a phone by its IP address, so each has one."""
import errno
import random
import socket


class Net:
    """One site's addresses."""
    def __init__(self):
        self.prefix = f"127.{random.randint(16, 254)}.{random.randint(0, 254)}"
        self.proxy = self.prefix + ".1"
        self.upstream = self.prefix + ".2"
        self.phones = 9  # the next one's last byte - 1

    def phone(self):
        self.phones += 1
        return f"{self.prefix}.{self.phones}"


def family(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def free_port(host, kind=socket.SOCK_DGRAM):
    """Below the ports that the system gives away by itself, so it stays free; four digits, for
    sipsak 0.9.8 takes no more."""
    while True:
        port = random.randint(5100, 9999)
        with socket.socket(family(host), kind) as s:
            try:
                s.bind((host, port))
                return port
            except OSError as e:
                if e.errno != errno.EADDRINUSE:
                    raise


def text(host, port):
    """As in a URI: IPv6 in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def udp_socket(host, port=0):
    s = socket.socket(family(host), socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    s.bind((host, port))
    return s


def is_bound(address):
    """Somebody has that UDP socket."""
    host = "".join(f"{int(b):02X}" for b in reversed(address[0].split(".")))
    with open("/proc/net/udp", encoding="ascii") as f:
        return f" {host}:{address[1]:04X} " in f.read()


def has_ipv6():
    try:
        free_port("::1")
    except OSError:
        return False
    return True
