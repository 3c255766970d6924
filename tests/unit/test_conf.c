#include "unit.h"

#include "conffile.h"

struct bad {
    const char *text;
    const char *expected[3]; /* fragments of what is said, or NULL */
};

static void assert_refused(const struct bad *row)
{
    struct conf *c = NULL;
    assert_int_equal(load(row->text, &c), ERR_BADCONF);
    assert_null(c);
    for (size_t i = 0; i < 3 && row->expected[i]; i++)
        if (!strstr(said, row->expected[i]))
            fail_msg("%s\nsaid: %snot: %s", row->text, said, row->expected[i]);
}

static const struct bad mistakes[] = {
    {"workers = 1\nworker = 2\n", {"t.conf:2: no such option 'worker', expected one of: workers"}},
    {"# a\n/* b\n c */ // d\nworker = 2\n", {"t.conf:4: no such option 'worker'"}},
    {"listen \"a\" {\n adress = 1 }\n",
     {"t.conf:2: listen: no such option 'adress', expected one of: address, advertise, "
      "certificate"}},
    {"nonesuch = \"/var\"\n", {"t.conf:1: no such option 'nonesuch'"}},
    {"workers\n= {1}", {"t.conf:2: unexpected token '{'"}},
    {"workers 3\n", {"t.conf:1: missing equal sign after option 'workers'"}},
    {"log { level = info\n", {"t.conf:1: the { that stands here has no end, expected }"}},
    {"log { }\n}\n", {"t.conf:2: unexpected closing brace"}},
    {"listen { }", {"t.conf:1: missing title for section 'listen'"}},
    {"workers = 1\nruntime-dir = \"/run\n\nlog { }",
     {"t.conf:2: the string that begins here has no end, expected \""}},
    {"\n/* a", {"t.conf:2: the comment that begins here has no end, expected */"}},
    {SERVES "listen \"a\" {\n address = \"udp:1.2.3.4\" }",
     {"t.conf:4: found duplicate title 'a', expected a title of its own"}},
    {SERVES "domain \"example.com\" { }", {"t.conf:4: found duplicate title 'example.com'"}},
    {SERVES "workers = 1\nworkers = 1\n",
     {"t.conf:5: workers: given again, expected once (it is in line 4)"}},
    {SERVES "log { level = info }\nlog { level = info }", {"t.conf:5: log level: given again"}},
    {SERVES "domain \"b\" { aliases = \"c\"\n aliases = {\"d\", \"e\"} }",
     {"t.conf:5: domain \"b\" aliases: given again"}},
    {SERVES "domain \"b\" { aliases = \"c\"\n aliases = {} }",
     {"t.conf:5: domain \"b\" aliases: given again"}},
    {SERVES "\"log|level\" = info\n", {"t.conf:4: no such option 'level' here"}},
    {SERVES "runtime-dir = \"/a\\nb\"\n", {"t.conf:4: runtime-dir: a control character"}},
    {SERVES "limits { lines-before-scan = 61 }\n",
     {"t.conf:4: limits lines-before-scan: \"61\": out of range"}},
    {SERVES "workers = x\nlimits { max-message = 1 }\nnothing = 1\n",
     {"t.conf:4: workers: \"x\" is not right, expected a number from 0 to 256",
      "t.conf:5: limits max-message: \"1\": out of range", "t.conf:6: no such option 'nothing'"}},
};

static void grammar_mistakes_are_named_with_their_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++)
        assert_refused(&mistakes[i]);
}

