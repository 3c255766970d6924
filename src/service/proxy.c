#include "service/proxy.h"

#include "base/stats.h"
#include "service/call.h"
#include "service/guard.h"
#include "service/local.h"
#include "service/mandate.h"
#include "service/refusal.h"
#include "service/reply.h"
#include "service/servers.h"
#include "service/told.h"

enum { BREADTH_DEFAULT = 60, RETRY_AFTER_SPREAD_S = 10, CONTACT_MAX = 1024, CONTACT_EXTRA = 64 };

/* Retry-After is spread, so that those refused together do not come back together. */
static void refuse_overload(struct context *c, const struct packet *p, const struct msg *m)
{
    struct buf line = buf_in(&c->scratch, 40);
    buf_add(&line, STR("Retry-After: "));
    buf_add_u64(&line, 1 + hash_str(&c->loop_key, m->call_id) % RETRY_AFTER_SPREAD_S);
    buf_add(&line, STR("\r\n"));
    stats_inc(STAT_REFUSED_FULL);
    reply_send(c, p, m, &(struct build_reply){.status = 503, .headers = buf_str(&line)});
}

static unsigned group_size(const struct target_set *targets, unsigned group)
{
    unsigned n = 0;
    for (size_t i = 0; i < targets->n; i++)
        n += targets->list[i].group == group;
    return n;
}

/* Groups are tried one after another, so each has all of the breadth. */
static void limit_groups(struct target_set *targets, uint32_t breadth)
{
    size_t n = 0;
    uint32_t in_group = 0;
    for (size_t i = 0; i < targets->n; i++) {
        bool is_same = n && targets->list[n - 1].group == targets->list[i].group;
        in_group = is_same ? in_group + 1 : 1;
        if (in_group <= breadth)
            targets->list[n++] = targets->list[i];
    }
    stats_add(STAT_LEFT_OUT_BREADTH, (int64_t)(targets->n - n));
    targets->n = n;
}

/* RFC 5393 5: a fork shares out the breadth that the request came with. */
static enum forward_refusal share_breadth(const struct msg *m, struct target_set *targets)
{
    uint32_t breadth = BREADTH_DEFAULT;
    const struct msg_line *l = msg_first(m, HDR_MAX_BREADTH);
    if (l && str_to_u32(l->value, UINT32_MAX, &breadth))
        breadth = BREADTH_DEFAULT;
    if (breadth == 0)
        return FORWARD_BREADTH;
    limit_groups(targets, breadth);
    targets->breadth = breadth;
    for (size_t i = 0; i < targets->n && (l || targets->n > 1 || targets->can_grow); i++) {
        uint32_t n = group_size(targets, targets->list[i].group);
        /* one part is kept for who comes late */
        targets->list[i].plan.max_breadth = breadth / (n + (targets->can_grow && n < breadth));
    }
    for (size_t i = 0; i < targets->n_servers && i < targets->n; i++) /* it goes there as it came */
        targets->list[i].plan.max_breadth = l ? breadth : 0;
    return FORWARD_OK;
}

static enum forward_refusal judge(struct context *c, const struct packet *p, const struct msg *m,
                                  struct target_set *targets)
{
    *targets = (struct target_set){0};
    enum forward_refusal why = forward_validate(c, p, m);
    if (why == FORWARD_OK)
        why = target_find(c, p, m, targets);
    stats_add(STAT_OWN_DEVICE, targets->n_own);
    return why;
}

/* RFC 3261 8.2.1: a 405 says what would have been taken. */
static struct str allow_line(struct context *c, uint32_t methods)
{
    struct buf out = buf_in(&c->scratch, 256);
    for (int i = METHOD_OTHER + 1; i < METHOD_MAX; i++) {
        if (!(methods >> i & 1))
            continue;
        buf_add(&out, out.len ? STR(", ") : STR("Allow: "));
        buf_add(&out, hdr_method_name((enum sip_method)i));
    }
    buf_add(&out, STR("\r\n"));
    return out.has_overflown ? STR_NONE : buf_str(&out);
}

static void add_contact(struct buf *out, const struct target *t)
{
    int q = t->q > 0 ? t->q : 0; /* below that: a device that does not answer */
    buf_add(out, STR("Contact: <"));
    buf_add(out, t->plan.uri);
    buf_addf(out, ">;q=%d.%03d", q / 1000, q % 1000);
    if (t->left_s)
        buf_addf(out, ";expires=%u", t->left_s);
    buf_add(out, STR("\r\n"));
}

/* fork = redirect: upstream does the rest. The Contacts are the devices' own (RFC 3261 21.3.3); one
 * so long that it leaves no room for the others is left out. */
