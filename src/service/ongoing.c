#include "service/ongoing.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/stats.h"
#include "base/sys.h"
#include "net/loop.h"
#include "service/barrier.h"
#include "service/dialog.h"
#include "service/reach.h"
#include "service/remote.h"
#include "service/servers.h"
#include "service/tally.h"
#include "sip/uri.h"

struct ongoing_call {
    struct hmap_node node; /* its hash: Call-ID and tag of the caller */
    struct list link;      /* once it is answered: in order of its end, in one of the two lists */
    uint64_t peer;         /* of the tag of who answered */
    uint64_t target;       /* where he is reached; 0: he has not said */
    uint64_t routes;       /* by which way, beyond us */
    uint64_t from[2];      /* the hosts that he may speak from: that of his answer, and his own */
    uint64_t until_ms;
    size_t seat;
    bool is_silent; /* the last BYE was not answered */
};

struct ongoing_table {
    struct context *context;
    struct hmap calls;
    struct list answered, silent;
    struct wheel_timer timer;
};

static void drop(struct ongoing_table *t, struct ongoing_call *call)
{
    tally_leave(t->context->tally, call->seat);
    hmap_del(&t->calls, &call->node);
    list_del(&call->link);
    stats_dec(STAT_ONGOING);
    free(call);
}

static struct ongoing_call *first_of(struct list *l)
{
    return list_is_empty(l) ? NULL : container_of(l->next, struct ongoing_call, link);
}

/* The one that ends first; NULL: there is none. */
static struct ongoing_call *next_end(struct ongoing_table *t)
{
    struct ongoing_call *a = first_of(&t->answered), *b = first_of(&t->silent);
    return !a || (b && b->until_ms < a->until_ms) ? b : a;
}

static void arm(struct ongoing_table *t)
{
    uint64_t now_ms = loop_now_ms(t->context->loop);
    const struct ongoing_call *next = next_end(t);
    if (next)
        loop_timer_start(t->context->loop, &t->timer,
                         next->until_ms > now_ms ? next->until_ms - now_ms : 1);
}

static void on_timer(void *arg)
{
    struct ongoing_table *t = arg;
    uint64_t now_ms = loop_now_ms(t->context->loop);
    for (struct ongoing_call *k = next_end(t); k && k->until_ms <= now_ms; k = next_end(t)) {
        stats_inc(STAT_ONGOING_FORGOTTEN);
        drop(t, k);
    }
    arm(t);
}

/* It goes on from now: into the list of its kind, whose ends are all equally far. */
static void keep(struct ongoing_table *t, struct ongoing_call *call, bool is_silent)
{
    call->is_silent = is_silent;
    call->until_ms =
        loop_now_ms(t->context->loop) + (is_silent ? ONGOING_SILENT_MS : ONGOING_MAX_MS);
    list_del(&call->link);
    list_add(is_silent ? &t->silent : &t->answered, &call->link);
    if (next_end(t) == call)
        arm(t);
}

int ongoing_new(struct context *c, struct ongoing_table **out)
{
    struct ongoing_table *t = calloc(1, sizeof *t);
    if (!t)
        return ERR_NOMEM;
    t->context = c;
    hmap_init(&t->calls);
    list_init(&t->answered);
    list_init(&t->silent);
    wheel_timer_init(&t->timer, on_timer, t);
    *out = t;
    return 0;
}

void ongoing_free(struct ongoing_table *t)
{
    if (!t)
        return;
    loop_timer_stop(t->context->loop, &t->timer);
    for (struct hmap_node *n = hmap_any(&t->calls); n; n = hmap_any(&t->calls))
        drop(t, container_of(n, struct ongoing_call, node));
    hmap_fini(&t->calls);
    free(t);
}

static uint64_t hash_pair(const struct ongoing_table *t, struct str a, struct str b)
{
    const uint64_t parts[] = {hmap_hash(&t->calls, a), hmap_hash(&t->calls, b)};
    return hash_bytes(&t->calls.key, parts, sizeof parts);
}

/* ---------------------------------------------------------------- the other end */