static const struct bad bad_values[] = {
    {SERVES "workers = 257",
     {"t.conf:4: workers: \"257\": out of range, expected a number from 0 to 256"}},
    {SERVES "workers = -1", {"workers: \"-1\" is not right, expected a number"}},
    {SERVES "drain-timeout = \"61m\"",
     {"drain-timeout: \"61m\": out of range, expected a duration from 0s to 1h"}},
    {SERVES "drain-timeout = \"100ms\"", {"drain-timeout: \"100ms\" is not right"}},
    {SERVES "drain-timeout = s", {"drain-timeout: \"s\" is not right"}},
    {SERVES "runtime-dir = run", {"runtime-dir: \"run\" is not right, expected an absolute path"}},
    {SERVES "runtime-dir = \"\"", {"runtime-dir: \"\" is not right"}},
    {SERVES "log { level = loud\nformat = xml\ntarget = file }",
     {"t.conf:4: log level: \"loud\" is not right, expected one of error, warning, info, debug",
      "t.conf:5: log format: \"xml\"",
      "t.conf:6: log target: \"file\" is not right, expected stderr, journal"}},
    {"listen \"a\" { address = \"udp:127.0.0.1:5060\" }\n"
     "upstream \"u\" { servers = \"sip:127.0.0.2:5060\" }\n"
     "domain \"example.com\" { flow-timer = \"2h\"\nrequire-path-support = maybe }\n",
     {"t.conf:3: domain \"example.com\" flow-timer: \"2h\": out of range, expected a duration from "
      "0s "
      "to 1h",
      "t.conf:4: domain \"example.com\" require-path-support: \"maybe\" is not right"}},
    {SERVES "limits { connections-per-source = 0\n max-connections = -1 }",
     {"t.conf:4: limits connections-per-source: \"0\": out of range, expected a number from 1 to "
      "1000000",
      "t.conf:5: limits max-connections: \"-1\" is not right, expected a number from 0 to"}},
    {SERVES "limits { max-message = \"64K\"\n max-transactions = 99 }",
     {"t.conf:4: limits max-message: \"64K\": out of range, expected a size from 1024 to 65535 "
      "bytes",
      "t.conf:5: limits max-transactions: \"99\": out of range, expected a number from 100 to "
      "10000000"}},
    {"listen a { address = \"tcp:127.0.0.1\" }\n upstream u { servers = \"sip:192.0.2.1\" }\n"
     "domain d { }\n",
     {"t.conf:1: listen \"a\" address: no section has udp, expected one as well, for the "
      "upstreams"}},
    {SERVES "listen b { address = \"sctp:127.0.0.1:5060\" }",
     {"t.conf:4: listen \"b\" address: \"sctp:127.0.0.1:5060\": transport \"sctp\" is not known; "
      "known: udp, tcp, tls, ws, wss"}},
    {SERVES "listen b { address = \"tls:127.0.0.1\" }",
     {"t.conf:4: listen \"b\" certificate: missing, expected the path of a file in PEM",
      "t.conf:4: listen \"b\" private-key: missing, expected the path of a file in PEM"}},
    {SERVES
     "listen b { address = \"tls:127.0.0.1\"\n certificate = \"/none\"\n private-key = \"/none\" }",
     {"t.conf:5: listen \"b\": \"/none\" No such file or directory, expected files in PEM"}},
    {SERVES "listen b { address = \"tls:127.0.0.1\"\n certificate = \"/none\"\n private-key = "
            "{\"/a\", \"/b\"} }",
     {"t.conf:6: listen \"b\" private-key: 2 for 1 certificates, expected one for each"}},
    {SERVES "listen b { address = \"wss:127.0.0.1\" }",
     {"t.conf:4: listen \"b\" certificate: missing",
      "t.conf:4: listen \"b\" private-key: missing"}},
    {SERVES "listen b { address = \"ws:127.0.0.1\"\n certificate = \"/none\" }",
     {"t.conf:5: listen \"b\" certificate: there is no TLS at this address, expected it with "
      "tls:IP-ADDRESS:PORT or wss:IP-ADDRESS:PORT only"}},
    {SERVES "listen b { address = \"tcp:127.0.0.1\"\n origins = \"https://x.test\" }",
     {"t.conf:5: listen \"b\" origins: there are no WebSockets at this address, expected it with "
      "ws:IP-ADDRESS:PORT or wss:IP-ADDRESS:PORT only"}},
    {SERVES "listen b { address = \"ws:127.0.0.1\"\n origins = \"x.test\" }",
     {"t.conf:5: listen \"b\" origins: \"x.test\" is not right, expected SCHEME://HOST or "
      "SCHEME://HOST:PORT as a browser says it, or null"}},
    {SERVES "listen b { address = \"ws:127.0.0.1\"\n origins = \"https://x.test/\" }",
     {"\"https://x.test/\": a browser does not say a path, not even /"}},
    {SERVES "listen b { address = \"ws:127.0.0.1\"\n origins = \"https://x.test:443\" }",
     {"\"https://x.test:443\": a browser does not say the port that its scheme has anyway"}},
    {SERVES "listen b { address = \"ws:127.0.0.1\"\n origins = \"https://x.test:0\" }",
     {"\"https://x.test:0\" is not right"}},
    {SERVES "listen b { address = \"ws:127.0.0.1\"\n origins = \"https://\" }",
     {"\"https://\" is not right"}},
    {SERVES
     "listen b { address = \"tcp:127.0.0.1\"\n certificate = \"/none\"\n client-ca = \"/none\" }",
     {"t.conf:5: listen \"b\" certificate: there is no TLS at this address, expected it with tls:",
      "t.conf:6: listen \"b\" client-ca: there is no TLS at this address"}},
    {SERVES
     "listen b { address = \"tcp:127.0.0.1\" }\nlisten c { address = \"tcp:127.0.0.1:5060\" }",
     {"t.conf:5: listen \"c\" address: listen \"b\" has the same, expected another one"}},
    {SERVES "listen b { address = \"127.0.0.1:5060\" }", {"expected udp:IP-ADDRESS:PORT"}},
    {SERVES "listen b { address = \"udp:localhost:5060\" }",
     {"\"udp:localhost:5060\" is not right"}},
    {SERVES "listen b { address = \"udp:127.0.0.1:0\" }", {"the port cannot be 0"}},
    {SERVES "listen b { address = \"udp:127.0.0.1:65536\" }", {"is not right, expected udp:"}},
    {SERVES "listen b { }",
     {"t.conf:4: listen \"b\" address: missing, expected udp:IP-ADDRESS:PORT"}},
    {SERVES "listen \"b c\" {\n\n address = \"udp:127.0.0.1:5061\" }",
     {"t.conf:4: listen: \"b c\" is not right, expected a name"}},
    {SERVES "listen b { address = \"udp:127.0.0.2:5060\" advertise = \"0.0.0.0\" }",
     {"nobody can send to a wildcard address"}},
    {SERVES "listen b { address = \"udp:127.0.0.2:5060\" advertise = \"a_b:70000\" }",
     {"listen \"b\" advertise: \"a_b:70000\" is not right, expected HOST"}},
    {SERVES "listen b { address = \"udp:127.0.0.2:5060\" side = inner }",
     {"listen \"b\" side: \"inner\" is not right, expected one of any, access, core"}},
    {SERVES "upstream v { servers = {\"sip:192.0.2.2;transport=TCP\",\n\"sips:192.0.2.3\"} }",
     {"t.conf:4: upstream \"v\" servers: \"sip:192.0.2.2;transport=TCP\" is over TCP, expected a "
      "listen section with that transport and IP version, of side core or any",
      "t.conf:5: upstream \"v\" servers: \"sips:192.0.2.3\" is over TLS, expected a listen"}},
    {SERVES "listen t { address = \"tcp:127.0.0.1\" side = access }\n"
            "upstream v { servers = \"sip:192.0.2.2;transport=tcp\" }",
     {"t.conf:5: upstream \"v\" servers: \"sip:192.0.2.2;transport=tcp\" is over TCP"}},
    {SERVES "listen t { address = \"tcp:127.0.0.1\" }\n"
            "upstream v { servers = \"sip:[2001:db8::1];transport=tcp\" }",
     {"t.conf:5: upstream \"v\" servers: \"sip:[2001:db8::1];transport=tcp\" is over TCP"}},
    {SERVES "upstream v { servers = \"sip:192.0.2.2\"\n server-ca = \"/ca.pem\"\n"
            "server-name = \"a.example\"\n verify-server = no }",
     {"t.conf:5: upstream \"v\" server-ca: none of its servers has TLS, expected it with sips:",
      "t.conf:6: upstream \"v\" server-name: none of its servers has TLS",
      "t.conf:7: upstream \"v\" verify-server: none of its servers has TLS"}},
    {SERVES "upstream v { servers = \"sips:192.0.2.2\"\n server-ca = \"/none\" }",
     {"t.conf:5: upstream \"v\" server-ca: \"/none\" has no certificates in PEM that can be read, "
      "expected a file in PEM with authorities"}},
    {SERVES "upstream v { servers = \"sips:192.0.2.2\"\n verify-server = no\n"
            "server-name = \"a.example\" }",
     {"t.conf:6: upstream \"v\" server-name: with verify-server = no nothing is compared with it"}},
    {SERVES "upstream v { servers = \"sips:192.0.2.2\" verify-server = maybe }",
     {"verify-server: \"maybe\" is not right, expected yes or no"}},
    {SERVES "upstream v { servers = {} }", {"t.conf:4: upstream \"v\" servers: missing"}},
    {SERVES "upstream v { servers = \"tel:192\" }", {"is not a sip: or sips: URI"}},
    {SERVES "upstream v { servers = \"sips:192.0.2.2;transport=udp\" }",
     {"has a parameter other than ;transport=tcp or tls; sips: is never over UDP"}},
    {SERVES "upstream v { servers = \"192.0.2.2\" }", {"expected sip:HOST"}},
    {SERVES "upstream v { servers = \"sip:a@192.0.2.2\" }", {"has a user part"}},
    {SERVES "upstream v { servers = \"sip:192.0.2.2;transport=sctp\" }",
     {"has a parameter other than ;transport=udp, tcp or tls"}},
    {SERVES "upstream v { servers = \"sip:192.0.2.2;lr\" }", {"has a parameter other"}},
    {SERVES "upstream v { servers = \"sip:192.0.2.2?a=b\" }", {"has headers"}},
    {SERVES "upstream v { servers = \"sip:0.0.0.0\" }", {"nobody can send to"}},
    {SERVES "upstream v { servers = \"sip:192.0.2.2\" trusted = \"10.0.0.1/24\" }",
     {"upstream \"v\" trusted: \"10.0.0.1/24\": the address has bits set behind the first 24"}},
    {SERVES "upstream v { servers = \"sip:192.0.2.2\" trusted = \"0.0.0.0/0\" }",
     {"would trust the whole world"}},
    {SERVES "upstream v { servers = \"sip:192.0.2.2\" trusted = \"10.0.0.0/33\" }",
     {"BITS must be from 1 to 32"}},
    {SERVES "domain \"a.example:5060\" { }",
     {"t.conf:4: domain: \"a.example:5060\": has a port, expected a host name or an IP "
      "address, without a port"}},
    {SERVES "domain \"1.2.3.4:5060\" { }", {"has a port"}},
    {SERVES "upstream v { servers = \"sip:192.0.2.2\"\n register-rate = 0\n register-burst = 0\n "
            "retry-after-cap = 0 }",
     {"t.conf:5: upstream \"v\" register-rate: \"0\": out of range, expected a number from 1 to "
      "100000",
      "t.conf:6: upstream \"v\" register-burst: \"0\": out of range, expected a number from 1 to "
      "1000000",
      "t.conf:7: upstream \"v\" retry-after-cap: \"0\": out of range, expected a duration from 1s "
      "to 1h"}},
    {SERVES "upstream v { servers = \"sip:192.0.2.2\"\n register-rate = fast\n "
            "register-burst = -1 }",
     {"t.conf:5: upstream \"v\" register-rate: \"fast\" is not right, expected a number",
      "t.conf:6: upstream \"v\" register-burst: \"-1\" is not right, expected a number"}},
    {SERVES "upstream v { servers = \"sip:192.0.2.2\"\n outage = wait\n serve-limit = 10s\n "
            "probe-interval = 2h }",
     {"t.conf:5: upstream \"v\" outage: \"wait\" is not right, expected one of serve, reject",
      "t.conf:6: upstream \"v\" serve-limit: \"10s\": out of range, expected a duration from 1m",
      "t.conf:7: upstream \"v\" probe-interval: \"2h\": out of range"}},
    {SERVES "upstream v { servers = \"sip:192.0.2.2\"\n outage = reject\n serve-limit = 1h }",
     {"t.conf:6: upstream \"v\" serve-limit: nobody is served with outage = reject, expected it "
      "with outage = serve"}},
    {SERVES "upstream v { servers = \"sip:192.0.2.2\"\n outage = serve\n serve-limit = 1h\n "
            "probe-interval = 0 }",
     {"t.conf:5: upstream \"v\" outage: without probes no outage is noticed, expected it with a "
      "probe-interval that is not 0",
      "t.conf:6: upstream \"v\" serve-limit: without probes"}},
    {SERVES "upstream v { servers = \"sip:192.0.2.2\"\n resync = yes }",
     {"t.conf:5: upstream \"v\" resync: \"yes\" is not right, expected one of ask, auto"}},
    {SERVES "domain b {\n max-branches = 0 }",
     {"t.conf:5: domain \"b\" max-branches: \"0\": out of range, expected a number from 1 to 32"}},
    {SERVES "domain b {\n local-calls = \"yes\" }",
     {"t.conf:5: domain \"b\" local-calls: \"yes\" is not right, expected one of outage, never, "
      "always"}},
    {SERVES "domain b { max-branches = 33 }", {"domain \"b\" max-branches: \"33\": out of range"}},
    {SERVES "domain b { max-branches = \"all\" }", {"max-branches: \"all\" is not right"}},
    {SERVES "domain b { redirects = yes }",
     {"domain \"b\" redirects: \"yes\" is not right, expected one of return, follow"}},
    {SERVES
     "domain b { redirects = follow redirect-targets = {\"c.example\",\n\"c.example:5060\"} }",
     {"t.conf:5: domain \"b\" redirect-targets: \"c.example:5060\": has a port, expected a host "
      "name, an IP address or a network IP-ADDRESS/BITS"}},
    {SERVES "domain b { redirects = follow redirect-targets = \"10.0.0.0/33\" }",
     {"redirect-targets: \"10.0.0.0/33\": BITS must be from 1 to 32"}},
    {SERVES "domain b { redirects = follow redirect-targets = \"10.0.0.1/24\" }",
     {"the address has bits set behind the first 24"}},
    {SERVES "domain b { redirects = follow redirect-targets = \"::/0\" }",
     {"would trust the whole world"}},
    {SERVES "domain b { redirects = follow redirect-targets = \"c.example/24\" }",
     {"\"c.example/24\" is not right"}},
    {SERVES "domain b { redirects = follow redirect-targets = \"*.example\" }",
     {"\"*.example\" is not right"}},
    {SERVES "domain b { redirects = follow redirect-targets = \"sip:c.example\" }",
     {"redirect-targets: \"sip:c.example\""}},
    {SERVES "domain b { redirects = follow redirect-targets = \"\" }",
     {"redirect-targets: \"\" is not right"}},
    {SERVES "domain b { caller-id = \"any\" }",
     {"t.conf:4: domain \"b\" caller-id: \"any\" is not right, expected one of own, check, pass"}},
    {SERVES "domain \"a..b\" { }", {"domain: \"a..b\" is not right"}},
    {SERVES "domain \"1.2.3.400\" { }", {"domain: \"1.2.3.400\" is not right"}},
    {SERVES "admin { http = \"127.0.0.1\" }",
     {"admin http: \"127.0.0.1\": a port from 1 to 65535 is missing, expected IP-ADDRESS:PORT "
      "or \"\""}},
    {SERVES "admin { http = \"localhost:80\" }", {"admin http: \"localhost:80\" is not right"}},
    {SERVES "admin { socket = sock }",
     {"admin socket: \"sock\" is not right, expected an absolute path or \"\""}},
    {SERVES "line \"a b\" { }",
     {"t.conf:4: line: \"a b\" is not right, expected a user name or number of 1 to 64 letters"}},
    {SERVES "line \"a@example.com\" { }", {"t.conf:4: line: \"a@example.com\" is not right"}},
    {SERVES "line \"1\" { domain = \"a b\" }", {"line \"1\" domain: \"a b\" is not right"}},
    {SERVES "line \"1\" { target = \"sips:a@192.0.2.9\" }",
     {"line \"1\" target: \"sips:a@192.0.2.9\" is not right, expected a sip: URI with an IP "
      "address, or "
      "USER@DOMAIN"}},
    {SERVES "line \"1\" { target = \"sip:a@192.0.2.9;transport=tcp\" }",
     {"has a transport other than udp"}},
    {SERVES "line \"1\" { target = \"sip:a@192.0.2.9?x=y\" }", {"has headers"}},
    {SERVES "line \"1\" { target = \"sip:0.0.0.0\" }", {"nobody can send to a wildcard address"}},
    {SERVES "line \"1\" { target = \"\" }", {"line \"1\" target: \"\" is not right"}},
    {SERVES "line \"1\" { probe-interval = 2h }",
     {"line \"1\" probe-interval: \"2h\": out of range, expected a duration from 0s to 1h"}},
    {SERVES "domain b { upstream-credentials = \"creds\" }",
     {"domain \"b\" upstream-credentials: \"creds\" is not right, expected an absolute path or"}},
};

