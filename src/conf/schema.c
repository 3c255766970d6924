#include "conf/schema.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "conf/model.h"

static const char *const level_words[] = {"error", "warning", "info", "debug", NULL};
static const char *const format_words[] = {"text", "json", NULL};
static const char *const side_words[] = {"any", "access", "core", NULL};

static const char *const durability_words[] = {"power", "process", NULL};
static const char *const token_words[] = {"parameter", "user", NULL};
static const char *const registration_words[] = {"yes", "refuse", NULL};
static const char *const mode_words[] = {"mirror", "contact-throttle", "aor-throttle", NULL};
static const char *const insertion_words[] = {"contact", "path", NULL};
static const char *const full_words[] = {"reject", "replace-oldest", NULL};
static const char *const fork_words[] = {"parallel", "q", "redirect", NULL};
static const char *const media_words[] = {"all", "first", NULL};
static const char *const authentication_words[] = {"relay", "trusted", NULL};

#define IN_CONF(field)   .offset = offsetof(struct conf, field)
#define IN_LISTEN(field) .offset = offsetof(struct conf_listen, field)
#define IN_DOMAIN(field) .offset = offsetof(struct conf_domain, field)
#define IN_POLICY(field) .offset = offsetof(struct conf_domain, absorb.field)
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

    {.section = SECTION_DOMAIN,
     .name = "aliases",
     .type = SCHEMA_HOST,
     .fallback = "",
     LIST_IN(conf_domain, aliases),
     .help = "Other hosts that mean this domain."},
    {.section = SECTION_DOMAIN,
     .name = "upstream",
     .type = SCHEMA_NAME,
     .absent = "the upstream, if there is only one",
     .offset = offsetof(struct conf_domain, upstream_name),
     .help = "The upstream whose registrar serves the domain."},
    {.section = SECTION_DOMAIN,
     .name = "registration",
     .type = SCHEMA_WORD,
     .words = registration_words,
     .fallback = "yes",
     IN_DOMAIN(registration),
     .help = "Whether devices may register. With refuse a REGISTER is answered 405."},
    {.section = SECTION_DOMAIN,
     .name = "mode",
     .type = SCHEMA_WORD,
     .words = mode_words,
     .fallback = "aor-throttle",
     IN_POLICY(mode),
     .help = "mirror: every REGISTER is relayed. contact-throttle: each device has a long "
             "registration of its own upstream. aor-throttle: all devices of a line share one."},
    {.section = SECTION_DOMAIN,
     .name = "insertion",
     .type = SCHEMA_WORD,
     .words = insertion_words,
     .fallback = "contact",
     IN_DOMAIN(insertion),
     .help =
         "How later requests find the way through here: by our Contact in place of the device's, "
         "or by a Path header beside it. path cannot consolidate, so not with aor-throttle."},
    {.section = SECTION_DOMAIN,
     .name = "upstream-expires",
     .type = SCHEMA_DURATION,
     .min = 60,
     .max = 604800,
     .fallback = "1h",
     IN_POLICY(upstream_expires_s),
     .help = "The expiry that is asked for upstream."},
    {.section = SECTION_DOMAIN,
     .name = "min-expires",
     .type = SCHEMA_DURATION,
     .min = 1,
     .max = 3600,
     .fallback = "30s",
     IN_POLICY(min_expires_s),
     .help = "A device that asks for less is answered 423."},
    {.section = SECTION_DOMAIN,
     .name = "max-expires",
     .type = SCHEMA_DURATION,
     .min = 1,
     .max = 604800,
     .fallback = "5m",
     IN_POLICY(max_expires_s),
     .help = "No device is granted more."},
    {.section = SECTION_DOMAIN,
     .name = "default-expires",
     .type = SCHEMA_DURATION,
     .min = 1,
     .max = 604800,
     .fallback = "2m",
     IN_POLICY(default_expires_s),
     .help = "What a device is granted that asks for nothing."},
    {.section = SECTION_DOMAIN,
     .name = "expires-spread",
     .type = SCHEMA_NUMBER,
     .max = 50,
     .fallback = "10",
     IN_POLICY(expires_spread_percent),
     .help = "Up to so many percent are subtracted from what is granted, so that devices that came "
             "together do not come back together."},
    {.section = SECTION_DOMAIN,
     .name = "grace",
     .type = SCHEMA_DURATION,
     .max = 3600,
     .fallback = "30s",
     IN_POLICY(grace_s),
     .help = "How long a binding is still called after its expiry."},
    {.section = SECTION_DOMAIN,
     .name = "max-contacts",
     .type = SCHEMA_NUMBER,
     .min = 1,
     .max = 64,
     .fallback = "10",
     IN_POLICY(max_contacts),
     .help = "Devices of one line."},
    {.section = SECTION_DOMAIN,
     .name = "when-full",
     .type = SCHEMA_WORD,
     .words = full_words,
     .fallback = "reject",
     IN_POLICY(when_full),
     .help = "What a further device gets: 503, or the place of the oldest one once upstream has "
             "accepted it."},
    {.section = SECTION_DOMAIN,
     .name = "authentication",
     .type = SCHEMA_WORD,
     .words = authentication_words,
     .fallback = "relay",
     IN_POLICY(authentication),
     .help =
         "Who judges a device: upstream, whose challenges are relayed, or the access-list alone."},
    {.section = SECTION_DOMAIN,
     .name = "access-list",
     .type = SCHEMA_NAME,
     .fallback = "",
     .is_list = true,
     .offset = offsetof(struct conf_domain, list_names),
     .n_offset = offsetof(struct conf_domain, n_list_names),
     .help = "The access-list sections whose sources may register, for authentication = trusted."},
    {.section = SECTION_DOMAIN,
     .name = "reproof",
     .type = SCHEMA_DURATION,
     .min = 60,
     .max = 604800,
     .fallback = "1h",
     IN_POLICY(reproof_s),
     .help = "At the latest after this time a device must prove itself again."},
    {.section = SECTION_DOMAIN,
     .name = "own-contact-only",
     .type = SCHEMA_YESNO,
     .fallback = "no",
     IN_DOMAIN(is_own_contact_only),
     .help = "List only the device's own contact in the answer to its REGISTER, for devices that "
             "misread others."},
    {.section = SECTION_DOMAIN,
     .name = "expires-header",
     .type = SCHEMA_YESNO,
     .fallback = "yes",
     IN_DOMAIN(has_expires_header),
     .help = "Say what was granted in an Expires header, too, for devices that read nothing else."},
    {.section = SECTION_DOMAIN,
     .name = "case-sensitive",
     .type = SCHEMA_YESNO,
     .fallback = "yes",
     IN_DOMAIN(is_case_sensitive),
     .help = "Whether Alice and alice are two lines."},
    {.section = SECTION_DOMAIN,
     .name = "allow-equal-cseq",
     .type = SCHEMA_YESNO,
     .fallback = "yes",
     IN_POLICY(is_equal_cseq_allowed),
     .help = "Accept a refresh whose CSeq is equal to the last one but whose branch is new, as "
             "some devices send it."},
    {.section = SECTION_DOMAIN,
     .name = "fork",
     .type = SCHEMA_WORD,
     .words = fork_words,
     .fallback = "parallel",
     IN_DOMAIN(strategy),
     .help = "How a request finds the devices of a line. parallel: all at once. q: in groups of "
             "equal q, the highest first, the next one when a group has failed or has rung for "
             "ring-timeout. redirect: the answer is 302 with the live contacts, for upstreams that "
             "route by themselves."},
    {.section = SECTION_DOMAIN,
     .name = "ring-timeout",
     .type = SCHEMA_DURATION,
     .min = 1,
     .max = 3600,
     .fallback = "20s",
     IN_DOMAIN(ring_timeout_s),
     .help = "How long a group of devices rings while another group or the fallback is still to be "
             "tried. The last one rings until the caller gives up, or three minutes have gone by "
             "without a provisional response."},
    {.section = SECTION_DOMAIN,
     .name = "fallback",
     .type = SCHEMA_URI,
     .fallback = "",
     .can_be_empty = true,
     IN_DOMAIN(fallback),
     .help = "Where a call goes that no device has taken, a voicemail server for example; at once "
             "where no device of a known line is reachable, never after a device has declined for "
             "all (6xx). A host that is a name is reached by way of the domain's upstream. \"\": "
             "the best failure is answered."},
    {.section = SECTION_DOMAIN,
     .name = "global-decline",
     .type = SCHEMA_YESNO,
     .fallback = "yes",
     IN_DOMAIN(is_decline_global),
     .help =
         "Whether a 6xx of one device ends the call for all. With no it counts as the rejection "
         "of that device alone, and the others ring on."},
    {.section = SECTION_DOMAIN,
     .name = "early-media",
     .type = SCHEMA_WORD,
     .words = media_words,
     .fallback = "all",
     IN_DOMAIN(early_media),
     .help = "Which provisional responses with a session description go back while several devices "
             "ring: those of all, or only those of the first device that sent one, until it fails. "
             "Reliable ones (100rel) always do, because their sender waits for the PRACK."},
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