static void redirect(struct context *c, const struct packet *p, const struct msg *m,
                     const struct target_set *targets)
{
    struct buf out = buf_in(&c->scratch, targets->n * (CONTACT_MAX + CONTACT_EXTRA));
    for (size_t i = 0; i < targets->n; i++)
        if (targets->list[i].plan.uri.n <= CONTACT_MAX)
            add_contact(&out, &targets->list[i]);
    if (out.len == 0 || out.has_overflown) {
        struct build_reply reply =
            forward_reply(c, m, out.has_overflown ? FORWARD_NO_MEMORY : FORWARD_AWAY);
        reply_send(c, p, m, &reply);
        return;
    }
    stats_inc(STAT_REDIRECTED);
    reply_send(c, p, m, &(struct build_reply){.status = 302, .headers = buf_str(&out)});
}

static void count_local(enum local_how how, const struct target_set *targets)
{
    if (how != LOCAL_OUTAGE && how != LOCAL_POLICY)
        return;
    stats_inc(how == LOCAL_OUTAGE ? STAT_LOCAL_OUTAGE : STAT_LOCAL_POLICY);
    stats_add(STAT_OWN_DEVICE, targets->n_own);
}

static enum forward_refusal begin(struct context *c, const struct packet *p, const struct msg *m,
                                  struct target_set *targets)
{
    const struct callerid_line fresh = {targets->caller_domain, targets->caller};
    const struct callerid_line *line = fresh.domain ? &fresh : &targets->in_dialog;
    return ongoing_begin(c, p, m, line->domain ? line : NULL, &targets->ongoing);
}

/* What upstream says of its calls counts whatever becomes of the request. */
static void heed(struct context *c, const struct packet *p, const struct msg *m)
{
    ongoing_on_request(c, p, m);
    if (servers_owner(c, &p->flow))
        told_note(c, m);
}

/* Devices of ours are called where there is no way upstream, too. */
static enum forward_refusal find_local(struct context *c, const struct packet *p,
                                       const struct msg *m, struct target_set *targets,
                                       enum forward_refusal why)
{
    bool is_cut_off =
        (why == FORWARD_EGRESS || why == FORWARD_UNRESOLVED || why == FORWARD_DRAINED) &&
        targets->caller_domain && targets->n_servers == 0;
    if (why != FORWARD_OK && !is_cut_off)
        return why;
    enum local_how how = local_add(c, p, m, targets);
    count_local(how, targets);
    return how == LOCAL_NOT ? why : FORWARD_OK;
}

void proxy_request(struct context *c, const struct packet *p, const struct msg *m)
{
    struct target_set targets;
    heed(c, p, m);
    enum forward_refusal why = judge(c, p, m, &targets);
    why = find_local(c, p, m, &targets, why);
    stats_add(STAT_LEFT_OUT, (int64_t)targets.n_left_out);
    if (why == FORWARD_OK && targets.is_redirect) {
        redirect(c, p, m, &targets);
        return;
    }
    if (why == FORWARD_OK)
        why = share_breadth(m, &targets);
    if (why == FORWARD_OK)
        why = begin(c, p, m, &targets);
    if (why != FORWARD_OK && !mandate_is_registered(c, p, m) && !guard_let_in(c, p, m))
        return;
    if (why != FORWARD_OK) {
        struct build_reply reply = forward_reply(c, m, why);
        if (why == FORWARD_UNABLE)
            reply.headers = allow_line(c, targets.methods);
        if (why == FORWARD_UNPROVEN)
            reply = targets.challenge;
        refusal_note(p, m, why);
        reply_send(c, p, m, &reply);
    } else if (call_start(c, p, m, &targets)) {
        ongoing_end(c, &targets.ongoing);
        refuse_overload(c, p, m);
    }
}

/* The ACK to an answer that we gave without state carries the tag that we made up for it. */
static bool is_ack_to_us(const struct context *c, const struct msg *m)
{
    char tag[MARK_TAG_LEN];
    return str_eq(m->to_tag, mark_tag(&c->marks, m, tag));
}

void proxy_ack(struct context *c, const struct packet *p, const struct msg *m)
{
    struct target_set targets;
    struct forward f;
    if (is_ack_to_us(c, m))
        return;
    if (judge(c, p, m, &targets) != FORWARD_OK || (targets.n != 1 && !targets.n_servers) ||
        forward_build(c, p, m, &targets.list[0].plan, &f) != FORWARD_OK ||
        flow_send(c->flows, &f.flow, f.bytes))
        stats_inc(STAT_STRAY_ACK);
    else
        stats_inc(STAT_FORWARDED);
}