static void bad_values_are_named_with_what_was_expected(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_values / sizeof bad_values[0]; i++)
        assert_refused(&bad_values[i]);
}

static const struct bad contradictions[] = {
    {"",
     {"t.conf: 0 listen sections, expected at least one", "0 upstream sections",
      "0 domain sections"}},
    {SERVES "listen b {\n address = \"udp:127.0.0.1\" }",
     {"t.conf:5: listen \"b\" address: listen \"a\" has the same, expected another one"}},
    {SERVES "domain b { upstream = v }",
     {"t.conf:4: domain \"b\" upstream: there is no upstream \"v\""}},
    {SERVES "upstream v { servers = \"sip:192.0.2.2\" }",
     {"t.conf:3: domain \"example.com\" upstream: missing, expected the name of one of the 2 "
      "upstream sections"}},
    {SERVES "domain \"EXAMPLE.com.\" { }",
     {"t.conf:4: domain \"example.com\": \"example.com\" is in domain \"example.com\" "
      "already"}},
    {SERVES "domain b { aliases = {\"c\",\n\"Example.COM\"} }",
     {"t.conf:5: domain \"b\": \"example.com\" is in domain \"example.com\" already, expected "
      "each host once"}},
    {SERVES "domain \"2001:db8:0::1\" { aliases = \"[2001:db8::1]\" }",
     {"\"[2001:db8::1]\" is in domain \"[2001:db8::1]\" already"}},
    {SERVES "domain b {\n redirects = follow }",
     {"t.conf:5: domain \"b\" redirects: follow without redirect-targets may lead nowhere, "
      "expected redirect-targets as well"}},
    {SERVES "domain b {\n redirects = follow redirect-targets = {} }",
     {"t.conf:5: domain \"b\" redirects: follow without"}},
    {SERVES "line \"1\" {\n domain = b }",
     {"t.conf:5: line \"1\" domain: \"b\" is not served, expected the name or an alias of a domain "
      "section"}},
    {SERVES "domain b { }\nline \"1\" { }",
     {"t.conf:5: line \"1\" domain: missing, expected the name of one of the 2 domain sections"}},
    {SERVES
     "domain b { case-sensitive = no }\nline \"x\" { domain = b }\nline \"X\" { domain = b }",
     {"t.conf:6: line \"X\": is the same as line \"x\", expected each line once"}},
    {SERVES "line \"1\" { target = {\n\"sip:a@b.example\",\n\"c@d.example\"} }",
     {"t.conf:5: line \"1\" target: \"sip:a@b.example\": the host is neither a served domain nor "
      "an "
      "IP address",
      "t.conf:6: line \"1\" target: \"c@d.example\": the host is neither"}},
    {SERVES "line \"1\" { target = \"sip:example.com\" }",
     {"t.conf:4: line \"1\" target: \"sip:example.com\": names no line of the domain, expected "
      "USER@DOMAIN"}},
    {SERVES "line \"1\" { target = \"sip:a@127.0.0.1\" }", {"\"sip:a@127.0.0.1\": is this server"}},
    {SERVES "line \"1\" { target = \"sip:192.0.2.1\" }", {"is a server of an upstream"}},
    {SERVES
     "line \"1\" {\n target = \"2@example.com\" }\nline \"2\" { target = \"sip:192.0.2.9\" }",
     {"t.conf:5: line \"1\" target: \"2@example.com\": is a line with a target of its own, "
      "expected "
      "that target"}},
    {SERVES "admin {\n http = \"0.0.0.0:8060\" }",
     {"t.conf:5: admin http: not a loopback address, expected a token-file as well"}},
};