enum { N_OPTIONS = sizeof options / sizeof options[0] };

const struct schema_option *schema_next(enum schema_section_id section,
                                        const struct schema_option *after)
{
    for (const struct schema_option *o = after ? after + 1 : options; o < options + N_OPTIONS; o++)
        if (o->section == section)
            return o;
    return NULL;
}

size_t schema_count(enum schema_section_id section)
{
    size_t n = 0;
    for (const struct schema_option *o = schema_next(section, NULL); o; o = schema_next(section, o))
        n++;
    return n;
}

const struct schema_option *schema_find(enum schema_section_id section, const char *name)
{
    const struct schema_option *o = schema_next(section, NULL);
    while (o && strcmp(o->name, name) != 0)
        o = schema_next(section, o);
    return o;
}

enum schema_section_id schema_section_find(const char *name)
{
    int id = SECTION_TOP + 1;
    while (id < SECTION_MAX && strcmp(schema_sections[id].name, name) != 0)
        id++;
    return (enum schema_section_id)id;
}

const char *schema_label(const struct schema_option *o, const char *title, char text[SCHEMA_LABEL])
{
    char quoted[96] = "";
    const char *section = schema_sections[o->section].name;
    if (title)
        (void)snprintf(quoted, sizeof quoted, " \"%.80s\"", title);
    (void)snprintf(text, SCHEMA_LABEL, "%s%s%s%s", section, quoted,
                   section[0] && o->name ? " " : "", o->name ? o->name : "");
    return text;
}

