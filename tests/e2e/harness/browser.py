"""Chromium without a screen, with SIP.js in a page: the phone of somebody else's making that comes by
a WebSocket. `./dev deps` installs both but SIP.js itself, which npm fetches as web/package-lock.json pins
it; nothing of it is kept in this tree."""
import http.server
import os
import queue
import shutil
import subprocess
import threading

from . import net
from .program import Program

WEB = os.path.join(os.path.dirname(__file__), os.pardir, "web")

PAGE = """<!doctype html><title>phone</title><script type="module">
import { Registerer, UserAgent } from "/lib/index.js";
const say = words => fetch("/say", { method: "POST", body: words });
window.onerror = words => say("error " + words);
window.onunhandledrejection = event => say("error " + event.reason.stack);
// Where media would come from: this is about signalling.
const media = {
  close() {}, hasDescription: type => type === "application/sdp",
  getDescription: async () => ({ contentType: "application/sdp", body:
    "v=0\\r\\no=- 1 1 IN IP4 127.0.0.1\\r\\ns=-\\r\\nc=IN IP4 127.0.0.1\\r\\nt=0 0\\r\\n" +
    "m=audio 9 RTP/AVP 0\\r\\n" }),
  setDescription: async () => {}, sendDtmf: () => false,
};
const ua = new UserAgent({
  uri: UserAgent.makeURI("sip:@NAME@@example.test"),
  transportOptions: { server: "@SERVER@" },
  sessionDescriptionHandlerFactory: () => media,
  logBuiltinEnabled: false,
  delegate: { onInvite(call) {
    call.stateChange.addListener(state => say("call " + state));
    say("rings");
    setTimeout(() => call.accept(), 200);
    window.call = call;
  } },
});
new EventSource("/orders").onmessage = event => {
  say("does " + event.data);
  if (event.data === "hang-up") window.call.bye();
  if (event.data === "leave") phone.unregister();
};
const phone = new Registerer(ua, { expires: 60 });
phone.stateChange.addListener(state => say("phone " + state));
await ua.start();
await phone.register();
</script>"""

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--disable-extensions", "--no-proxy-server",
         "--ignore-certificate-errors")


def find_chromium():
    return shutil.which("chromium") or shutil.which("chromium-browser")


def fetch_sipjs(directory):
    """Its folder lib, fetched into the directory; npm checks it against the digest in the lock file.
    None: npm does not reach its registry."""
    for name in ("package.json", "package-lock.json"):
        shutil.copy(os.path.join(WEB, name), directory)
    said = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                          cwd=directory, timeout=120, check=False, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert b"EINTEGRITY" not in said.stdout, said.stdout.decode()
    if said.returncode:
        return None
    return os.path.join(directory, "node_modules", "sip.js", "lib")


class Browser(Program):
    """lib: of SIP.js; server: the URL of the WebSocket."""
    def __init__(self, site, name, lib, server):
        said, orders = self.said, self.orders = queue.Queue(), queue.Queue()
        page = PAGE.replace("@NAME@", name).replace("@SERVER@", server).encode()

        class Handler(http.server.BaseHTTPRequestHandler):
            def reply(self, body, kind):
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                said.put(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self.reply(b"", "text/plain")

            def do_GET(self):
                if self.path == "/orders":
                    self.send_response(200)
                    self.send_header("Content-Type", "text/event-stream")
                    self.end_headers()
                    for order in iter(orders.get, None):
                        self.wfile.write(f"data: {order}\n\n".encode())
                elif self.path.startswith("/lib/"):
                    with open(os.path.join(lib, self.path[5:]), "rb") as f:
                        self.reply(f.read(), "text/javascript")
                else:
                    self.reply(page, "text/html")

            def log_message(self, *args):
                pass

        host = site.net.phone()
        self.server = http.server.ThreadingHTTPServer((host, 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.origin = "http://" + net.text(host, self.server.server_port)
        self.profile = site.path("chromium")

    def open(self, site):
        """The page. What the browser does from now on it says."""
        super().__init__("chromium", [find_chromium(), *FLAGS, f"--user-data-dir={self.profile}",
                                      self.origin + "/"], site.directory)

    def hear(self, words, timeout=15.0):
        """Waits until the page has said so."""
        heard = []
        while not heard or heard[-1] != words:
            try:
                heard.append(self.said.get(timeout=timeout))
            except queue.Empty:
                raise AssertionError(f"the page did not say {words!r} but {heard}") from None
            assert not heard[-1].startswith("error "), heard

    def order(self, word):
        self.orders.put(word)

    def end(self, timeout=15.0):
        self.orders.put(None)
        self.server.shutdown()
        self.server.server_close()
        return super().end(timeout)
