#include "monitor.h"

#include "base/buf.h"
#include "core/txnfsm.h"
#include "text.h"

enum { COMPLAINT_MAX = 400, WHEEL_SLACK_MS = 20, OVER_MS = 70 * 1000 };

/* A request that came to us, until the end of the run. */
struct monitor_call {
    struct monitor_call *next;
    struct addr peer;
    struct str call_id, cseq, branch; /* cseq: with its method */
    struct str method;
    uint64_t came_ms;
    bool has_provisional;
    unsigned final; /* status, 0: none yet */
};

void monitor_init(struct monitor *m, struct arena *a)
{
    *m = (struct monitor){.arena = a};
}

static void complain(struct monitor *m, const char *what, struct str about)
{
    if (m->complaint)
        return;
    struct buf text = buf_in(m->arena, COMPLAINT_MAX + about.n);
    buf_addf(&text, "%s: %.*s", what, STR_FMT(about));
    buf_add_char(&text, '\0');
    m->complaint = text.has_overflown ? what : text.p;
}

/* ---------------------------------------------------------------- the form of what we send */

/* The refusal of a malformed request lacks what that lacked. */
static void check_once(struct monitor *m, struct str message, struct str name)
{
    bool must_have = text_is_request(message);
    if ((must_have && !text_header(message, name, 0).p) || text_header(message, name, 1).p)
        complain(m, "sent without exactly one of a header", name);
}

static void check_length(struct monitor *m, struct str message)
{
    uint32_t length = 0;
    struct str value = text_header(message, STR("Content-Length"), 0);
    if (value.p && (str_to_u32(value, UINT32_MAX, &length) || length != text_body(message).n))
        complain(m, "sent with a wrong Content-Length", text_first_line(message));
}

static void check_form(struct monitor *m, struct str message)
{
    static const struct str names[] = {{"Call-ID", 7}, {"CSeq", 4}, {"From", 4}, {"To", 2}};
    if (text_header(message, STR("Via"), 0).n == 0)
        complain(m, "sent without a Via", text_first_line(message));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        check_once(m, message, names[i]);
    check_length(m, message);
}

static void check_request(struct monitor *m, struct str message)
{
    uint32_t hops;
    check_form(m, message);
    if (!str_has_prefix(text_branch(message), STR("z9hG4bK")))
        complain(m, "a request left without a branch of ours", text_first_line(message));
    if (str_to_u32(text_header(message, STR("Max-Forwards"), 0), 255, &hops))
        complain(m, "a request left without Max-Forwards", text_first_line(message));
}

/* ---------------------------------------------------------------- requests and their ends */

static struct monitor_call *find(const struct monitor *m, const struct addr *peer,
                                 struct str message)
{
    struct str branch = text_branch(message);
    for (struct monitor_call *c = m->calls; c; c = c->next)
        if (addr_is_same_host(&c->peer, peer) && str_eq(c->branch, branch) &&
            str_eq(c->call_id, text_header(message, STR("Call-ID"), 0)) &&
            str_eq(c->cseq, text_header(message, STR("CSeq"), 0)))
            return c;
    return NULL;
}

/* Who sends the same again so much later begins another transaction (RFC 3261 17.2.1). */
static bool is_over(const struct monitor_call *c, uint64_t now_ms)
{
    return c->final && now_ms - c->came_ms > OVER_MS;
}

static void on_request_to_us(struct monitor *m, uint64_t now_ms, const struct world_packet *p)
{
    struct str method = text_method(p->bytes);
    const struct monitor_call *known = find(m, &p->from, p->bytes);
    if (str_eq(method, STR("ACK")) || (known && !is_over(known, now_ms)))
        return;
    struct monitor_call *c = arena_calloc(m->arena, 1, sizeof *c);
    if (!c)
        return;
    *c = (struct monitor_call){.next = m->calls,
                               .peer = p->from,
                               .call_id =
                                   str_dup(m->arena, text_header(p->bytes, STR("Call-ID"), 0)),
                               .cseq = str_dup(m->arena, text_header(p->bytes, STR("CSeq"), 0)),
                               .branch = str_dup(m->arena, text_branch(p->bytes)),
                               .method = str_dup(m->arena, method),
                               .came_ms = now_ms};
    m->calls = c;
}

/* RFC 4320: no 408, no 1xx but a late 100. */
static void check_non_invite(struct monitor *m, const struct monitor_call *c, unsigned status,
                             uint64_t now_ms)
{
    if (status == 408)
        complain(m, "408 to a request that is no INVITE (RFC 4320 4.2)", c->method);
    if (status > 100 && status < 200)
        complain(m, "1xx to a request that is no INVITE (RFC 4320 4.1)", c->method);
    if (status == 100 && now_ms - c->came_ms + WHEEL_SLACK_MS < TXN_LATE_MS)
        complain(m, "100 too early to a request that is no INVITE (RFC 4320 4.1)", c->method);
}

static void check_invite(struct monitor *m, const struct monitor_call *c, unsigned status,
                         struct str message)
{
    bool is_second = c->final && status >= 200 && status != c->final;
    if (c->final && status < 200)
        complain(m, "a provisional after the final response", text_first_line(message));
    if (is_second && (c->final >= 300 || status >= 300))
        complain(m, "two different final responses", text_first_line(message));
}

static void on_response_from_us(struct monitor *m, uint64_t now_ms, const struct world_packet *p)
{
    unsigned status = text_status(p->bytes);
    check_form(m, p->bytes);
    struct monitor_call *c = find(m, &p->to, p->bytes);
    if (!c) {
        complain(m, "a response to nothing that was asked", text_first_line(p->bytes));
        return;
    }
    if (str_eq(c->method, STR("INVITE")))
        check_invite(m, c, status, p->bytes);
    else
        check_non_invite(m, c, status, now_ms);
    bool has_to = text_header(p->bytes, STR("To"), 0).n > 0;
    if (status > 100 && has_to && text_to_tag(p->bytes).n == 0)
        complain(m, "a response without To tag", text_first_line(p->bytes));
    if (status < 200)
        c->has_provisional = true;
    else
        c->final = status;
}

void monitor_on_packet(struct monitor *m, uint64_t now_ms, const struct world_packet *p)
{
    bool is_request = text_is_request(p->bytes);
    if (p->is_to_us && is_request)
        on_request_to_us(m, now_ms, p);
    else if (!p->is_to_us && is_request)
        check_request(m, p->bytes);
    else if (!p->is_to_us && !m->is_upstream_noisy)
        on_response_from_us(m, now_ms, p);
}

void monitor_on_end(struct monitor *m)
{
    for (const struct monitor_call *c = m->calls; c && !m->is_upstream_noisy; c = c->next)
        if (str_eq(c->method, STR("INVITE")) && c->has_provisional && !c->final)
            complain(m, "an INVITE never got a final response, its Call-ID", c->call_id);
}