static void add_duration(struct buf *out, uint32_t s)
{
    static const struct {
        uint32_t s;
        char letter;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    size_t i = 0;
    while (s % units[i].s)
        i++;
    buf_addf(out, "%u%c", s / units[i].s, s ? units[i].letter : 's');
}

static void add_words(struct buf *out, const char *const *words)
{
    buf_add(out, STR("one of"));
    for (size_t i = 0; words[i]; i++)
        buf_addf(out, "%s %s", i ? "," : "", words[i]);
}

const char *schema_expected(const struct schema_option *o, char text[SCHEMA_TEXT])
{
    static const char *const plain[SCHEMA_TYPE_MAX] = {
        [SCHEMA_YESNO] = "yes or no",
        [SCHEMA_PATH] = "an absolute path",
        [SCHEMA_TARGET] = "stderr, journal, syslog or an absolute path",
        [SCHEMA_NAME] = "a name of letters, digits, '.', '_' and '-'",
        [SCHEMA_HOST] = "a host name or an IP address, without a port",
        [SCHEMA_LISTEN] = "udp:IP-ADDRESS:PORT",
        [SCHEMA_ADVERTISE] = "HOST or HOST:PORT, HOST being a host name or an IP address",
        [SCHEMA_SERVER] = "sip:IP-ADDRESS or sip:IP-ADDRESS:PORT, with ;transport=udp or without",
        [SCHEMA_NETWORK] = "an IP address or a network IP-ADDRESS/BITS",
        [SCHEMA_URI] = "a sip: URI",
        [SCHEMA_HTTP] = "IP-ADDRESS:PORT",
        [SCHEMA_TOKEN] = "the absolute path of a file with a token",
    };
    struct buf out = buf_over(text, SCHEMA_TEXT - 1);
    if (o->type == SCHEMA_NUMBER) {
        buf_addf(&out, "a number from %u to %u", o->min, o->max);
    } else if (o->type == SCHEMA_SIZE) {
        buf_addf(&out, "a size from %u to %u bytes", o->min, o->max);
    } else if (o->type == SCHEMA_DURATION) {
        buf_add(&out, STR("a duration from "));
        add_duration(&out, o->min);
        buf_add(&out, STR(" to "));
        add_duration(&out, o->max);
    } else if (o->type == SCHEMA_WORD) {
        add_words(&out, o->words);
    } else {
        buf_add(&out, str_of(plain[o->type]));
    }
    if (o->can_be_empty)
        buf_add(&out, STR(" or \"\""));
    text[out.len] = '\0';
    return text;
}