static void contradictions_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof contradictions / sizeof contradictions[0]; i++)
        assert_refused(&contradictions[i]);
}

static void a_token_file_must_be_private_and_is_never_shown(void **state)
{
    (void)state;
    char text[512];
    (void)snprintf(text, sizeof text, SERVES "admin { token-file = \"%s/token\" }\n", directory);
    struct bad row = {.text = text};
    (void)unlink("token");
    row.expected[0] = "admin token-file: ";
    row.expected[1] = "cannot be read: No such file";
    assert_refused(&row);
    write_file("token", "secret-word\nmore\n", 0640);
    row.expected[1] = "has mode 0640: others than its owner may use it; expected 0600";
    assert_refused(&row);
    write_file("token", "\n", 0600);
    row.expected[1] = "its first line must have from 1 to 1024 characters";
    assert_refused(&row);
    write_file("token", "secret word\n", 0600);
    row.expected[1] = "its first line has a blank";
    assert_refused(&row);
    assert_null(strstr(said, "secret"));
    write_file("token", "secret-word\r\nmore\n", 0400);
    struct conf *c = load_good(text);
    assert_str(c->admin.token, "secret-word");
    conf_unref(c);
}

static void the_smallest_file_gets_every_default(void **state)
{
    (void)state;
    struct conf *c = load_good(SERVES);
    assert_string_equal(said, "");
    assert_true(c->workers >= 1);
    assert_int_equal(c->drain_timeout_s, 10);
    assert_string_equal(c->runtime_dir, "/run/breakwater");
    assert_int_equal(c->log.level, LEVEL_INFO);
    assert_int_equal(c->log.format, FORMAT_TEXT);
    assert_string_equal(c->log.target, "stderr");
    assert_int_equal(c->limits.max_message, 65535);
    assert_int_equal(c->limits.max_transactions, 100000);
    assert_string_equal(c->admin.socket, "/run/breakwater/admin.sock");
    char text[ADDR_TEXT];
    assert_string_equal(addr_text(&c->admin.http, text), "127.0.0.1:8060");
    assert_true(str_is_none(c->admin.token));
    assert_int_equal(c->listens[0].side, CONF_SIDE_ANY);
    assert_true(str_is_none(c->listens[0].advertise_host));
    assert_int_equal(c->upstreams[0].n_trusted, 0);
    assert_int_equal(c->upstreams[0].servers[0].addr.port, 5060);
    assert_int_equal(c->domains[0].n_aliases, 0);
    assert_int_equal(c->domains[0].max_branches, 16);
    assert_int_equal(c->domains[0].local_calls, CONF_LOCAL_OUTAGE);
    assert_ptr_equal(c->domains[0].upstream, &c->upstreams[0]);
    conf_unref(c);
}

