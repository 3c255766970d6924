"""breakwaterctl top: a frame with what was counted; and frame after frame, with rates."""
import time

from harness import accounts
from harness.accounts import ctl, start_ctl


def test_a_frame_says_what_was_counted(site):
    site.config.set(accounts.DOMAIN, mode="aor-throttle")
    site.registrar("--challenge", "never")
    site.start()
    phone = site.registering("alice")
    for _ in range(4):
        assert phone.register().status == 200
    code, out, err = ctl(site, "top", "--once")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("breakwater ") and lines[0].endswith("ready")
    assert lines[1] == "REGISTERs    in 4   absorbed 3   out 1   share 75.0%"
    assert lines[2:] == ["domain example.test   in 4   absorbed 3   out 1", "upstream registrar   up"]
    assert ctl(site, "top", "often")[0] == 64
    assert ctl(site, "--json", "top")[0] == 64

    shown = start_ctl(site, "top")
    end = time.monotonic() + 30
    text = ""
    while text.count("REGISTER/s") < 2 and time.monotonic() < end:
        time.sleep(0.1)
        with open(site.path("ctl.out"), encoding="utf-8") as f:
            text = f.read()
    shown.terminate()
    shown.wait(30)
    assert text.count("REGISTER/s") >= 2 and text.startswith("\033[H\033[2J")
