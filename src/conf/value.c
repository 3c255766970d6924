#include "conf/value.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/err.h"
#include "conf/model.h"
#include "conf/origin.h"
#include "conf/secret.h"
#include "conf/serveruri.h"
#include "core/number.h"
#include "sip/htdigest.h"
#include "sip/uri.h"

enum { LABEL_MAX = 63, NAME_MAX_LEN = 64, TOKEN_MAX = 1024, SIP_PORT = 5060, SIPS_PORT = 5061 };
enum { HTTP_PORT = 80, HTTPS_PORT = 443 };

/* One value on its way into its field. */
struct value {
    const struct schema_option *option;
    struct str text;
    struct arena *arena;
    void *field;
    char *why;
};

static int fault(struct value *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int fault(struct value *v, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(v->why, VALUE_WHY, fmt, ap);
    va_end(ap);
    return ERR_PARSE;
}

/* ---------------------------------------------------------------- numbers */

/* The factor of a number's last letter; 1 and no letter taken when it is a digit. */
static uint64_t take_unit(struct str *text, const char *letters, const uint64_t *factors)
{
    const char *at = text->n ? strchr(letters, text->p[text->n - 1]) : NULL;
    if (!at)
        return 1;
    text->n--;
    return factors[at - letters];
}

static int parse_scaled(struct value *v, const char *letters, const uint64_t *factors)
{
    uint64_t factor = take_unit(&v->text, letters, factors);
    uint64_t number;
    int err = str_to_u64(v->text, UINT32_MAX, &number);
    if (err == ERR_PARSE)
        return err;
    if (number * factor < v->option->min || number * factor > v->option->max)
        return fault(v, "out of range");
    uint32_t out = (uint32_t)(number * factor);
    memcpy(v->field, &out, sizeof out);
    return 0;
}

static int parse_number(struct value *v)
{
    return parse_scaled(v, "", NULL);
}

static int parse_duration(struct value *v)
{
    static const uint64_t factors[] = {1, 60, 3600, 86400};
    return parse_scaled(v, "smhd", factors);
}

static int parse_size(struct value *v)
{
    static const uint64_t factors[] = {1 << 10, 1 << 20, 1 << 30};
    return parse_scaled(v, "KMG", factors);
}

static int parse_word(struct value *v)
{
    for (int i = 0; v->option->words[i]; i++) {
        if (str_eq(v->text, str_of(v->option->words[i]))) {
            memcpy(v->field, &i, sizeof i);
            return 0;
        }
    }
    return ERR_PARSE;
}

/* ---------------------------------------------------------------- text */

static int keep_text(struct value *v)
{
    char *z = str_dup_z(v->arena, v->text);
    memcpy(v->field, &z, sizeof(char *));
    return z ? 0 : ERR_NOMEM;
}

static int keep_str(struct value *v, struct str text, struct str *out)
{
    *out = str_dup(v->arena, text);
    return str_is_none(*out) ? ERR_NOMEM : 0;
}

static int parse_path(struct value *v)
{
    bool is_off = v->option->can_be_empty && v->text.n == 0;
    return is_off || str_has_prefix(v->text, STR("/")) ? keep_text(v) : ERR_PARSE;
}

static int parse_target(struct value *v)
{
    bool is_word = str_eq(v->text, STR("stderr")) || str_eq(v->text, STR("journal")) ||
                   str_eq(v->text, STR("syslog"));
    return is_word ? keep_text(v) : parse_path(v);
}

static int parse_url(struct value *v)
{
    bool is_off = v->option->can_be_empty && v->text.n == 0;
    return is_off || origin_is_url(v->text) ? keep_text(v) : ERR_PARSE;
}

static int parse_name(struct value *v)
{
    if (v->text.n == 0 || v->text.n > NAME_MAX_LEN)
        return fault(v, "must have 1 to %d characters", NAME_MAX_LEN);
    for (size_t i = 0; i < v->text.n; i++) {
        char c = v->text.p[i];
        if (!ascii_is_alpha(c) && !ascii_is_digit(c) && c != '.' && c != '_' && c != '-')
            return ERR_PARSE;
    }
    return keep_text(v);
}

/* ---------------------------------------------------------------- hosts and addresses */

/* Of letters, digits and hyphens. */
static bool is_label(struct str s)
{
    return s.n > 0 && s.n <= LABEL_MAX && s.p[0] != '-' && s.p[s.n - 1] != '-';
}

/* Labels between dots, of which the last begins with a letter. */
static bool is_host_name(struct str s)
{
    struct str label = {s.p, 0};
    for (size_t i = 0; i < s.n; i++) {
        const char c = s.p[i];
        if (ascii_is_alpha(c) || ascii_is_digit(c) || c == '-') {
            label.n++;
            continue;
        }
        if (c != '.' || !is_label(label))
            return false;
        label = (struct str){s.p + i + 1, 0};
    }
    return is_label(label) && ascii_is_alpha(label.p[0]);
}

bool value_host(struct str text, char out[VALUE_HOST_MAX], struct str *host)
{
    struct buf b = buf_over(out, VALUE_HOST_MAX);
    struct addr a;
    struct str name = text;
    if (name.n && name.p[name.n - 1] == '.')
        name.n--;
    if (name.n <= 253 && is_host_name(name)) { /* no address is one, too */
        for (size_t i = 0; i < name.n; i++)
            out[i] = ascii_lower(name.p[i]);
        b.len = name.n;
    } else if (addr_parse_host(text, &a) == 0) {
        addr_print_host(&a, &b);
    } else {
        return false;
    }
    *host = buf_str(&b);
    return true;
}

static int parse_realm(struct value *v)
{
    if (v->text.n == 0)
        return 0;
    return htdigest_realm_fault(v->text) ? ERR_PARSE : keep_str(v, v->text, v->field);
}

static bool is_addr_with_port(struct str s)
{
    struct addr a = {0};
    return addr_parse(s, 0, &a) == 0 && a.port;
}

static int parse_host(struct value *v)
{
    char text[VALUE_HOST_MAX];
    struct str host;
    if (value_host(v->text, text, &host))
        return keep_str(v, host, v->field);
    const char *colon = str_find(v->text, ':');
    if (is_addr_with_port(v->text) || (colon && is_host_name(str_span(v->text.p, colon))))
        return fault(v, "has a port");
    return ERR_PARSE;
}

static int parse_certname(struct value *v)
{
    char text[VALUE_HOST_MAX + 2] = "*.";
    struct str host;
    struct addr a;
    if (!str_has_prefix(v->text, STR("*.")))
        return parse_host(v);
    struct str name = str_skip(v->text, 2);
    if (addr_parse_host(name, &a) == 0 || !str_find(name, '.') ||
        !value_host(name, text + 2, &host))
        return ERR_PARSE;
    return keep_str(v, (struct str){text, host.n + 2}, v->field);
}

static bool find_transport(struct str word, enum flow_transport *out)
{
    for (int i = 0; i < FLOW_TRANSPORT_MAX; i++) {
        char lower[8];
        struct str name = flow_transport_name((enum flow_transport)i);
        for (size_t k = 0; k < name.n; k++)
            lower[k] = ascii_lower(name.p[k]);
        if (!str_eq(word, (struct str){lower, name.n}))
            continue;
        *out = (enum flow_transport)i;
        return true;
    }
    return false;
}

static int parse_listen(struct value *v)
{
    static const uint16_t ports[FLOW_TRANSPORT_MAX] = {[FLOW_UDP] = SIP_PORT,
                                                       [FLOW_TCP] = SIP_PORT,
                                                       [FLOW_TLS] = SIPS_PORT,
                                                       [FLOW_WS] = HTTP_PORT,
                                                       [FLOW_WSS] = HTTPS_PORT};
    struct conf_listen *listen = v->field;
    const char *colon = str_find(v->text, ':');
    if (!colon || !ascii_is_alpha(v->text.p[0]))
        return ERR_PARSE;
    struct str transport = str_span(v->text.p, colon);
    if (!find_transport(transport, &listen->transport))
        return fault(v, "transport \"%.*s\" is not known; known: udp, tcp, tls, ws, wss",
                     STR_FMT(transport));
    struct str where = str_span(colon + 1, str_end(v->text));
    if (addr_parse(where, ports[listen->transport], &listen->addr))
        return ERR_PARSE;
    if (listen->addr.port == 0)
        return fault(v, "the port cannot be 0");
    return 0;
}

/* "host", "host:port", "[v6]", "[v6]:port", or a bare IPv6 address. false: a bad port. */
static bool split_port(struct str text, struct str *host, uint32_t *port)
{
    const char *bracket = str_find(text, ']');
    struct str tail = bracket ? str_span(bracket, str_end(text)) : text;
    const char *colon = str_find(tail, ':');
    *host = text;
    *port = 0;
    if (!colon || str_find(str_span(colon + 1, str_end(text)), ':'))
        return true;
    *host = str_span(text.p, colon);
    return str_to_u32(str_span(colon + 1, str_end(text)), UINT16_MAX, port) == 0 && *port > 0;
}

static int parse_advertise(struct value *v)
{
    struct conf_listen *listen = v->field;
    char text[VALUE_HOST_MAX];
    struct str host;
    uint32_t port;
    struct addr a;
    if (!split_port(v->text, &host, &port) || !value_host(host, text, &host))
        return ERR_PARSE;
    if (addr_parse_host(host, &a) == 0 && addr_is_any(&a))
        return fault(v, "nobody can send to a wildcard address");
    listen->advertise_port = (uint16_t)port;
    return keep_str(v, host, &listen->advertise_host);
}

static int parse_origin(struct value *v)
{
    const char *why = origin_fault(v->text);
    if (why)
        return why[0] ? fault(v, "%s", why) : ERR_PARSE;
    return keep_str(v, v->text, v->field);
}

static int parse_server(struct value *v)
{
    struct conf_server *server = v->field;
    const char *why = NULL;
    int err = serveruri_parse(v->text, server, &why);
    if (why)
        return fault(v, "%s", why);
    return err ? err : keep_str(v, v->text, &server->uri);
}

static int parse_nameserver(struct value *v)
{
    enum { DNS_PORT = 53 };
    struct addr *server = v->field;
    if (addr_parse(v->text, DNS_PORT, server) || server->port == 0)
        return ERR_PARSE;
    return addr_is_any(server) ? fault(v, "nobody can send to a wildcard address") : 0;
}

static bool has_bits_behind(const struct addr *a, uint32_t bits)
{
    for (uint32_t i = bits; i < 128; i++)
        if (a->ip[i / 8] & (0x80 >> i % 8))
            return true;
    return false;
}

static int parse_network(struct value *v)
{
    struct conf_net *net = v->field;
    const char *slash = str_find(v->text, '/');
    struct str host = slash ? str_span(v->text.p, slash) : v->text;
    net->addr = (struct addr){0};
    if (addr_parse_host(host, &net->addr))
        return ERR_PARSE;
    uint32_t all = net->addr.family == 4 ? 32 : 128;
    uint32_t bits = all;
    if (slash && str_to_u32(str_span(slash + 1, str_end(v->text)), all, &bits))
        return fault(v, "BITS must be from 1 to %u", all);
    if (bits == 0)
        return fault(v, "would trust the whole world");
    if (has_bits_behind(&net->addr, bits))
        return fault(v, "the address has bits set behind the first %u", bits);
    net->bits = bits;
    return 0;
}

static int parse_peer(struct value *v)
{
    struct conf_peer *peer = v->field;
    struct value network = *v, host = *v;
    struct addr a = {0};
    network.field = &peer->net;
    host.field = &peer->host;
    bool is_network = str_find(v->text, '/') || addr_parse_host(v->text, &a) == 0;
    return is_network ? parse_network(&network) : parse_host(&host);
}

/* What a URI that requests are sent to may not say; NULL: nothing of that. */
static const char *target_excess(const struct uri *u)
{
    struct str transport;
    if (u->scheme != URI_SIP)
        return "is not a sip: URI";
    if (!str_is_none(u->headers))
        return "has headers";
    if (uri_param(u, STR("transport"), &transport) && !str_ieq(transport, STR("udp")))
        return "has a transport other than udp";
    return NULL;
}

static int parse_target_uri(struct value *v)
{
    struct conf_uri *target = v->field;
    struct uri u;
    if (v->text.n == 0)
        return 0;
    if (uri_parse(v->text, &u))
        return ERR_PARSE;
    const char *excess = target_excess(&u);
    if (excess)
        return fault(v, "%s", excess);
    target->addr.port = u.port ? u.port : SIP_PORT;
    if (addr_parse_host(u.host, &target->addr) == 0 && addr_is_any(&target->addr))
        return fault(v, "nobody can send to a wildcard address");
    return keep_str(v, v->text, &target->text);
}

static int parse_user(struct value *v)
{
    if (v->text.n == 0 || v->text.n > NAME_MAX_LEN)
        return ERR_PARSE;
    for (size_t i = 0; i < v->text.n; i++) {
        char c = v->text.p[i];
        if (!ascii_is_alpha(c) && !ascii_is_digit(c) && !str_find(STR("-_.!~*'()&=+$"), c))
            return ERR_PARSE;
    }
    return keep_str(v, v->text, v->field);
}

/* A host that is a name must be a served domain: check.h's. */
static int parse_place(struct value *v)
{
    struct conf_place *place = v->field;
    bool has_scheme = str_has_iprefix(v->text, STR("sip:"));
    struct buf text = buf_in(v->arena, v->text.n + 4);
    struct uri u;
    buf_add(&text, has_scheme ? STR("") : STR("sip:"));
    buf_add(&text, v->text);
    if (text.has_overflown)
        return ERR_NOMEM;
    place->uri = buf_str(&text);
    if (uri_parse(place->uri, &u) || !str_is_none(u.password)) /* or another scheme */
        return ERR_PARSE;
    const char *excess = target_excess(&u);
    if (excess)
        return fault(v, "%s", excess);
    place->addr.port = u.port ? u.port : SIP_PORT;
    if (addr_parse_host(u.host, &place->addr) == 0 && addr_is_any(&place->addr))
        return fault(v, "nobody can send to a wildcard address");
    return 0;
}

/* "user" or "user@domain", in the form of an AoR. */
static int parse_account(struct value *v)
{
    static const struct str any_domain = {"@x", 2};
    bool has_domain = str_find(v->text, '@') != NULL;
    struct buf text = buf_in(v->arena, v->text.n + 8);
    struct buf aor = buf_in(v->arena, 3 * v->text.n + 8);
    struct uri u;
    buf_add(&text, STR("sip:"));
    buf_add(&text, v->text);
    buf_add(&text, has_domain ? STR("") : any_domain);
    if (text.has_overflown || aor.has_overflown)
        return ERR_NOMEM;
    if (uri_parse(buf_str(&text), &u) || !str_is_none(u.password) || !str_is_none(u.headers) ||
        (!str_is_none(u.params) && u.params.n) || u.port || uri_to_aor(&u, true, &aor) != URI_OK)
        return ERR_PARSE;
    if (!has_domain)
        aor.len -= any_domain.n;
    *(struct str *)v->field = buf_str(&aor);
    return 0;
}

static int parse_dialled(struct value *v)
{
    struct number number = number_read(v->text);
    if (number.n == 0 || !number.is_whole || str_find(v->text, ';') || str_find(v->text, '%'))
        return ERR_PARSE;
    return keep_str(v, number_str(&number), v->field);
}

static int parse_http(struct value *v)
{
    struct addr *a = v->field;
    if (v->text.n == 0)
        return 0;
    if (addr_parse(v->text, 0, a))
        return ERR_PARSE;
    return a->port ? 0 : fault(v, "a port from 1 to 65535 is missing");
}

/* ---------------------------------------------------------------- the token */

/* The first line; never put into a message. */
static int keep_token(struct value *v, struct str content)
{
    const char *end = str_find(content, '\n');
    struct str token = str_trim(end ? str_span(content.p, end) : content);
    if (token.n == 0 || token.n > TOKEN_MAX)
        return fault(v, "its first line must have from 1 to %d characters", TOKEN_MAX);
    for (size_t i = 0; i < token.n; i++)
        if (token.p[i] <= ' ' || token.p[i] > '~')
            return fault(v, "its first line has a blank or a character that is not ASCII");
    return keep_str(v, token, v->field);
}

static int read_token(struct value *v, int fd)
{
    char content[TOKEN_MAX + 2];
    ssize_t n = read(fd, content, sizeof content);
    if (n < 0)
        return fault(v, "cannot be read: %s", strerror(errno));
    int err = keep_token(v, (struct str){content, (size_t)n});
    explicit_bzero(content, sizeof content);
    return err;
}

static int parse_token(struct value *v)
{
    if (v->text.n == 0)
        return 0;
    char path[4096];
    int fd;
    if (v->text.p[0] != '/' || v->text.n >= sizeof path)
        return ERR_PARSE;
    memcpy(path, v->text.p, v->text.n);
    path[v->text.n] = '\0';
    if (secret_open(path, &fd, v->why))
        return ERR_PARSE;
    int err = read_token(v, fd);
    (void)close(fd);
    return err;
}

static int parse_yesno(struct value *v)
{
    bool is_yes = str_eq(v->text, STR("yes"));
    if (!is_yes && !str_eq(v->text, STR("no")))
        return ERR_PARSE;
    memcpy(v->field, &is_yes, sizeof is_yes);
    return 0;
}

/* ---------------------------------------------------------------- all types */

static const struct {
    size_t size;
    int (*parse)(struct value *v);
} types[SCHEMA_TYPE_MAX] = {
    [SCHEMA_NUMBER] = {sizeof(uint32_t), parse_number},
    [SCHEMA_DURATION] = {sizeof(uint32_t), parse_duration},
    [SCHEMA_SIZE] = {sizeof(uint32_t), parse_size},
    [SCHEMA_WORD] = {sizeof(int), parse_word},
    [SCHEMA_YESNO] = {sizeof(bool), parse_yesno},
    [SCHEMA_PATH] = {sizeof(char *), parse_path},
    [SCHEMA_TARGET] = {sizeof(char *), parse_target},
    [SCHEMA_NAME] = {sizeof(char *), parse_name},
    [SCHEMA_HOST] = {sizeof(struct str), parse_host},
    [SCHEMA_CERTNAME] = {sizeof(struct str), parse_certname},
    [SCHEMA_REALM] = {sizeof(struct str), parse_realm},
    [SCHEMA_ORIGIN] = {sizeof(struct str), parse_origin},
    [SCHEMA_LISTEN] = {sizeof(struct conf_listen), parse_listen},
    [SCHEMA_ADVERTISE] = {sizeof(struct conf_listen), parse_advertise},
    [SCHEMA_SERVER] = {sizeof(struct conf_server), parse_server},
    [SCHEMA_NAMESERVER] = {sizeof(struct addr), parse_nameserver},
    [SCHEMA_NETWORK] = {sizeof(struct conf_net), parse_network},
    [SCHEMA_PEER] = {sizeof(struct conf_peer), parse_peer},
    [SCHEMA_URI] = {sizeof(struct conf_uri), parse_target_uri},
    [SCHEMA_USER] = {sizeof(struct str), parse_user},
    [SCHEMA_PLACE] = {sizeof(struct conf_place), parse_place},
    [SCHEMA_ACCOUNT] = {sizeof(struct str), parse_account},
    [SCHEMA_DIALLED] = {sizeof(struct str), parse_dialled},
    [SCHEMA_HTTP] = {sizeof(struct addr), parse_http},
    [SCHEMA_URL] = {sizeof(char *), parse_url},
    [SCHEMA_DATABASE] = {sizeof(char *), keep_text},
    [SCHEMA_TOKEN] = {sizeof(struct str), parse_token},
};

size_t value_size(enum schema_type type)
{
    return types[type].size;
}

int value_parse(const struct schema_option *o, struct str text, struct arena *a, void *field,
                char why[VALUE_WHY])
{
    struct value v = {o, text, a, field, why};
    why[0] = '\0';
    return types[o->type].parse(&v);
}

static bool is_same_listen(const struct conf_listen *a, const struct conf_listen *b)
{
    return a->transport == b->transport && addr_is_equal(&a->addr, &b->addr);
}

static bool is_same_advertise(const struct conf_listen *a, const struct conf_listen *b)
{
    return a->advertise_port == b->advertise_port && str_eq(a->advertise_host, b->advertise_host);
}

bool value_is_same(const struct schema_option *o, const void *a, const void *b)
{
    switch (o->type) {
    case SCHEMA_PATH:
    case SCHEMA_TARGET:
    case SCHEMA_NAME:
    case SCHEMA_URL:
    case SCHEMA_DATABASE:
        return str_eq(str_of(*(const char *const *)a), str_of(*(const char *const *)b));
    case SCHEMA_HOST:
    case SCHEMA_CERTNAME:
    case SCHEMA_REALM:
    case SCHEMA_TOKEN:
        return str_eq(*(const struct str *)a, *(const struct str *)b);
    case SCHEMA_LISTEN:
        return is_same_listen(a, b);
    case SCHEMA_ADVERTISE:
        return is_same_advertise(a, b);
    case SCHEMA_HTTP:
        return addr_is_equal(a, b);
    default: /* the numbers and words: plain bytes */
        BUG_ON(o->is_list);
        return memcmp(a, b, types[o->type].size) == 0;
    }
}
