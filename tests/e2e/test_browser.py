"""A browser as a phone: SIP.js in Chromium without a screen, by WSS."""
import shutil

import pytest

from harness import browser, net, sip
from harness.pki import Pki
from test_stream import register
from test_tls import NAME

OFFER = (b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
         b"m=audio 9 RTP/AVP 0\r\n")


@pytest.fixture(scope="session")
def sipjs(tmp_path_factory):
    """Whoever has neither chromium nor npm has not run ./dev deps."""
    if not browser.find_chromium() or not shutil.which("npm"):
        pytest.skip("chromium or npm is not there")
    lib = browser.fetch_sipjs(str(tmp_path_factory.mktemp("web")))
    if not lib:
        pytest.skip("npm does not get SIP.js")
    return lib


@pytest.mark.parametrize("workers", [1, 2])
def test_a_browser_registers_is_called_and_hangs_up(site, sipjs, workers):
    """A call forks to the browser and to another phone of the line; the browser answers, and ends
    it; then it leaves. Its page's origin is listed, and another one's is not."""
    site.judge_upstream()
    site.set_workers(workers)
    site.pki = Pki(site.directory)
    certificate, key = site.pki.issue(NAME)
    site.web = site.add_stream("web", site.net.proxy, "wss", certificate=certificate,
                               private_key=key)
    page = browser.Browser(site, "alice", sipjs, "wss://" + net.text(*site.web))
    site.config.set('listen "web"', origins=[page.origin])
    site.start()
    upstream, desk = site.upstream(), site.phone("alice")
    (uri,) = sip.uris(register(site, desk, upstream, 1).all("Contact"))
    page.open(site)
    site.keep(page)
    came = upstream.expect("REGISTER")
    upstream.answer(came, 200, fields=[("Contact", came.header("Contact") + ";expires=3600")])
    page.hear("phone Registered")
    call = upstream.send(upstream.request("INVITE", uri, [("Content-Type", "application/sdp")],
                                          OFFER))
    there = desk.expect("INVITE")
    desk.answer(there, 180)
    page.hear("rings")
    upstream.expect(180, of=call)
    upstream.ack(call, upstream.expect(200, of=call))
    cancel = desk.expect("CANCEL")
    desk.answer(cancel, 200)
    desk.answer(there, 487)
    desk.expect("ACK")
    page.hear("call Established")
    page.order("hang-up")
    upstream.answer(upstream.expect("BYE"), 200)
    page.hear("call Terminated")
    page.order("leave")
    page.hear("phone Unregistered")
    metrics = site.http.metrics()
    assert metrics['websocket_upgrades_total{status="101"}'] == 1
