#include "sim/callmsg.h"

#include "base/err.h"
#include "sip/nameaddr.h"
#include "sip/uri.h"

enum { SIP_PORT = 5060, ROUTES_MAX = 32, SDP_MAX = 512, PORT_DISCARD = 9 };

/* ---------------------------------------------------------------- bodies */

/* "IP4 192.0.2.1", "IP6 ::1" */
static void add_connection(const struct addr *local, struct buf *out)
{
    char text[ADDR_TEXT];
    struct buf host = buf_over(text, sizeof text);
    addr_print_host(local, &host);
    struct str s = buf_str(&host);
    if (local->family == 6)
        s = str_span(s.p + 1, str_end(s) - 1); /* without the brackets */
    buf_addf(out, "IN IP%u %.*s\r\n", local->family, STR_FMT(s));
}

void callmsg_print_sdp(const struct addr *local, struct buf *out)
{
    buf_add(out, STR("v=0\r\no=- 1 1 "));
    add_connection(local, out);
    buf_add(out, STR("s=-\r\nc="));
    add_connection(local, out);
    buf_addf(out, "t=0 0\r\nm=audio %d RTP/AVP 0\r\n", PORT_DISCARD);
}

/* ---------------------------------------------------------------- requests */

static void add_line(struct buf *out, struct str name, struct str value)
{
    buf_add(out, name);
    buf_add(out, value);
    buf_add(out, STR("\r\n"));
}

static void add_party(struct buf *out, const struct callmsg *c)
{
    buf_add(out, STR("<sip:caller@"));
    addr_print(&c->local, out);
    buf_add_char(out, '>');
}

static void add_body(struct buf *out, const struct callmsg *c)
{
    char text[SDP_MAX];
    struct buf sdp = buf_over(text, sizeof text);
    if (c->is_offer) {
        callmsg_print_sdp(&c->local, &sdp);
        buf_add(out, STR("Contact: "));
        add_party(out, c);
        buf_add(out, STR("\r\nContent-Type: application/sdp\r\n"));
    }
    buf_add(out, STR("Content-Length: "));
    buf_add_u64(out, sdp.len);
    buf_add(out, STR("\r\n\r\n"));
    buf_add(out, buf_str(&sdp));
}

void callmsg_print(const struct callmsg *c, struct buf *out)
{
    buf_add(out, c->method);
    buf_add_char(out, ' ');
    buf_add(out, c->uri);
    buf_add(out, STR(" SIP/2.0\r\nVia: SIP/2.0/UDP "));
    addr_print(&c->local, out);
    buf_add(out, STR(";rport;branch="));
    add_line(out, c->branch, STR(""));
    buf_add(out, STR("Max-Forwards: 70\r\n"));
    if (c->routes.n)
        add_line(out, STR("Route: "), c->routes);
    buf_add(out, STR("From: "));
    add_party(out, c);
    add_line(out, STR(";tag="), c->from_tag);
    add_line(out, STR("To: "), c->to);
    add_line(out, STR("Call-ID: "), c->call_id);
    buf_add(out, STR("CSeq: "));
    buf_add_u64(out, c->cseq);
    add_line(out, STR(" "), c->method);
    buf_add(out, STR("User-Agent: breakwater-sim\r\n"));
    add_body(out, c);
}

/* ---------------------------------------------------------------- routes */

int callmsg_print_routes(const struct msg *m, struct buf *out)
{
    struct str routes[ROUTES_MAX];
    size_t n = 0;
    for (const struct msg_line *l = msg_first(m, HDR_RECORD_ROUTE); l; l = msg_next(m, l)) {
        struct str rest = l->value;
        struct nameaddr route;
        int got;
        while ((got = nameaddr_next(&rest, &route)) == 1) {
            if (n == ROUTES_MAX)
                return ERR_FULL;
            routes[n++] = route.text;
        }
        if (got)
            return got;
    }
    while (n--) {
        buf_add(out, routes[n]);
        buf_add(out, n ? STR(", ") : STR(""));
    }
    return 0;
}

int callmsg_next_hop(struct str routes, struct str uri, struct addr *out)
{
    struct nameaddr first;
    struct uri u;
    *out = (struct addr){.port = SIP_PORT};
    int got = nameaddr_next(&routes, &first);
    if (got < 0 || uri_parse(got ? first.uri : uri, &u) || str_is_none(u.host))
        return ERR_PARSE;
    if (u.port)
        out->port = u.port;
    return addr_parse_host(u.host, out);
}