/* The host and port of a URI; 0: it has none. */
static uint64_t hash_place(const struct ongoing_table *t, struct str text)
{
    struct uri u;
    if (uri_parse(text, &u) || str_is_none(u.host))
        return 0;
    struct buf host = buf_in(&t->context->scratch, u.host.n);
    for (size_t i = 0; i < u.host.n; i++)
        buf_add_char(&host, ascii_lower(u.host.p[i]));
    const uint64_t parts[] = {hmap_hash(&t->calls, buf_str(&host)), u.port};
    return hash_bytes(&t->calls.key, parts, sizeof parts) | 1;
}

static uint64_t hash_contact(const struct ongoing_table *t, const struct msg *m)
{
    struct uri u;
    return remote_contact(m, &u) ? remote_target(&t->calls.key, &u) : 0;
}

static uint64_t hash_host(const struct ongoing_table *t, const struct addr *a)
{
    return hash_bytes(&t->calls.key, a->ip, a->family == 4 ? 4 : sizeof a->ip);
}

/* 0: there is none, or it is a name. */
static uint64_t hash_contact_host(const struct ongoing_table *t, const struct msg *m)
{
    struct uri u;
    struct addr at = {0};
    bool is_address = remote_contact(m, &u) && addr_parse_host(u.host, &at) == 0;
    return is_address ? hash_host(t, &at) : 0;
}

/* The proxies that an answer names between us and who has sent it: all in front of our own, those
 * of the caller's side behind them. Their order does not matter here, and is turned round for
 * requests. */
static uint64_t sum_record_routes(const struct ongoing_table *t, const struct msg *m)
{
    uint64_t sum = 0, beyond = 0;
    bool was_ours = false;
    for (const struct msg_line *l = msg_first(m, HDR_RECORD_ROUTE); l; l = msg_next(m, l)) {
        struct str rest = l->value;
        struct nameaddr n;
        while (nameaddr_next(&rest, &n) == 1) {
            bool is_ours = dialog_is_signed(t->context, m, n.uri);
            beyond = is_ours && !was_ours ? sum : beyond;
            was_ours = is_ours;
            sum += hash_place(t, n.uri);
        }
    }
    return beyond;
}

/* The same of a request: what is left of its Routes. */
static uint64_t sum_routes(const struct ongoing_table *t, const struct msg *m, unsigned n_ours)
{
    uint64_t sum = 0;
    for (const struct msg_line *l = msg_first(m, HDR_ROUTE); l; l = msg_next(m, l)) {
        struct str rest = l->value;
        struct nameaddr n;
        while (nameaddr_next(&rest, &n) == 1) {
            if (n_ours == 0)
                sum += hash_place(t, n.uri);
            n_ours -= n_ours > 0;
        }
    }
    return sum;
}

/* Else somebody else might answer it, and the call goes on. */
static bool is_to_other_end(const struct ongoing_table *t, const struct packet *p,
                            const struct msg *m, const struct ongoing_call *call)
{
    struct dialog d;
    struct uri u;
    if (call->target && (uri_parse(m->uri, &u) || call->target != remote_target(&t->calls.key, &u)))
        return false;
    dialog_read(t->context, p, m, &d);
    return call->routes == sum_routes(t, m, d.n_routes);
}

/* ---------------------------------------------------------------- a call begins */

static enum forward_refusal take_seat(struct context *c, const struct msg *m, uint64_t line,
                                      uint32_t max, struct ongoing *out)
{
    struct ongoing_table *t = c->ongoing;
    struct ongoing_call *call = calloc(1, sizeof *call);
    if (!call)
        return FORWARD_NO_MEMORY;
    list_init(&call->link);
    call->node.hash = hash_pair(t, m->call_id, m->from_tag);
    enum tally_result got = tally_enter(c->tally, line, max, &call->seat);
    bool is_kept = got == TALLY_ENTERED && hmap_add(&t->calls, &call->node) == 0;
    if (is_kept) {
        stats_inc(STAT_ONGOING);
        out->held = call;
        return FORWARD_OK;
    }
    if (got == TALLY_ENTERED)
        tally_leave(c->tally, call->seat);
    free(call);
    if (got == TALLY_NO_ROOM)
        stats_inc(STAT_ONGOING_UNCOUNTED);
    return got == TALLY_NO_ROOM ? FORWARD_OK
           : got == TALLY_FULL  ? FORWARD_TOO_MANY
                                : FORWARD_NO_MEMORY;
}