static void everything_that_can_be_said_is_taken(void **state)
{
    (void)state;
    struct conf *c = load_good(
        "workers = 1 drain-timeout = \"1h\" runtime-dir = \"/run/b\"\n"
        "log { level = debug target = \"/var/log/b\" format = json }\n"
        "limits { max-message = 1K max-transactions = 10000000 }\n"
        "admin { http = \"\" socket = \"\" token-file = \"\" }\n"
        "listen one { address = \"udp:[::1]:5070\" advertise = \"Sip.Example.com:5080\" side = "
        "core }\n"
        "listen two { address = \"udp:0.0.0.0\" advertise = \"2001:DB8::1\" side = access }\n"
        "listen web { address = \"ws:[::1]\" origins = {\"https://Phone.example.com:8443\", "
        "\"http://[::1]:8080\", \"null\", \"chrome-extension://abcd\"} }\n"
        "upstream u { servers = {\"sip:192.0.2.1:5070;transport=UDP\"}\n"
        " trusted = 10.0.0.0/9 trusted += \"2001:db8::/32\" }\n"
        "upstream v { servers = 'sip:192.0.2.9' }\n"
        "domain \"Example.Com.\" { upstream = u aliases = {\"203.0.113.5\", \"[2001:db8:0:0::7]\"} "
        "}\n"
        "domain other.example { upstream = v }\n");
    assert_string_equal(strchr(said, '\n'), "\n"); /* that nobody can operate it */
    assert_int_equal(c->drain_timeout_s, 3600);
    assert_int_equal(c->log.level, LEVEL_DEBUG);
    assert_int_equal(c->log.format, FORMAT_JSON);
    assert_int_equal(c->limits.max_message, 1024);
    assert_int_equal(c->admin.http.family, 0);
    assert_string_equal(c->admin.socket, "");
    assert_string_equal(c->listens[0].name, "one");
    assert_int_equal(c->listens[0].addr.port, 5070);
    assert_int_equal(c->listens[0].side, CONF_SIDE_CORE);
    assert_str(c->listens[0].advertise_host, "sip.example.com");
    assert_int_equal(c->listens[0].advertise_port, 5080);
    assert_int_equal(c->listens[1].addr.port, 5060);
    assert_str(c->listens[1].advertise_host, "[2001:db8::1]");
    assert_int_equal(c->listens[1].advertise_port, 0);
    assert_int_equal(c->listens[2].transport, FLOW_WS);
    assert_int_equal(c->listens[2].addr.port, 80);
    assert_int_equal(c->listens[2].n_origins, 4);
    assert_str(c->listens[2].origins[0], "https://Phone.example.com:8443");
    assert_str(c->listens[2].origins[2], "null");
    assert_str(c->upstreams[0].servers[0].uri, "sip:192.0.2.1:5070;transport=UDP");
    assert_int_equal(c->upstreams[0].servers[0].addr.port, 5070);
    assert_int_equal(c->upstreams[0].n_trusted, 2);
    assert_int_equal(c->upstreams[0].trusted[0].bits, 9);
    assert_str(c->domains[0].name, "example.com");
    assert_str(c->domains[0].aliases[1], "[2001:db8::7]");
    assert_ptr_equal(c->domains[1].upstream, &c->upstreams[1]);
    conf_unref(c);
}

