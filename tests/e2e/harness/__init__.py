"""What the end-to-end tests stand on. A test asks for the fixture `site`: a throw-away directory,
loopback addresses nobody else has, a configuration to change, and everything it starts is ended
with it. A failure prints the SIP ladder and the logs, and keeps the directory.

    def test_a_request_reaches_the_upstream(site):
        upstream = site.upstream()
        site.start()
        phone = site.phone()
        phone.send(phone.request("MESSAGE", "sip:bob@example.test"))
        upstream.answer(upstream.expect("MESSAGE"), 202)
        phone.expect(202)

Time-outs are long, for only a failure waits for them; nothing is waited for by sleeping."""