/* Of a line; 0: none. */
struct limits {
    uint32_t max_calls, per_s;
};

static enum forward_refusal begin(struct context *c, const struct msg *m, struct str aor,
                                  const struct limits *l, struct ongoing *out)
{
    uint64_t hash = hash_str(&c->owner_key, aor), now_s = sys_service_s();
    hash = hash ? hash : 1;
    if (l->per_s && !tally_take(c->tally, hash, now_s, l->per_s))
        return FORWARD_TOO_FAST;
    if (l->per_s)
        *out = (struct ongoing){.line = hash, .begun_s = now_s};
    return l->max_calls ? take_seat(c, m, hash, l->max_calls, out) : FORWARD_OK;
}

/* ---------------------------------------------------------------- a call goes on, and ends */

static struct ongoing_call *find(const struct ongoing_table *t, uint64_t dialog, uint64_t peer)
{
    for (struct hmap_node *n = hmap_first(&t->calls, dialog); n; n = hmap_next(n)) {
        struct ongoing_call *call = container_of(n, struct ongoing_call, node);
        if (!list_is_empty(&call->link) && call->peer == peer)
            return call;
    }
    return NULL;
}

/* The call that was answered and has this caller. */
static struct ongoing_call *find_call(const struct ongoing_table *t, struct str call_id,
                                      struct str caller_tag, struct str peer_tag)
{
    return find(t, hash_pair(t, call_id, caller_tag), hmap_hash(&t->calls, peer_tag));
}

static bool is_refresh(const struct msg *m)
{
    return m->method == METHOD_INVITE || m->method == METHOD_UPDATE;
}

/* Where the other end is reached may change (RFC 3261 12.2). */
static void refresh(struct ongoing_table *t, const struct msg *m, struct ongoing_call *call)
{
    uint64_t target = hash_contact(t, m);
    keep(t, call, false);
    if (!target)
        return;
    call->target = target;
    call->from[1] = hash_contact_host(t, m);
}

/* A phone of ours that speaks past upstreams that have left the way: by the flow that is signed for
 * it, whatever its Contact says of where it is. */
static bool is_called_phone(const struct ongoing_table *t, const struct packet *p,
                            const struct msg *m)
{
    struct dialog d;
    const struct way way = reach_way(&p->flow);
    dialog_read(t->context, p, m, &d);
    return d.n_legs == 2 && d.is_from_phone && !d.is_caller &&
           binding_is_same_way(&d.legs[0], &way);
}

static bool is_from_peer(const struct ongoing_table *t, const struct packet *p, const struct msg *m,
                         const struct ongoing_call *call)
{
    uint64_t host = hash_host(t, &p->flow.peer);
    return host == call->from[0] || host == call->from[1] || is_called_phone(t, p, m);
}

static void take_part(struct ongoing_table *t, const struct packet *p, const struct msg *m,
                      struct ongoing *out)
{
    struct ongoing_call *call = find_call(t, m->call_id, m->from_tag, m->to_tag);
    bool is_caller = call != NULL;
    if (!call)
        call = find_call(t, m->call_id, m->to_tag, m->from_tag);
    if (!call || !(is_caller ? is_to_other_end(t, p, m, call) : is_from_peer(t, p, m, call)))
        return;
    bool is_peer = !is_caller;
    if (is_peer && is_refresh(m))
        refresh(t, m, call);
    else
        *out = (struct ongoing){.part = is_refresh(m) ? ONGOING_REFRESH : ONGOING_BYE,
                                .dialog = call->node.hash,
                                .peer = call->peer};
}