static void edges_of_ranges_are_inside(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "workers = 0",
        "workers = 256",
        "drain-timeout = 0",
        "drain-timeout = \"0s\"",
        "drain-timeout = \"60m\"",
        "domain b { max-branches = 1 max-contacts = 1 }",
        "domain b { max-branches = 32 }",
        "limits { max-message = 1024 }",
        "limits { max-message = 65535 }",
        "limits { max-transactions = 100 }",
        "limits { max-transactions = 10000000 }",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char text[512];
        (void)snprintf(text, sizeof text, SERVES "%s\n", texts[i]);
        conf_unref(load_good(text));
    }
}

static void what_looks_like_a_mistake_is_a_warning(void **state)
{
    (void)state;
    conf_unref(load_good(SERVES "workers = 256"));
    assert_non_null(strstr(said, "W t.conf:4: workers: 256 threads share"));
    conf_unref(load_good(SERVES "listen b { address = \"udp:[::]\" }"));
    assert_non_null(strstr(said, "W t.conf:4: listen \"b\" advertise: missing for a wildcard"));
    conf_unref(load_good(SERVES "domain b {\n redirect-targets = \"10.0.0.0/8\" }"));
    assert_non_null(strstr(said, "W t.conf:5: domain \"b\" redirect-targets: without redirects = "
                                 "follow nothing is sent there"));
    conf_unref(load_good("listen a { address = \"udp:127.0.0.1\" }\n"
                         "upstream u { servers = \"sip:192.0.2.1\" }\n"
                         "upstream v { servers = \"sip:192.0.2.1\" }\n"
                         "domain a { upstream = u } domain b { upstream = v }"));
    assert_non_null(strstr(said, "W t.conf:3: upstream \"v\" servers: \"sip:192.0.2.1\" is a "
                                 "server of upstream \"u\", too"));
    conf_unref(load_good(SERVES "domain b { registration = refuse\n local-calls = always }"));
    assert_non_null(strstr(said, "W t.conf:5: domain \"b\" local-calls: always, but no device "
                                 "registers where registration is refuse"));
    conf_unref(load_good(SERVES "domain b { max-contacts = 3\n max-branches = 2 }"));
    assert_non_null(strstr(said, "W t.conf:5: domain \"b\" max-branches: 2, so of a line with all "
                                 "the 3 devices of max-contacts some are registered and never "
                                 "called"));
}

