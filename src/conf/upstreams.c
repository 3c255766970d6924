#include "conf/model.h"
#include "conf/schema.h"

/* The registrars behind this server. */

static const char *const token_words[] = {"parameter", "user", NULL};
static const char *const outage_words[] = {"serve", "reject", NULL};
static const char *const resync_words[] = {"ask", "auto", NULL};
static const char *const overload_words[] = {"off", "loss", "rate", NULL};

#define LIST_IN(type, list)                                                                        \
    .is_list = true, .offset = offsetof(struct type, list),                                        \
    .n_offset = offsetof(struct type, n_##list)

static const struct schema_option options[] = {
    {.section = SECTION_UPSTREAM,
     .name = "servers",
     .type = SCHEMA_SERVER,
     LIST_IN(conf_upstream, servers),
     .help =
         "The registrar's addresses or names, in order of preference. With an address the port is "
         "5060, with TLS 5061, unless it is given, and without ;transport= requests go over UDP. A "
         "name is looked up in the DNS as RFC 3263 has it, see the section DNS. Where no "
         "transport is given, requests of more than 1300 bytes go over TCP if there is a listen "
         "section for it and the server takes the connection. A server that "
         "is silent for 5 s, answers 503 or cannot be reached is left out for a while, and what it "
         "has not answered goes to the next. Requests that come from such an address count as "
         "coming from this upstream, if they come by the server's own transport: over UDP from "
         "this port, else from any. TLS will do for TCP, and any connection for a server over UDP "
         "without ;transport=udp."},
    {.section = SECTION_UPSTREAM,
     .name = "server-ca",
     .type = SCHEMA_PATH,
     .fallback = "",
     .can_be_empty = true,
     .offset = offsetof(struct conf_upstream, server_ca),
     .help = "With TLS: a file in PEM with the authorities that the servers' certificates must "
             "come from. \"\": those of the system."},
    {.section = SECTION_UPSTREAM,
     .name = "server-name",
     .type = SCHEMA_CERTNAME,
     .absent = "the host of the server's own URI",
     .offset = offsetof(struct conf_upstream, server_name),
     .help = "With TLS: whom the servers' certificates name (subjectAltName, RFC 5922), in place "
             "of their URI's host. A wildcard there counts if this is it: *.example.net."},
    {.section = SECTION_UPSTREAM,
     .name = "verify-server",
     .type = SCHEMA_YESNO,
     .fallback = "yes",
     .offset = offsetof(struct conf_upstream, is_verified),
     .help = "With TLS: no takes any certificate, so whoever is in between can read and change "
             "all. For tests."},
    {.section = SECTION_UPSTREAM,
     .name = "trusted",
     .type = SCHEMA_NETWORK,
     .fallback = "",
     LIST_IN(conf_upstream, trusted),
     .help = "Further sources whose requests count as coming from this upstream, whatever their "
             "port: its proxies, its senders of calls. What is neither a server of it nor here is "
             "not told who a caller is that wants privacy, and not believed about who it is; be it "
             "the fallback of a domain."},
    {.section = SECTION_UPSTREAM,
     .name = "contact-token",
     .type = SCHEMA_WORD,
     .words = token_words,
     .fallback = "parameter",
     .offset = offsetof(struct conf_upstream, contact_token),
     .help = "Where the token by which a registration is known again stands in the Contact: as a "
             "URI parameter, or as the user part, for registrars that drop parameters."},

    {.section = SECTION_UPSTREAM,
     .name = "probe-interval",
     .type = SCHEMA_DURATION,
     .max = 3600,
     .fallback = "10s",
     .offset = offsetof(struct conf_upstream, probe_interval_s),
     .help = "How often the servers are asked with OPTIONS, in their order of preference until one "
             "answers, whether the upstream is there; any answer but 408 and 503 says so. 0: "
             "never, and an outage is not noticed. See the section OUTAGES."},
    {.section = SECTION_UPSTREAM,
     .name = "quarantine",
     .type = SCHEMA_DURATION,
     .min = 1,
     .max = 3600,
     .fallback = "30s",
     .offset = offsetof(struct conf_upstream, quarantine_s),
     .help = "How long a server that was silent, could not be reached or answered 503 is left out "
             "while there are others, unless it answers something before or its 503 has a "
             "Retry-After. Each worker finds out for itself. See the section OUTAGES."},
    {.section = SECTION_UPSTREAM,
     .name = "outage",
     .type = SCHEMA_WORD,
     .words = outage_words,
     .fallback = "serve",
     .offset = offsetof(struct conf_upstream, outage),
     .help = "What a device that needs no new proof gets for its refresh while the upstream is "
             "down. serve: it stays registered here, for min-expires to default-expires at a time. "
             "reject: 503, so that it looks for another registrar."},
    {.section = SECTION_UPSTREAM,
     .name = "serve-limit",
     .type = SCHEMA_DURATION,
     .min = 60,
     .max = 2592000,
     .fallback = "24h",
     .offset = offsetof(struct conf_upstream, serve_limit_s),
     .help = "With outage = serve: how long after the end of its registration upstream, and after "
             "a new proof was due, a device is still served."},
    {.section = SECTION_UPSTREAM,
     .name = "resync",
     .type = SCHEMA_WORD,
     .words = resync_words,
     .fallback = "ask",
     .offset = offsetof(struct conf_upstream, resync),
     .help = "What is done when the upstream seems to have lost its data. ask: the alarm "
             "upstream-lost-data stands, and the operator begins the resync. auto: it begins by "
             "itself, ten minutes after the last one at the earliest. See the section LOST DATA."},
    {.section = SECTION_UPSTREAM,
     .name = "register-rate",
     .type = SCHEMA_NUMBER,
     .min = 1,
     .max = 100000,
     .fallback = "200",
     .offset = offsetof(struct conf_upstream, pace.rate),
     .help =
         "REGISTERs a second upstream at most, of devices and of our own. See the section PACE."},
    {.section = SECTION_UPSTREAM,
     .name = "register-burst",
     .type = SCHEMA_NUMBER,
     .min = 1,
     .max = 1000000,
     .fallback = "400",
     .offset = offsetof(struct conf_upstream, pace.burst),
     .help = "REGISTERs that may go upstream at once after a quiet time. Whatever it is, those who "
             "wait "
             "go at register-rate, and what comes due within 8 ms goes together."},
    {.section = SECTION_UPSTREAM,
     .name = "overload-control",
     .type = SCHEMA_WORD,
     .words = overload_words,
     .fallback = "loss",
     .offset = offsetof(struct conf_upstream, overload),
     .help = "Whether the servers are told in each REGISTER that they may ask for less, and are "
             "obeyed when they do (RFC 7339). loss: for a percentage less. rate: for that, or for "
             "so many requests a second at most (RFC 7415). off: they are not told, and what they "
             "say is ignored. See the section PACE."},
    {.section = SECTION_UPSTREAM,
     .name = "retry-after-cap",
     .type = SCHEMA_DURATION,
     .min = 1,
     .max = 3600,
     .fallback = "60s",
     .offset = offsetof(struct conf_upstream, retry_after_cap_s),
     .help = "The longest pause that a 503 with Retry-After of the upstream can bring about."},
};

const struct schema_table schema_of_upstreams = {options, sizeof options / sizeof options[0]};
