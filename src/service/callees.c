#include "service/callees.h"

#include "base/sys.h"
#include "service/bulk.h"
#include "service/caller.h"
#include "service/location.h"
#include "service/reach.h"
#include "sip/uri.h"

enum { Q_UNREACHABLE = -1 };

static const size_t NOWHERE = SIZE_MAX;

struct str callees_uri(struct context *c, struct str contact)
{
    struct uri u;
    struct str ignored;
    if (uri_parse(contact, &u) ||
        (str_is_none(u.headers) && !uri_param(&u, STR("method"), &ignored)))
        return contact;
    struct buf out = buf_in(&c->scratch, contact.n);
    uri_print_bare(&u, STR("method"), &out);
    return out.has_overflown ? contact : buf_str(&out);
}

static int q_of(const struct binding *b)
{
    return b->q < 0 ? TARGET_Q_DEFAULT : b->q;
}

/* The devices that were found, beside their targets. */
struct devices {
    const struct msg *request;
    const struct aor_record *record;
    struct target_set *set;
    struct str instances[FORK_DEVICES_MAX];
    size_t max;
    bool is_by_q;  /* more than that: those with the highest q */
    size_t n_lost; /* flows of theirs that are gone (RFC 5626) */
    bool is_rest;  /* those that do not answer: behind all others */
};

/* One device more than may be called (D74): the place of the last one of those with the lowest q,
 * where q decides and is higher; else NOWHERE. */
static size_t place_of_lesser(const struct devices *devices, int q)
{
    const struct target_set *set = devices->set;
    size_t at = 0;
    for (size_t i = 1; i < set->n; i++)
        at = set->list[i].q <= set->list[at].q ? i : at;
    return devices->is_by_q && q > set->list[at].q ? at : NOWHERE;
}

/* One more flow of a device: the one that was refreshed last is tried first, and the others after
 * it (RFC 5626 5.3, D64); one that does not answer (is_rest) not before one that does. */
static void add_flow(struct context *c, const struct forward_plan *plan, uint32_t left_s,
                     bool is_rest, struct target *t)
{
    struct forward_plan *later = arena_alloc(&c->scratch, sizeof *later);
    struct forward_plan *before = &t->plan;
    bool is_newer = left_s >= t->left_s && (!is_rest || t->q == Q_UNREACHABLE);
    if (!later)
        return;
    while (is_rest && !is_newer && before->other)
        before = before->other;
    *later = is_newer ? t->plan : *plan;
    if (is_newer) {
        t->plan = *plan;
        t->left_s = left_s;
    } else {
        later->other = before->other;
    }
    before->other = later;
}

/* A contact with bnc that was registered without the option tag is one like any other (RFC
 * 6140 5.2). */
static struct str uri_for(struct context *c, const struct devices *devices, const struct binding *b)
{
    const struct upreg *u = binding_upreg(devices->record, b->upreg_id);
    struct str uri = u && u->is_bulk ? bulk_uri(c, b->contact, devices->request->uri) : STR_NONE;
    return str_is_none(uri) ? callees_uri(c, b->contact) : uri;
}

static struct forward_plan plan_of(struct context *c, const struct devices *devices,
                                   const struct binding *b, const struct flow_ref *flow)
{
    return (struct forward_plan){.flow = *flow,
                                 .uri = uri_for(c, devices, b),
                                 .route = b->path,
                                 .phone = b->way,
                                 .line = b->upreg_id,
                                 .has_phone = true,
                                 .identity = {.is_to_phone = true}};
}