static void the_example_is_good(void **state)
{
    (void)state;
    const char *source = getenv("source_directory");
    char path[4096];
    struct conf *c = NULL;
    assert_non_null(source);
    (void)snprintf(path, sizeof path, "%s/etc/breakwater.conf", source);
    said_len = 0;
    if (conf_load(path, hear, NULL, &c))
        fail_msg("%s", said);
    assert_int_equal(said_len, 0);
    conf_unref(c);
}

static void a_file_that_cannot_be_read_is_an_error(void **state)
{
    (void)state;
    struct conf *c = NULL;
    said_len = 0;
    assert_int_equal(conf_load("absent.conf", hear, NULL, &c), ERR_BADCONF);
    assert_string_equal(said, "E absent.conf: cannot be read: No such file or directory\n");
    said_len = 0;
    assert_int_equal(conf_load("/", hear, NULL, &c), ERR_BADCONF);
    assert_non_null(strstr(said, "expected a regular file"));
}

static void what_needs_a_restart_is_named_at_a_reload(void **state)
{
    (void)state;
    struct conf *running = load_good(SERVES "workers = 1");
    struct conf *next =
        load_good("workers = 2 runtime-dir = \"/run/b\" drain-timeout = 1 log { level = debug }\n"
                  "limits { max-message = 2000 max-transactions = 100 } admin { http = \"\" }\n"
                  "listen a { address = \"udp:127.0.0.1:5061\" advertise = b side = core }\n"
                  "listen c { address = \"udp:127.0.0.1:5062\" }\n"
                  "upstream w { servers = \"sip:192.0.2.1\" } domain d { }");
    said_len = 0;
    conf_compare(running, next, hear, NULL);
    assert_string_equal(said,
                        "W t.conf: workers: the change takes effect at a restart\n"
                        "W t.conf: runtime-dir: the change takes effect at a restart\n"
                        "W t.conf: limits max-message: the change takes effect at a restart\n"
                        "W t.conf: admin socket: the change takes effect at a restart\n"
                        "W t.conf: admin http: the change takes effect at a restart\n"
                        "W t.conf: listen \"a\" address: the change takes effect at a restart\n"
                        "W t.conf: listen \"a\" advertise: the change takes effect at a restart\n"
                        "W t.conf: listen \"a\" side: the change takes effect at a restart\n"
                        "W t.conf: listen \"c\": opened at a restart\n");
    said_len = 0;
    conf_compare(next, running, hear, NULL);
    assert_non_null(strstr(said, "W t.conf: listen \"c\": closed at a restart\n"));
    conf_unref(running);
    conf_unref(next);
}

