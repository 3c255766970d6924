"""Chromium without a screen, driven by its chromedriver (W3C WebDriver, and DevTools for what that
lacks). Used where both are there."""
import base64
import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from .browser import FLAGS, find_chromium

START_S = 60


def find_driver():
    return shutil.which("chromedriver")


def is_there():
    return bool(find_chromium() and find_driver())


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Page:
    """One window. Close it, or use it with with."""
    def __init__(self, width=1280, height=900, dark=False):
        self.profile = tempfile.mkdtemp(prefix="bw-chromium-")
        self.base = f"http://127.0.0.1:{free_port()}"
        self.process = subprocess.Popen(
            [find_driver(), "--port=" + self.base.rsplit(":", 1)[1]], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.session = None
        try:
            self.begin(width, height, dark)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.close()

    def call(self, method, path, body=None, timeout=START_S):
        data = json.dumps(body if body is not None else {}).encode() if method == "POST" else None
        request = urllib.request.Request(self.base + path, data, method=method,
                                         headers={"Content-Type": "application/json"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=timeout) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as e:
            raise AssertionError(f"{path}: {json.load(e)['value']['message']}") from None

    def begin(self, width, height, dark):
        end = time.monotonic() + START_S
        while True:
            try:
                if self.call("GET", "/status")["ready"]:
                    break
            except OSError:
                assert time.monotonic() < end, "chromedriver does not start"
            time.sleep(0.05)
        options = {"binary": find_chromium(),
                   "args": [*FLAGS, f"--user-data-dir={self.profile}", "--hide-scrollbars",
                            f"--window-size={max(width, 600)},{height}"]}
        value = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}})
        self.session = "/session/" + value["sessionId"]
        self.resize(width, height)
        self.devtools("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def devtools(self, command, **params):
        return self.call("POST", self.session + "/goog/cdp/execute",
                         {"cmd": command, "params": params})

    def resize(self, width, height):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height,
                      deviceScaleFactor=1, mobile=width < 600)

    def open(self, url):
        self.call("POST", self.session + "/url", {"url": url})

    def run(self, script, *args):
        """The body of a function in the page; what it returns."""
        return self.call("POST", self.session + "/execute/sync",
                         {"script": script, "args": list(args)})

    def wait(self, script, *args, timeout=30.0):
        """Until the function returns something true, which is returned."""
        end = time.monotonic() + timeout
        while True:
            value = self.run(script, *args)
            if value:
                return value
            assert time.monotonic() < end, f"the page does not come to: {script}"
            time.sleep(0.1)

    def complaints(self):
        """What the page has logged as an error, violations of its policy included."""
        entries = self.call("POST", self.session + "/se/log", {"type": "browser"})
        return [e["message"] for e in entries if e["level"] == "SEVERE"]

    def shot(self, path, whole=False):
        """A PNG of what is seen, or of all the page."""
        options = {"format": "png"}
        if whole:
            size = self.run("return [innerWidth, document.documentElement.scrollHeight]")
            options.update(captureBeyondViewport=True, clip={
                "x": 0, "y": 0, "width": size[0], "height": size[1], "scale": 1})
        with open(path, "wb") as f:
            f.write(base64.b64decode(self.devtools("Page.captureScreenshot", **options)["data"]))

    def close(self):
        if self.session:
            try:
                self.call("DELETE", self.session)
            except (OSError, AssertionError):
                pass
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)
