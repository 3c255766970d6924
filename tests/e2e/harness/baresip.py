"""A real phone without sound: baresip, told what to do over its control port."""
import json
import os
import socket
import time
import wave

from . import net
from .program import Program

CONFIG = """\
poll_method epoll
sip_listen {sip}
net_interface {host}
module_path {modules}
audio_source aufile,{sound}
audio_player aufile,{directory}/heard.wav
audio_alert aufile,{directory}/alert.wav
audio_path {directory}
rtp_ports 20000-20100
module g711.so
module aufile.so
module uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen {control}
"""

SECONDS = 60  # of sound; a call ends with it

MODULES = ("/usr/lib/baresip/modules", "/usr/lib64/baresip/modules")


class Baresip(Program):
    """Registers by itself at example.test, through the daemon unless another proxy is told. options:
    of its account, each as baresip writes it. Its output has the SIP messages, if is_tracing."""
    def __init__(self, site, name, password, options=("regint=60",), proxy=None, is_tracing=False):
        host = site.net.phone()
        self.address = (host, net.free_port(host))
        self.control_address = (host, net.free_port(host, socket.SOCK_STREAM))
        self.control, self.partial, self.events = None, b"", []
        site.ladder.name(self.address, name)
        title = f"baresip-{name}-{self.address[1]}"
        folder = site.path(title)
        os.mkdir(folder)
        self.write_config(folder)
        self.write(folder, "contacts", "")
        self.write(folder, "accounts", ";".join([
            f"<sip:{name}@example.test>", f"auth_pass={password}",
            f'outbound="sip:{net.text(*(proxy or site.access))};transport=udp"', *options]) + "\n")
        trace = ["-s"] if is_tracing else []
        super().__init__(title, ["baresip", "-f", folder, *trace], site.directory,
                         {"HOME": folder})

    def close(self):
        self.kill()  # it would wait for an answer to its last REGISTER

    @staticmethod
    def write(folder, name, text):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.write(text)

    def write_config(self, folder):
        sound = os.path.join(folder, "silence.wav")
        with wave.open(sound, "wb") as w:
            w.setparams((1, 2, 8000, 8000, "NONE", ""))
            w.writeframes(bytes(SECONDS * 16000))
        self.write(folder, "config", CONFIG.format(
            sip=net.text(*self.address), host=self.address[0], sound=sound, directory=folder,
            modules=next(m for m in MODULES if os.path.isdir(m)),
            control=net.text(*self.control_address)))

    # ------------------------------------------------------------ control

    def connect(self, timeout=15.0):
        end = time.monotonic() + timeout
        while self.control is None:
            try:
                self.control = socket.create_connection(self.control_address, timeout=timeout)
            except ConnectionRefusedError:
                assert self.is_running and time.monotonic() < end, self.output()
                time.sleep(0.02)

    def next_message(self, timeout):
        """The next netstring as JSON."""
        end = time.monotonic() + timeout
        while True:
            size, colon, rest = self.partial.partition(b":")
            if colon and len(rest) > int(size):
                self.partial = rest[int(size) + 1:]
                return json.loads(rest[:int(size)])
            self.control.settimeout(max(end - time.monotonic(), 0.001))
            more = self.control.recv(65536)
            assert more, f"{self.name} closed its control port:\n{self.output()}"
            self.partial += more

    def command(self, command, params="", timeout=15.0):
        """What it answers; events that come before are kept."""
        self.connect()
        text = json.dumps({"command": command, "params": params, "token": command}).encode()
        self.control.sendall(b"%d:%s," % (len(text), text))
        while True:
            m = self.next_message(timeout)
            if m.get("response"):
                return m
            self.events.append(m)

    def wait_event(self, kind, timeout=15.0):
        """The next event of that type, as CALL_INCOMING or CALL_CLOSED."""
        self.connect()
        while True:
            for m in self.events:
                if m.get("type") == kind:
                    self.events.remove(m)
                    return m
            self.events.append(self.next_message(timeout))

    def end(self, timeout=15.0):
        if self.control is not None:
            self.control.close()
            self.control = None
        return super().end(timeout)