static void a_snapshot_lives_until_its_last_reader_lets_go(void **state)
{
    (void)state;
    struct conf *c = load_good(SERVES);
    assert_ptr_equal(conf_ref(c), c);
    conf_unref(c);
    assert_ptr_equal(conf_domain_find(c, STR("example.com")), &c->domains[0]);
    conf_unref(c);
    conf_unref(NULL);
}

/* libConfuse itself is not linked with the failing allocators: a shared library has its own. It
 * does not survive all of its failures; those end the start, or a reload, of a machine that has no
 * memory left. */
static void load_unheard(void *arg)
{
    struct conf *c = NULL;
    said_len = 0;
    (void)conf_load(arg, hear, NULL, &c);
    conf_unref(c);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    char name[] = "t.conf";
    write_file(name, SERVES "domain b { aliases = {c, d} }\n log { target = syslog }\n", 0600);
    assert_true(oom_sweep(load_unheard, name) > 5);
    write_file(name, SERVES "domain b { aliases = {c,\n", 0600);
    assert_true(oom_sweep(load_unheard, name) > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grammar_mistakes_are_named_with_their_line),
        cmocka_unit_test(bad_values_are_named_with_what_was_expected),
        cmocka_unit_test(contradictions_are_refused),
        cmocka_unit_test(a_token_file_must_be_private_and_is_never_shown),
        cmocka_unit_test(the_smallest_file_gets_every_default),
        cmocka_unit_test(everything_that_can_be_said_is_taken),
        cmocka_unit_test(edges_of_ranges_are_inside),
        cmocka_unit_test(what_looks_like_a_mistake_is_a_warning),
        cmocka_unit_test(the_example_is_good),
        cmocka_unit_test(a_file_that_cannot_be_read_is_an_error),
        cmocka_unit_test(what_needs_a_restart_is_named_at_a_reload),
        cmocka_unit_test(a_snapshot_lives_until_its_last_reader_lets_go),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
