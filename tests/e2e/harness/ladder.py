"""Who sent what to whom, as the test's own sockets saw it."""
import threading
import time

from . import net


class Ladder:
    def __init__(self):
        self.began = time.monotonic()
        self.lock = threading.Lock()
        self.names = {}  # (host, port) -> name
        self.steps = []  # (time, from, to, message)

    def name(self, address, name):
        self.names[tuple(address[:2])] = name

    def add(self, source, target, message):
        with self.lock:
            self.steps.append((time.monotonic() - self.began, source, target, message))

    def who(self, address):
        return self.names.get(tuple(address[:2])) or net.text(*address[:2])

    def text(self, most=400):
        """One line a message; of a long ladder the end."""
        lines = []
        for at, source, target, message in self.steps[-most:]:
            way = f"{self.who(source)} -> {self.who(target)}"
            start = message.start if len(message.start) < 70 else message.start[:67] + "..."
            lines.append(f"{at:8.3f}  {way:32}  {start!r:.80}  {message.cseq}  {message.call_id}")
        return "\n".join(lines) or "no messages"
