#include "sip/via.h"

#include <string.h>

#include "base/err.h"
#include "sip/lex.h"
#include "sip/param.h"

enum { PORT_SIP = 5060, PORT_TLS = 5061, PORT_WS = 80, PORT_WSS = 443 };

/* Up to the transport. Nearly everybody writes it so: without white space. */
static const char *take_protocol(const char *p, const char *end)
{
    static const char usual[8] = "SIP/2.0/";
    if (end - p > (ptrdiff_t)sizeof usual && memcmp(p, usual, sizeof usual) == 0)
        return lex_behind_space(p + sizeof usual, end);
    struct str rest = str_span(p, end), name = lex_take(&rest, LEX_TOKEN);
    if (!str_ieq(name, STR("SIP")) || !lex_take_separator(&rest, '/'))
        return NULL;
    struct str version = lex_take(&rest, LEX_TOKEN);
    return str_eq(version, STR("2.0")) && lex_take_separator(&rest, '/') ? rest.p : NULL;
}

/* sent-protocol LWS sent-by */
static const char *take_sent(const char *p, const char *end, struct via *out)
{
    p = take_protocol(p, end);
    if (!p)
        return NULL;
    const char *from = p;
    p = lex_run(p, end, LEX_TOKEN, true);
    out->transport = str_span(from, p);
    if (p == from || p == end || !lex_is(*p, LEX_SPACE))
        return NULL;
    p = lex_host(lex_behind_space(p, end), end, &out->host, &out->literal);
    if (!p)
        return NULL;
    const char *colon = lex_behind_space(p, end);
    if (colon == end || *colon != ':')
        return p;
    return lex_port(lex_behind_space(colon + 1, end), end, &out->port);
}

/* The parameter with its ';', which stands at `from`. */
static struct str whole_param(const char *from, const struct param *p)
{
    return str_span(from, str_end(str_is_none(p->value) ? p->name : p->value));
}

static void keep_first(struct str *field, struct str value)
{
    if (str_is_none(*field))
        *field = value;
}

/* True: it is an rport. */
static bool note_param(struct via *v, const struct param *p, struct str whole)
{
    switch (p->name.n) { /* of any other length none matters */
    case 5:
        if (str_ieq(p->name, STR("maddr")))
            keep_first(&v->maddr, p->value);
        if (!str_ieq(p->name, STR("rport")))
            return false;
        if (v->has_rport)
            return true;
        v->has_rport = true;
        v->rport = whole;
        v->rport_value = p->value;
        return true;
    case 6:
        if (str_ieq(p->name, STR("branch")))
            keep_first(&v->branch, p->value);
        return false;
    case 8:
        if (!str_ieq(p->name, STR("received")))
            return false;
        keep_first(&v->received, p->value);
        keep_first(&v->received_param, whole);
        return false;
    default:
        return false;
    }
}

static const char *take_params(const char *p, const char *end, struct via *out)
{
    const char *first = lex_behind_space(p, end);
    const bool is_spaced = first > p;
    struct param param;
    size_t len = 0;
    unsigned n_rports = 0;
    for (const char *from = first; from < end && *from == ';'; from = lex_behind_space(p, end)) {
        p = param_read(from, end, &param);
        if (!p)
            return NULL;
        struct str whole = whole_param(from, &param);
        n_rports += note_param(out, &param, whole);
        len += whole.n;
        out->params = str_span(first, str_end(whole));
    }
    out->is_plain = len == out->params.n && n_rports < 2 && str_is_none(out->received_param) &&
                    (!len || !is_spaced);
    return p;
}

int via_next(struct str *rest, struct via *out)
{
    const char *end = str_end(*rest), *from = lex_behind_space(rest->p, end), *p;
    *out = (struct via){0};
    *rest = str_span(from, end);
    if (from == end)
        return 0;
    p = take_sent(from, end, out);
    if (p)
        p = take_params(p, end, out);
    if (!p)
        return ERR_PARSE;
    out->text = str_trim(str_span(from, p));
    p = lex_behind_space(p, end);
    if (p < end && *p != ',')
        return ERR_PARSE;
    const bool is_last = p == end;
    p = is_last ? end : lex_behind_space(p + 1, end);
    *rest = str_span(p, end);
    return is_last || p < end ? 1 : ERR_PARSE;
}

bool via_has_cookie(const struct via *v)
{
    return str_has_prefix(v->branch, STR("z9hG4bK"));
}

static bool is_sent_by(const struct via *v, const struct addr *source)
{
    return v->literal.family == source->family &&
           memcmp(v->literal.ip, source->ip, sizeof source->ip) == 0;
}

/* RFC 3261's via-received has no brackets around IPv6. */
static void print_received(const struct addr *source, struct buf *out)
{
    buf_add(out, STR(";received="));
    addr_print_bare(source, out);
}

static void print_rport(const struct addr *source, struct buf *out)
{
    buf_add(out, STR(";rport="));
    buf_add_u64(out, source->port);
}

/* Every received goes, also a second one: the one that counts is ours. */
static void print_params(const struct via *v, const struct addr *source, struct buf *out)
{
    struct str rest = v->params;
    struct param p;
    bool has_rport = false;
    while (lex_skip_space(&rest), rest.n) {
        const char *from = rest.p;
        if (param_next(&rest, &p) != 1)
            return;
        if (str_ieq(p.name, STR("received")))
            continue;
        if (!str_ieq(p.name, STR("rport"))) {
            buf_add(out, whole_param(from, &p));
        } else if (!has_rport) {
            has_rport = true;
            print_rport(source, out);
        }
    }
}

/* The same as print_params behind the sent-by, where nothing has to be looked for. */
static void print_plain(const struct via *v, const struct addr *source, struct buf *out)
{
    if (!v->has_rport) {
        buf_add(out, v->text);
        return;
    }
    buf_add(out, str_span(v->text.p, v->rport.p));
    print_rport(source, out);
    buf_add(out, str_span(str_end(v->rport), str_end(v->text)));
}

static void print_whole(const struct via *v, const struct addr *source, struct buf *out)
{
    const char *sent_end = str_is_none(v->params) ? str_end(v->text) : v->params.p;
    buf_add(out, str_trim(str_span(v->text.p, sent_end)));
    print_params(v, source, out);
}

void via_print_received(const struct via *v, const struct addr *source, struct buf *out)
{
    if (v->is_plain)
        print_plain(v, source, out);
    else
        print_whole(v, source, out);
    if (v->has_rport || !is_sent_by(v, source))
        print_received(source, out);
}

static uint16_t default_port(const struct via *v)
{
    if (str_ieq(v->transport, STR("TLS")))
        return PORT_TLS;
    if (str_ieq(v->transport, STR("WS"))) /* RFC 7118 5.3 */
        return PORT_WS;
    return str_ieq(v->transport, STR("WSS")) ? PORT_WSS : PORT_SIP;
}

int via_reply_addr(const struct via *v, struct addr *out)
{
    struct addr a = {.port = v->port ? v->port : default_port(v)};
    if (addr_parse_host(v->received.n ? v->received : v->host, &a))
        return ERR_PARSE;
    struct str port = v->rport_value;
    if (port.n && lex_port(port.p, str_end(port), &a.port) != str_end(port))
        return ERR_PARSE;
    *out = a;
    return 0;
}
