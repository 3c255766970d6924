#include "conf/schema.h"

#include "conf/model.h"

static const char *const level_words[] = {"error", "warning", "info", "debug", NULL};
static const char *const format_words[] = {"text", "json", NULL};
static const char *const side_words[] = {"any", "access", "core", NULL};
static const char *const durability_words[] = {"power", "process", NULL};
static const char *const token_words[] = {"parameter", "user", NULL};

#define IN_CONF(field)   .offset = offsetof(struct conf, field)
#define IN_LISTEN(field) .offset = offsetof(struct conf_listen, field)
#define LIST_IN(type, list)                                                                        \
    .is_list = true, .offset = offsetof(struct type, list),                                        \
    .n_offset = offsetof(struct type, n_##list)
#define SECTION_IN_CONF(list)                                                                      \
    .offset = offsetof(struct conf, list), .n_offset = offsetof(struct conf, n_##list)

const struct schema_section schema_sections[SECTION_MAX] = {
    [SECTION_TOP] = {.name = "", .help = "Options outside of all sections."},
    [SECTION_LOG] = {.name = "log", .help = "Where the log goes, and how much of it."},
    [SECTION_LISTEN] = {.name = "listen",
                        .is_titled = true,
                        .title = {.section = SECTION_LISTEN, .type = SCHEMA_NAME, IN_LISTEN(name)},
                        .size = sizeof(struct conf_listen),
                        SECTION_IN_CONF(listens),
                        .max = 255,
                        .title_help = "NAME",
                        .help = "An address to receive on. At least one is needed."},
    [SECTION_UPSTREAM] = {.name = "upstream",
                          .is_titled = true,
                          .title = {.section = SECTION_UPSTREAM,
                                    .type = SCHEMA_NAME,
                                    .offset = offsetof(struct conf_upstream, name)},
                          .size = sizeof(struct conf_upstream),
                          SECTION_IN_CONF(upstreams),
                          .max = 1000,
                          .title_help = "NAME",
                          .help = "A registrar behind this server. At least one is needed."},
    [SECTION_DOMAIN] =
        {.name = "domain",
         .is_titled = true,
         .title = {.section = SECTION_DOMAIN,
                   .type = SCHEMA_HOST,
                   .offset = offsetof(struct conf_domain, name)},
         .size = sizeof(struct conf_domain),
         SECTION_IN_CONF(domains),
         .max = 1000000,
         .title_help = "HOST",
         .help = "A domain that is served: the host part of the addresses that devices register, "
                 "a name or an IP address, without a port. At least one is needed."},
    [SECTION_LINE] = {.name = "line",
                      .is_titled = true,
                      .is_optional = true,
                      .title = {.section = SECTION_LINE,
                                .type = SCHEMA_USER,
                                .offset = offsetof(struct conf_line, name)},
                      .size = sizeof(struct conf_line),
                      SECTION_IN_CONF(lines),
                      .max = 100000,
                      .title_help = "USER",
                      .help = "A fixed line, USER at its domain: it is kept registered upstream "
                              "without any device's help, from the start on, five lines a second "
                              "at most; see FIXED LINES."},
    [SECTION_ACCESS_LIST] = {.name = "access-list",
                             .is_titled = true,
                             .is_optional = true,
                             .title = {.section = SECTION_ACCESS_LIST,
                                       .type = SCHEMA_NAME,
                                       .offset = offsetof(struct conf_access_list, name)},
                             .size = sizeof(struct conf_access_list),
                             SECTION_IN_CONF(lists),
                             .max = 10000,
                             .title_help = "NAME",
                             .help = "Networks by which a domain knows who belongs to it. The "
                                     "longest prefix that holds the source decides."},
    [SECTION_LIMITS] = {.name = "limits", .help = "Bounds that hold back abuse and mistakes."},
    [SECTION_ADMIN] = {.name = "admin",
                       .help = "Health, metrics and the JSON API. Over the socket every request is "
                               "served; who may open it is decided by its file mode (0660). Over "
                               "HTTP without a token only GET is served, and only for a Host "
                               "header that names this machine's loopback interface."},
};

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

    {.section = SECTION_LISTEN,
     .name = "address",
     .type = SCHEMA_LISTEN,
     .needs_restart = true,
     .help = "The transport, the IP address and the port, 5060 if none is given. An IPv6 address "
             "stands in brackets."},
    {.section = SECTION_LISTEN,
     .name = "advertise",
     .type = SCHEMA_ADVERTISE,
     .absent = "the address that is listened on",
     .needs_restart = true,
     .help = "The host and port that others are told to send to, in Via headers, where they "
             "differ from the address: behind a port forwarding, or for a wildcard address."},
    {.section = SECTION_LISTEN,
     .name = "side",
     .type = SCHEMA_WORD,
     .words = side_words,
     .fallback = "any",
     .needs_restart = true,
     IN_LISTEN(side),
     .help = "Who is expected there: devices (access), upstreams (core), or both (any)."},

    {.section = SECTION_UPSTREAM,
     .name = "servers",
     .type = SCHEMA_SERVER,
     LIST_IN(conf_upstream, servers),
     .help =
         "The registrar's address: exactly one, as fail-over between servers is not there yet. The "
         "port is 5060 if none is given. Requests that come from this address and port count as "
         "coming from this upstream."},
    {.section = SECTION_UPSTREAM,
     .name = "trusted",
     .type = SCHEMA_NETWORK,
     .fallback = "",
     LIST_IN(conf_upstream, trusted),
     .help = "Further sources whose requests count as coming from this upstream, whatever their "
             "port: its proxies, its senders of calls."},
    {.section = SECTION_UPSTREAM,
     .name = "contact-token",
     .type = SCHEMA_WORD,
     .words = token_words,
     .fallback = "parameter",
     .offset = offsetof(struct conf_upstream, contact_token),
     .help = "Where the token by which a registration is known again stands in the Contact: as a "
             "URI parameter, or as the user part, for registrars that drop parameters."},

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

    {.section = SECTION_LIMITS,
     .name = "max-message",
     .type = SCHEMA_SIZE,
     .min = 1024,
     .max = 65535,
     .fallback = "65535",
     .needs_restart = true,
     IN_CONF(limits.max_message),
     .help = "The longest SIP message that is accepted. Longer ones are dropped and counted."},
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
     .help = "An address is banned when credentials from it were refused so often, with no success "
             "in between. Only credentials that answer a challenge which was sent to this very "
             "address count, so nobody gets another one banned. A ban holds for what nothing "
             "vouches for: devices that are registered from there notice nothing. 0: no bans."},
    {.section = SECTION_LIMITS,
     .name = "lines-before-ban",
     .type = SCHEMA_NUMBER,
     .max = 60,
     .fallback = "5",
     IN_CONF(limits.lines_before_ban),
     .help = "The same for failures that go through several lines, as scanners do: so many "
             "different ones are enough for a ban. 0: only the number of failures counts."},
    {.section = SECTION_LIMITS,
     .name = "ban-time",
     .type = SCHEMA_DURATION,
     .min = 1,
     .max = 604800,
     .fallback = "10m",
     IN_CONF(limits.ban_s),
     .help = "How long a ban lasts, and how long failures are remembered."},
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
     .help = "Networks to which requests-per-source, scanners and bans do not apply: an office "
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
     .help = "The IP address and port for HTTP. An address that is not a loopback address needs a "
             "token-file. \"\": none."},
    {.section = SECTION_ADMIN,
     .name = "token-file",
     .type = SCHEMA_TOKEN,
     .fallback = "",
     .needs_restart = true,
     .can_be_empty = true,
     IN_CONF(admin.token),
     .help = "A file whose first line is the secret that HTTP requests must carry, as Bearer "
             "token or as password of HTTP Basic authentication, for metrics, too. Nobody but its "
             "owner may be able to read it (mode 0600). \"\": no token."},
};

const struct schema_table schema_of_others = {options, sizeof options / sizeof options[0]};
