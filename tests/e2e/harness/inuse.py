"""How many bytes a program has allocated, as its allocator counts them: no leak can hide in what the
system still lends it."""
import os
import socket

from .program import run

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "inuse.c")


class InUse:
    """before: what to put before the program's command."""
    def __init__(self, directory):
        library = os.path.join(directory, "inuse.so")
        self.path = os.path.join(directory, "inuse.sock")
        code, _, errors = run(["cc", "-shared", "-fPIC", "-pthread", "-O1", "-D_GNU_SOURCE", "-o",
                               library, SOURCE])
        assert code == 0, errors
        self.before = ["env", f"LD_PRELOAD={library}", f"INUSE_SOCKET={self.path}",
                       "MALLOC_ARENA_MAX=1"]

    def bytes(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(self.path)
            return int(s.makefile().readline())