static void add_device(struct context *c, const struct binding *b, uint64_t left_s,
                       struct devices *devices)
{
    struct target_set *out = devices->set;
    size_t at = 0;
    struct flow_ref flow;
    if (!reach_flow(c, &b->way, &flow)) {
        devices->n_lost += b->reg_id != 0;
        return;
    }
    const struct forward_plan plan = plan_of(c, devices, b, &flow);
    while (at < out->n && (b->instance.n == 0 || !str_eq(devices->instances[at], b->instance)))
        at++;
    int q = devices->is_rest ? Q_UNREACHABLE : q_of(b);
    if (at < out->n) {
        add_flow(c, &plan, (uint32_t)left_s, devices->is_rest, &out->list[at]);
        return;
    }
    if (at >= devices->max) { /* other lines' devices may be among them, under a higher limit */
        out->n_left_out++;
        at = place_of_lesser(devices, q);
    }
    if (at == NOWHERE)
        return;
    devices->instances[at] = b->instance;
    out->list[at].plan = plan;
    out->list[at].q = q;
    out->list[at].device = hash_str(&c->loop_key, b->instance.n ? b->instance : b->contact) | 1;
    out->list[at].left_s = (uint32_t)left_s;
    out->list[at].group = 0;
    out->n += at == out->n;
}

static bool is_meant(const struct binding *b, const struct callees_line *line)
{
    struct uri x, y;
    if (line->upreg_id)
        return b->upreg_id == line->upreg_id;
    if (line->instance.n)
        return str_eq(b->instance, line->instance);
    return str_is_none(line->contact) ||
           (uri_parse(b->contact, &x) == 0 && uri_parse(line->contact, &y) == 0 &&
            uri_is_equal(&x, &y));
}

/* D6: a sips Contact wants a secure hop, and a sips call a sips Contact (RFC 5630 3.1.3). */
static bool is_reachable(const struct context *c, const struct msg *m, const struct binding *b)
{
    bool is_secure = flow_is_secure((enum flow_transport)b->way.transport);
    return b->way.listener < c->n_listeners &&
           (uri_is_sips(b->contact) ? is_secure : !uri_is_sips(m->uri));
}

/* Of a line, while its devices are being found. */
struct search {
    struct location now;
    struct devices devices;
    uint64_t now_s;
};

/* Those that answer, or else the rest. */
static void add_bindings(struct context *c, const struct callees_line *line, struct search *at)
{
    const struct msg *m = at->devices.request;
    struct target_set *out = at->devices.set;
    for (size_t i = 0; i < at->now.record->n_bindings; i++) {
        const struct binding *b = &at->now.record->bindings[i];
        if (at->now.leases[i].is_unreachable != at->devices.is_rest || !is_reachable(c, m, b) ||
            !is_meant(b, line) ||
            !location_is_live(&at->now, i, line->domain->absorb.grace_s, at->now_s))
            continue;
        uint64_t until_s = location_expires_at_s(&at->now, i);
        if (m->method == METHOD_INVITE && caller_is(c, m, at->now.record, b))
            out->n_own++;
        else if (binding_can(b, m->method))
            add_device(c, b, until_s > at->now_s ? until_s - at->now_s : 0, &at->devices);
        else
            out->methods |= b->methods;
    }
}

enum forward_refusal callees_find(struct context *c, const struct callees_line *line,
                                  const struct msg *m, struct target_set *out)
{
    struct search at = {.devices = {.request = m, .set = out}, .now_s = sys_service_s()};
    const struct conf_domain *d = line->domain;
    out->aor = line->aor;
    if (!d || location_read(c, &c->scratch, line->aor, &at.now))
        return FORWARD_UNKNOWN;
    at.devices.record = at.now.record;
    out->policy = d->fork;
    at.devices.max = out->max_devices = d->max_branches;
    at.devices.is_by_q = d->strategy != CONF_FORK_PARALLEL;
    out->ring_timeout_s = d->ring_timeout_s;
    /* what is no INVITE has no time for a second hop after the first (RFC 4320) */
    out->is_followed = d->redirects == CONF_REDIRECTS_FOLLOW && m->method == METHOD_INVITE;
    add_bindings(c, line, &at);
    at.devices.is_rest = true;
    add_bindings(c, line, &at);
    if (out->n)
        return FORWARD_OK;
    if (out->methods)
        return FORWARD_UNABLE;
    if (at.devices.n_lost && line->is_by_path)
        return FORWARD_FLOW;
    return at.now.record->n_bindings || at.now.record->n_upregs ? FORWARD_AWAY : FORWARD_UNKNOWN;
}
