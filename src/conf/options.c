#include "conf/schema.h"

#include "conf/model.h"

static const char *const level_words[] = {"error", "warning", "info", "debug", NULL};
static const char *const format_words[] = {"text", "json", NULL};
static const char *const side_words[] = {"any", "access", "core", NULL};
static const char *const durability_words[] = {"power", "process", NULL};
static const char *const require_words[] = {"any", "all", NULL};

#define IN_CONF(field)   .offset = offsetof(struct conf, field)
#define IN_LISTEN(field) .offset = offsetof(struct conf_listen, field)
#define LIST_IN(type, list)                                                                        \
    .is_list = true, .offset = offsetof(struct type, list),                                        \
    .n_offset = offsetof(struct type, n_##list)

static const struct schema_option options[] = {
    {.section = SECTION_TOP,
     .name = "workers",
     .type = SCHEMA_NUMBER,
     .max = 256,
     .fallback = "0",
     .needs_restart = true,
     IN_CONF(workers),
     .help = "Threads that handle SIP messages. 0: one for each CPU that this process may use."},
    {.section = SECTION_TOP,
     .name = "drain-timeout",
     .type = SCHEMA_DURATION,
     .max = 3600,
     .fallback = "10s",
     IN_CONF(drain_timeout_s),
     .help = "How long a stop waits for the transactions under way. Calls that still ring then "
             "are answered with 503."},
    {.section = SECTION_TOP,
     .name = "runtime-dir",
     .type = SCHEMA_PATH,
     .fallback = "/run/breakwater",
     .needs_restart = true,
     IN_CONF(runtime_dir),
     .help = "The directory for what lives as long as the process: the admin socket."},
    {.section = SECTION_TOP,
     .name = "state-dir",
     .type = SCHEMA_PATH,
     .fallback = "/var/lib/breakwater",
     .needs_restart = true,
     IN_CONF(state_dir),
     .help = "The directory of what must survive: the records of all bindings, the checkpoint of "
             "their leases, keys. Made with mode 0700."},
    {.section = SECTION_TOP,
     .name = "durability",
     .type = SCHEMA_WORD,
     .words = durability_words,
     .fallback = "power",
     .needs_restart = true,
     IN_CONF(durability),
     .help = "What an acknowledged new binding survives: a loss of power, or only the end of the "
             "process, however sudden. Commits are synced for the first."},
    {.section = SECTION_TOP,
     .name = "lease-checkpoint",
     .type = SCHEMA_DURATION,
     .min = 1,
     .max = 3600,
     .fallback = "10s",
     .needs_restart = true,
     IN_CONF(lease_checkpoint_s),
     .help = "How often the expiry times are written to state-dir, for the day on which the "
             "machine itself restarts."},

    {.section = SECTION_LOG,
     .name = "level",
     .type = SCHEMA_WORD,
     .words = level_words,
     .fallback = "info",
     IN_CONF(log.level),
     .help = "The least severe lines that are written."},
    {.section = SECTION_LOG,
     .name = "target",
     .type = SCHEMA_TARGET,
     .fallback = "stderr",
     IN_CONF(log.target),
     .help = "Standard error, the journal, syslog, or a file, which SIGUSR1 opens anew after a "
             "rotation."},
    {.section = SECTION_LOG,
     .name = "format",
     .type = SCHEMA_WORD,
     .words = format_words,
     .fallback = "text",
     IN_CONF(log.format),
     .help = "Plain lines, or one JSON object a line. For standard error and files."},
    {.section = SECTION_LOG,
     .name = "hide-aors",
     .type = SCHEMA_YESNO,
     .fallback = "no",
     IN_CONF(log.hides_aors),
     .help =
         "yes: lines are named by a hash of their address, line-0123456789abcdef, keyed with a "
         "secret of state-dir, and contacts are left out. breakwaterctl aor show tells the hash "
         "of a line. With log level debug, and what devices put into other places, addresses "
         "may still be seen."},

    {.section = SECTION_DNS,
     .name = "servers",
     .type = SCHEMA_NAMESERVER,
     .absent = "the system's, of resolv.conf(5)",
     LIST_IN(conf, dns_servers),
     .help = "Their addresses, at most 16. The next one is asked when one is silent for 2 s. They "
             "are believed, so the way to them must be a safe one."},

    {.section = SECTION_LISTEN,
     .name = "address",
     .type = SCHEMA_LISTEN,
     .needs_restart = true,
     .help =
         "The transport, the IP address and the port, 5060 if none is given (tls: "
         "5061, ws: 80, wss: 443). ws and wss are WebSockets, for phones in browsers (RFC 7118); "
         "any path leads there. An IPv6 address stands in brackets. Upstreams are spoken to over "
         "udp, so one section at least has "
         "that."},
    {.section = SECTION_LISTEN,
     .name = "advertise",
     .type = SCHEMA_ADVERTISE,
     .absent = "the address that is listened on",
     .needs_restart = true,
     .help = "The host and port that others are told to send to, in Via headers, where they "
             "differ from the address: behind a port forwarding, or for a wildcard address."},
    {.section = SECTION_LISTEN,
     .name = "certificate",
     .type = SCHEMA_PATH,
     .absent = "none; an address with tls or wss must have one",
     LIST_IN(conf_listen, certificates),
     .help = "A file in PEM: the certificate and those that lead to its authority. Of several the "
             "one with the name that a device asks for is shown (SNI), else the first. A reload "
             "reads the files again: who connects from then on is shown the new certificate, and "
             "connections go on. Devices get session tickets, good for seven days, also over "
             "restarts and new certificates, at this listener as long as it keeps its name and "
             "its client-ca: one that comes back with its ticket is answered as on its old "
             "connection, without the upstream, until reproof."},
    {.section = SECTION_LISTEN,
     .name = "private-key",
     .type = SCHEMA_PATH,
     .absent = "none; an address with tls or wss must have one",
     LIST_IN(conf_listen, keys),
     .help = "A file in PEM for each certificate, in their order, without a passphrase. Not "
             "everybody may be able to read it (mode 0600 or 0640)."},
    {.section = SECTION_LISTEN,
     .name = "client-ca",
     .type = SCHEMA_PATH,
     .fallback = "",
     .can_be_empty = true,
     IN_LISTEN(client_ca),
     .help = "A file in PEM with authorities: only devices with a certificate of one of them are "
             "let in. \"\": devices are not asked for one. With authentication = \"local\" a "
             "certificate that names a line by a sip URI (subject alternative name), or its domain "
             "by one without a user or, without such URIs, by a DNS name, is its proof: it is not "
             "challenged (RFC 5922)."},
    {.section = SECTION_LISTEN,
     .name = "origins",
     .type = SCHEMA_ORIGIN,
     .absent = "every page may",
     LIST_IN(conf_listen, origins),
     .help = "For ws and wss: the pages whose scripts may connect, as browsers name them: "
             "https://phone.example.com. Others are answered 403. A client that names no origin is "
             "no browser, and let in; it could name any."},
    {.section = SECTION_LISTEN,
     .name = "side",
     .type = SCHEMA_WORD,
     .words = side_words,
     .fallback = "any",
     .needs_restart = true,
     IN_LISTEN(side),
     .help = "Who is expected there: devices (access), upstreams (core), or both (any). Of several "
             "that would do for a request of ours, it leaves by the one at the address that the "
             "system's routes lead from."},

    {.section = SECTION_LINE,
     .name = "domain",
     .type = SCHEMA_HOST,
     .absent = "the domain, if there is only one",
     .offset = offsetof(struct conf_line, domain_name),
     .help = "The domain that the line belongs to: its name or an alias."},
    {.section = SECTION_LINE,
     .name = "target",
     .type = SCHEMA_PLACE,
     .absent = "the devices that register as the line",
     LIST_IN(conf_line, places),
     .help = "Where the calls of the line go, all at once if there are several: the devices of a "
             "line of a served domain, or a fixed contact, a PBX for example, whose calls in the "
             "name of the line are taken from that same address and port."},
    {.section = SECTION_LINE,
     .name = "probe-interval",
     .type = SCHEMA_DURATION,
     .max = 3600,
     .fallback = "1m",
     .offset = offsetof(struct conf_line, probe_interval_s),
     .help = "How often fixed contacts are asked with OPTIONS whether they are there; any answer "
             "says so. Silence raises the alarm line-unreachable. 0: never."},

    {.section = SECTION_ACCESS_LIST,
     .name = "allow",
     .type = SCHEMA_NETWORK,
     .fallback = "",
     LIST_IN(conf_access_list, allow),
     .help = "Networks that belong. Without any, everyone who is not denied."},
    {.section = SECTION_ACCESS_LIST,
     .name = "deny",
     .type = SCHEMA_NETWORK,
     .fallback = "",
     LIST_IN(conf_access_list, deny),
     .help = "Networks that do not."},
    {.section = SECTION_ACCESS_LIST,
     .name = "accounts",
     .type = SCHEMA_ACCOUNT,
     .fallback = "",
     LIST_IN(conf_access_list, accounts),
     .help = "Lines that belong: an address, with the name of the domain and not an alias, or a "
             "user name, which means that user of each domain that names the list. In lower case "
             "for domains with case-sensitive = no. It is the line that a REGISTER is for, or that "
             "calls; that it is his, a device still proves as the domain's authentication says."},
    {.section = SECTION_ACCESS_LIST,
     .name = "require",
     .type = SCHEMA_WORD,
     .words = require_words,
     .fallback = "any",
     .offset = offsetof(struct conf_access_list, require),
     .help = "What is enough where the list has both networks and accounts: any, the network or "
             "the account, or all, the network and the account. A list that has accounts but no "
             "networks goes by the accounts alone."},

    {.section = SECTION_LIMITS,
     .name = "max-message",
     .type = SCHEMA_SIZE,
     .min = 1024,
     .max = 65535,
     .fallback = "65535",
     .needs_restart = true,
     IN_CONF(limits.max_message),
     .help = "The longest SIP message that is accepted. A longer one is dropped and counted; on a "
             "stream it ends the connection."},
    {.section = SECTION_LIMITS,
     .name = "max-transactions",
     .type = SCHEMA_NUMBER,
     .min = 100,
     .max = 10000000,
     .fallback = "100000",
     IN_CONF(limits.max_transactions),
     .help = "SIP transactions at one time, for each worker. Further requests are answered with "
             "503."},
    {.section = SECTION_LIMITS,
     .name = "connections-per-source",
     .type = SCHEMA_NUMBER,
     .min = 1,
     .max = 1000000,
     .fallback = "50",
     IN_CONF(limits.connections_per_source),
     .help = "Connections from one address (IPv6: one /64) that no binding needs: nothing has "
             "registered by them, or not lately. A further one is closed at once."},
    {.section = SECTION_LIMITS,
     .name = "max-connections",
     .type = SCHEMA_NUMBER,
     .max = 16000000,
     .fallback = "0",
     IN_CONF(limits.max_connections),
     .help = "The same for all addresses together. 0: three quarters of the file descriptors that "
             "the process may have."},
    {.section = SECTION_LIMITS,
     .name = "requests-per-source",
     .type = SCHEMA_NUMBER,
     .min = 1,
     .max = 1000000,
     .absent = "100, and no limit for loopback addresses",
     IN_CONF(limits.requests_per_source),
     .help = "Requests a second from one address (IPv6: one /64) that nothing vouches for: no live "
             "binding, no dialog that came through here, no upstream, no access-list that is "
             "trusted. A second's worth may come at once; more is dropped without an answer, so "
             "that devices come again a little later."},
    {.section = SECTION_LIMITS,
     .name = "failures-before-ban",
     .type = SCHEMA_NUMBER,
     .max = 10000,
     .fallback = "10",
     IN_CONF(limits.failures_before_ban),
     .help = "An address is banned when credentials from it were refused so often within "
             "ban-time. A success forgives what has failed for its own line, and no other. Only "
             "credentials count that answer a challenge which was sent to this very address, or "
             "that come by a connection, so nobody gets another one banned. A ban holds for what "
             "nothing vouches for: devices that are registered from there notice nothing. 0: no "
             "bans."},
    {.section = SECTION_LIMITS,
     .name = "lines-before-ban",
     .type = SCHEMA_NUMBER,
     .max = 60,
     .fallback = "5",
     IN_CONF(limits.lines_before_ban),
     .help = "The same for failures that go through several lines, as scanners do: so many "
             "different ones are enough for a ban. 0: only the number of failures counts."},
    {.section = SECTION_LIMITS,
     .name = "lines-before-scan",
     .type = SCHEMA_NUMBER,
     .max = 60,
     .fallback = "0",
     IN_CONF(limits.lines_before_scan),
     .help =
         "So many different lines may be asked for within ban-time, by REGISTERs, calls or "
         "anything else that nothing vouches for, before one of them is proven; who goes on "
         "to another one is a scanner. A connection that does so has its address banned. An "
         "address that does so by datagrams, which may be forged, has a twentieth of "
         "requests-per-source for what comes without credentials. Loopback addresses are "
         "looked at only where requests-per-source is set. Gateways and proxies that bring many "
         "lines at once belong into exempt. 0: nobody is."},
    {.section = SECTION_LIMITS,
     .name = "ban-time",
     .type = SCHEMA_DURATION,
     .min = 1,
     .max = 604800,
     .fallback = "10m",
     IN_CONF(limits.ban_s),
     .help =
         "How long a ban lasts, and within what time failures count: they are forgotten evenly, "
         "one after the other, failures-before-ban of them in this time."},
    {.section = SECTION_LIMITS,
     .name = "scanners",
     .type = SCHEMA_NAME,
     .absent = "friendly-scanner, sipvicious, sipcli, sundayddr, VaxSIPUserAgent, pplsip",
     .is_list = true,
     IN_CONF(limits.scanners),
     .n_offset = offsetof(struct conf, limits.n_scanners),
     .help =
         "Words in a User-Agent, in any case, by which tools of attackers are known. What nothing "
         "vouches for and has one of them is dropped without an answer. none: nobody is."},
    {.section = SECTION_LIMITS,
     .name = "exempt",
     .type = SCHEMA_NETWORK,
     .fallback = "",
     .is_list = true,
     IN_CONF(limits.exempt),
     .n_offset = offsetof(struct conf, limits.n_exempt),
     .help = "Networks to which requests-per-source, the limits on connections, scanners and bans "
             "do not apply: an office "
             "with many devices behind one address, monitoring. Upstreams are exempt anyway."},

    {.section = SECTION_ADMIN,
     .name = "socket",
     .type = SCHEMA_PATH,
     .absent = "\"admin.sock\" in runtime-dir",
     .needs_restart = true,
     .can_be_empty = true,
     IN_CONF(admin.socket),
     .help = "The Unix socket. \"\": none."},
    {.section = SECTION_ADMIN,
     .name = "http",
     .type = SCHEMA_HTTP,
     .fallback = "127.0.0.1:8060",
     .needs_restart = true,
     .can_be_empty = true,
     IN_CONF(admin.http),
     .help = "The IP address and port for HTTP: dashboard, metrics and the JSON API. One that is "
             "not a loopback address needs a token-file. \"\": none."},
    {.section = SECTION_ADMIN,
     .name = "token-file",
     .type = SCHEMA_TOKEN,
     .fallback = "",
     .needs_restart = true,
     .can_be_empty = true,
     IN_CONF(admin.token),
     .help = "A file whose first line is the secret that HTTP requests must carry, as Bearer token "
             "or HTTP Basic password, for metrics, too. It belongs to root or to the user that "
             "Breakwater runs as, and nobody else may read it (mode 0600). \"\": no token."},
};

const struct schema_table schema_of_others = {options, sizeof options / sizeof options[0]};