void ongoing_on_request(struct context *c, const struct packet *p, const struct msg *m)
{
    struct ongoing_table *t = c->ongoing;
    if (m->method != METHOD_BYE || t->calls.n == 0 || !servers_owner(c, &p->flow))
        return;
    struct ongoing_call *call = find_call(t, m->call_id, m->to_tag, m->from_tag);
    if (call)
        drop(t, call);
}

/* ---------------------------------------------------------------- the door */

/* What does not go where the other end has said that it is may begin a call there. One that goes on
 * has its place, or takes it again after a restart. */
static void spare(struct context *c, const struct packet *p, const struct msg *m, struct limits *l)
{
    struct dialog d;
    dialog_read(c, p, m, &d);
    if (d.is_to_peer)
        l->per_s = 0;
    if (find_call(c->ongoing, m->call_id, m->from_tag, m->to_tag))
        l->max_calls = 0;
}

enum forward_refusal ongoing_begin(struct context *c, const struct packet *p, const struct msg *m,
                                   const struct callerid_line *line, struct ongoing *out)
{
    *out = (struct ongoing){0};
    bool is_in_dialog = !str_is_none(m->to_tag);
    if (is_in_dialog && c->ongoing->calls.n && (is_refresh(m) || m->method == METHOD_BYE))
        take_part(c->ongoing, p, m, out);
    if (m->method != METHOD_INVITE || !line || str_is_none(line->aor) ||
        barrier_is_emergency(c, p, m, line->domain))
        return FORWARD_OK;
    struct limits limits = {line->domain->max_calls, line->domain->calls_per_s};
    if (is_in_dialog && (limits.max_calls || limits.per_s))
        spare(c, p, m, &limits);
    return begin(c, m, line->aor, &limits, out);
}

static void on_invite_answered(struct context *c, struct ongoing *o,
                               const struct ongoing_answer *answer)
{
    struct ongoing_table *t = c->ongoing;
    struct ongoing_call *call = o->held;
    o->held = NULL;
    if (o->line && (answer->status == 401 || answer->status == 407)) /* it will come again */
        tally_give_back(c->tally, o->line, o->begun_s);
    o->line = 0;
    if (call && (answer->status >= 300 || !answer->m)) {
        drop(t, call);
    } else if (call) {
        call->peer = hmap_hash(&t->calls, answer->m->to_tag);
        refresh(t, answer->m, call);
        call->routes = sum_record_routes(t, answer->m);
        call->from[0] = hash_host(t, answer->from);
    }
}

/* RFC 3261 15.1.1: what makes an end of the call for who has sent the BYE. Silence may have been
 * brought about to that end, and so is believed when it is the second one, or when nothing else is
 * heard of the call. Any other refusal is no end at all. */
static bool is_end(const struct ongoing_call *call, const struct ongoing_answer *answer)
{
    bool is_silence = !answer || answer->status == 408;
    return is_silence ? call->is_silent : answer->status < 300 || answer->status == 481;
}

static void end_part(struct ongoing_table *t, struct ongoing *o,
                     const struct ongoing_answer *answer)
{
    enum ongoing_part part = o->part;
    o->part = ONGOING_NONE;
    struct ongoing_call *call = part ? find(t, o->dialog, o->peer) : NULL;
    if (call && part == ONGOING_BYE && is_end(call, answer))
        drop(t, call);
    else if (call && part == ONGOING_BYE && (!answer || answer->status == 408))
        keep(t, call, true);
    else if (call && part == ONGOING_REFRESH && answer && answer->m && answer->status < 300)
        refresh(t, answer->m, call);
}

void ongoing_on_answer(struct context *c, struct ongoing *o, const struct ongoing_answer *answer)
{
    if (answer->status < 200)
        return;
    end_part(c->ongoing, o, answer);
    if (o->held || o->line)
        on_invite_answered(c, o, answer);
}

void ongoing_end(struct context *c, struct ongoing *o)
{
    end_part(c->ongoing, o, NULL); /* nobody answered the BYE */
    if (o->held)
        drop(c->ongoing, o->held);
    *o = (struct ongoing){0};
}
