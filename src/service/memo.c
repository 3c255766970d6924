#include "service/memo.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/err.h"
#include "base/log.h"
#include "base/nh.h"
#include "base/stats.h"
#include "base/sys.h"
#include "core/lasting.h"
#include "net/loop.h"
#include "service/ledger.h"
#include "service/outage.h"
#include "service/reach.h"
#include "service/regreply.h"
#include "service/shield.h"
#include "service/trailnote.h"
#include "service/txn.h"
#include "sip/glance.h"
#include "store/leasememo.h"
#include "store/store.h"

/* Two entries a lease, so that few find their set full. */
enum { WAYS = 4, SETS_LOG_MIN = 8, SETS_LOG_MAX = 23, ENTRIES_PER_LEASE = 2 };

/* One in so many of those whose lease has been learned by other bytes is learned anew. A prime: by
 * whatever step a phone counts its CSeq on, its turn comes. */
enum { RELEARN = 5 };

enum { ANSWER_MORE = 512, LINE_END = 2 };

/* check: the message's name, bound to `what`, to the words beside the lease, and to all that may
 * make them void. what: slot:24, asked_s:20, domain:8, reason:4, tag:8. */
struct entry {
    _Atomic uint64_t check, what;
};

enum { SLOT_BITS = 24, ASKED_BITS = 20, DOMAIN_BITS = 8, REASON_BITS = 4, GRANTED_BITS = 24 };

struct set {
    _Alignas(64) struct entry entries[WAYS];
};

struct memo_table {
    struct nh_key key;
    _Atomic unsigned sets_log; /* of the sets in use; grows only */
    unsigned sets_log_max;
    struct set *sets;
};

/* ---------------------------------------------------------------- the table */

/* The address space of the largest one, none of which can be touched yet. */
static struct set *reserve(unsigned sets_log)
{
    void *p = mmap(NULL, sizeof(struct set) << sets_log, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static bool open_up(const struct memo_table *t, unsigned sets_log)
{
    return mprotect(t->sets, sizeof(struct set) << sets_log, PROT_READ | PROT_WRITE) == 0;
}

void memo_table_free(struct memo_table *t)
{
    if (!t)
        return;
    if (t->sets)
        (void)munmap(t->sets, sizeof(struct set) << t->sets_log_max);
    free(t);
}

int memo_table_new(const struct hash_key *from, struct memo_table **out)
{
    struct memo_table *t = calloc(1, sizeof *t);
    if (!t)
        return ERR_NOMEM;
    nh_key_init(&t->key, from);
    t->sets_log_max = SETS_LOG_MAX;
    while (!(t->sets = reserve(t->sets_log_max)) && t->sets_log_max > SETS_LOG_MIN)
        t->sets_log_max--;
    if (!t->sets || !open_up(t, SETS_LOG_MIN)) {
        memo_table_free(t);
        return ERR_NOMEM;
    }
    atomic_init(&t->sets_log, SETS_LOG_MIN);
    *out = t;
    return 0;
}

static void grow(struct memo_table *t, size_t n_leases)
{
    unsigned has = atomic_load_explicit(&t->sets_log, memory_order_relaxed), sets_log = has;
    while (sets_log < t->sets_log_max && (size_t)WAYS << sets_log < ENTRIES_PER_LEASE * n_leases)
        sets_log++;
    if (sets_log == has || !open_up(t, sets_log))
        return;
    while (has < sets_log &&
           !atomic_compare_exchange_weak_explicit(&t->sets_log, &has, sets_log,
                                                  memory_order_release, memory_order_relaxed))
        ;
}

/* Its first set, and the other one, for when that is full. */
static struct set *set_of(const struct memo_table *t, uint64_t name, bool is_other)
{
    unsigned sets_log = atomic_load_explicit(&t->sets_log, memory_order_acquire);
    uint64_t at = is_other ? name >> SETS_LOG_MAX : name;
    return &t->sets[at & (((uint64_t)1 << sets_log) - 1)];
}

/* ---------------------------------------------------------------- words */

static const enum reason reasons[] = {REASON_LICENSED_FLOW, REASON_LICENSED_SOURCE, REASON_TRUSTED};

enum { REASONS = sizeof reasons / sizeof *reasons };

static uint64_t take_bits(uint64_t *from, unsigned n)
{
    uint64_t v = *from & (((uint64_t)1 << n) - 1);
    *from >>= n;
    return v;
}

/* Of one domain, as far as it goes into the words. */
struct claim {
    uint32_t slot;
    uint32_t reason; /* index of reasons */
    size_t domain;
    uint64_t trail_hash;
    struct lasting lasting;
};

static bool pack_what(const struct claim *q, uint64_t name, uint64_t *out)
{
    if (q->slot >> SLOT_BITS || q->lasting.asked_s >> ASKED_BITS || q->domain >> DOMAIN_BITS)
        return false;
    uint64_t what = name >> 56;
    what = what << REASON_BITS | q->reason;
    what = what << DOMAIN_BITS | q->domain;
    what = what << ASKED_BITS | q->lasting.asked_s;
    *out = what << SLOT_BITS | q->slot;
    return true;
}

static bool pack_memo(const struct claim *q, struct leasememo *out)
{
    const struct lasting *l = &q->lasting;
    if (l->refresh_by_s > UINT32_MAX || l->dead_at_s > UINT32_MAX || l->proof_at_s > UINT32_MAX ||
        l->granted_s >> GRANTED_BITS)
        return false;
    out->words[0] = l->dead_at_s << 32 | l->refresh_by_s;
    out->words[1] = (uint64_t)(uint32_t)q->trail_hash << 32 | l->proof_at_s;
    out->word = (uint32_t)(q->trail_hash >> 32) << GRANTED_BITS | l->granted_s;
    return true;
}

static void unpack(uint64_t what, const struct leasememo *memo, struct claim *out)
{
    out->slot = (uint32_t)take_bits(&what, SLOT_BITS);
    out->lasting.asked_s = (uint32_t)take_bits(&what, ASKED_BITS);
    out->domain = take_bits(&what, DOMAIN_BITS);
    out->reason = (uint32_t)take_bits(&what, REASON_BITS);
    out->lasting.dead_at_s = memo->words[0] >> 32;
    out->lasting.refresh_by_s = (uint32_t)memo->words[0];
    out->lasting.proof_at_s = (uint32_t)memo->words[1];
    out->lasting.granted_s = memo->word & ((1U << GRANTED_BITS) - 1);
    out->trail_hash = (uint64_t)(memo->word >> GRANTED_BITS) << 32 | memo->words[1] >> 32;
}

/* What has to be the same by then, in one word. Not secret: the name is. */
static uint64_t blend(uint64_t what, const struct leasememo_view *v, uint64_t lost_s)
{
    static const uint64_t odd = 0x9e3779b97f4a7c15, other = 0xd6e8feb86659fd93;
    const uint64_t words[] = {v->memo.words[0], v->memo.words[1],
                              (uint64_t)v->memo.word << 32 | v->revision,
                              lost_s << 30 ^ v->ref.generation};
    uint64_t h = what * odd;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        h = (h ^ words[i]) * other;
        h ^= h >> 29;
    }
    return h * odd ^ h >> 32;
}

/* ---------------------------------------------------------------- names */

/* Whole words, so that it can be hashed as bytes. */
struct place {
    struct addr peer, local;
    uint64_t flow_id;
    struct family family;
    uint64_t conf;
    uint32_t transport, listener;
};

static uint64_t name_of(const struct context *c, const struct packet *p, const struct glance *g)
{
    const struct flow_ref *flow = &p->flow;
    const struct place place = {.peer = flow->peer,
                                .local = flow->local,
                                .flow_id = flow_id(flow),
                                .family = p->family,
                                .conf = c->conf->serial,
                                .transport = flow->transport,
                                .listener = flow->listener};
    struct nh h;
    nh_init(&h, &c->memos->key);
    nh_add(&h, str_span(p->bytes.p, g->via.branch.p));
    nh_add(&h, str_span(str_end(g->via.branch), g->from_tag.p));
    nh_add(&h, str_span(str_end(g->from_tag), g->number.p));
    nh_add(&h, str_span(str_end(g->number), str_end(p->bytes)));
    nh_add(&h, (struct str){(const char *)&place, sizeof place});
    return nh_name(&h);
}

/* ---------------------------------------------------------------- the answer */

/* What an answer is made from. */
struct making {
    const struct packet *packet;
    const struct glance *glance;
    const struct conf_domain *domain;
    uint64_t spread, left_s;
};

static void add_via(struct buf *out, const struct making *m)
{
    const struct glance *g = m->glance;
    buf_add(out, str_span(g->via_line.p, g->via.text.p));
    via_print_received(&g->via, &m->packet->flow.peer, out);
    buf_add(out, str_span(str_end(g->via.text), str_end(g->via_line)));
}

static void add_contact(struct buf *out, const struct making *m)
{
    const size_t at = out->len + sizeof ";expires=" - 1 + m->glance->contact.n;
    buf_add(out, m->glance->contact);
    buf_add(out, STR(";expires="));
    buf_add_u64(out, m->left_s);
    if (m->domain->has_expires_header) {
        const struct str left = str_span(out->p + at, out->p + out->len);
        buf_add(out, STR("\r\nExpires: "));
        buf_add(out, left);
    }
    buf_add(out, STR("\r\n"));
}

static struct str print_answer(struct context *c, const struct making *m)
{
    const struct glance *g = m->glance;
    char tag[MARK_TAG_LEN];
    struct buf out = buf_in(&c->scratch, m->packet->bytes.n + ANSWER_MORE);
    buf_add(&out, STR("SIP/2.0 200 OK\r\n"));
    add_via(&out, m);
    buf_add(&out, g->from);
    buf_add(&out, g->to);
    buf_add(&out, STR(";tag="));
    buf_add(&out, mark_tag_of_hash(m->spread, tag));
    buf_add(&out, STR("\r\n"));
    buf_add(&out, g->call_id_line);
    buf_add(&out, g->cseq_line);
    buf_add(&out, STR("Contact: "));
    add_contact(&out, m);
    buf_add(&out, regreply_date());
    buf_add(&out, STR("Content-Length: 0\r\n\r\n"));
    return out.has_overflown ? STR_NONE : buf_str(&out);
}

/* ---------------------------------------------------------------- answering */

/* A refresh, and what is known of it. */
struct refresh {
    struct glance glance;
    struct claim claim;
    struct leasememo_view view;
    const struct conf_domain *domain;
};

static uint32_t slot_of(uint64_t what)
{
    return (uint32_t)(what & ((1U << SLOT_BITS) - 1));
}

/* False: the entry is of other bytes, or void. */
static bool read_entry(const struct context *c, const struct entry *e, uint64_t name,
                       struct refresh *r)
{
    uint64_t what = atomic_load_explicit(&e->what, memory_order_relaxed);
    if (what >> 56 != name >> 56 || !what)
        return false;
    uint64_t check = atomic_load_explicit(&e->check, memory_order_relaxed);
    if (!leasememo_read(store_leases(c->store), slot_of(what), &r->view))
        return false;
    unpack(what, &r->view.memo, &r->claim);
    if (r->claim.domain >= c->conf->n_domains || r->claim.reason >= REASONS)
        return false;
    r->domain = &c->conf->domains[r->claim.domain];
    return check == (name ^ blend(what, &r->view, shield_lost_s(r->domain->upstream)));
}

/* Memory that is wanted soon is fetched while something else is done. */
static void fetch_set(const struct context *c, uint64_t name)
{
    __builtin_prefetch(set_of(c->memos, name, false));
}

/* False: none of them has the name. */
static bool fetch_slots(const struct context *c, const struct set *set, uint64_t name)
{
    bool is_any = false;
    for (size_t i = 0; i < WAYS; i++) {
        uint64_t what = atomic_load_explicit(&set->entries[i].what, memory_order_relaxed);
        if (what >> 56 != name >> 56 || !what)
            continue;
        __builtin_prefetch(lease_slot(store_leases(c->store), slot_of(what)), 1);
        is_any = true;
    }
    return is_any;
}

static bool find_in(const struct context *c, const struct set *set, uint64_t name,
                    struct refresh *r)
{
    for (size_t i = 0; i < WAYS; i++)
        if (read_entry(c, &set->entries[i], name, r))
            return true;
    return false;
}

static bool find(const struct context *c, uint64_t name, struct refresh *r)
{
    return name && (find_in(c, set_of(c->memos, name, false), name, r) ||
                    find_in(c, set_of(c->memos, name, true), name, r));
}

static bool is_good(const struct refresh *r, uint64_t now_s)
{
    return !r->view.lease.is_pending && !r->view.lease.is_unreachable &&
           !outage_serves(r->domain->upstream) &&
           lasting_is_good(&r->domain->absorb, &r->claim.lasting, r->view.lease.expires_at_s,
                           now_s);
}

/* *expires_at_s: what it is then. False: the lease has moved on, or the writer has it. */
static bool extend(struct context *c, const struct refresh *r, const struct regview_spread *spread,
                   uint64_t now_s, uint64_t *expires_at_s)
{
    const struct absorb_conf *policy = &r->domain->absorb;
    const struct lease_refresh refresh = {
        .ref = r->view.ref,
        .expires_at_s = now_s + lasting_grant_s(policy, &r->claim.lasting, spread->value,
                                                surge_is_on(&c->surge)),
        .cseq = r->glance.cseq,
        .branch_hash = spread->branch_hash,
        .is_equal_cseq_allowed = policy->is_equal_cseq_allowed};
    return lease_extend(store_leases(c->store), &refresh, expires_at_s) == LEASE_EXTENDED;
}

static bool is_timely(const struct refresh *r, uint64_t now_s)
{
    uint64_t before_s = r->view.lease.expires_at_s;
    return surge_counts(before_s > now_s ? before_s - now_s : 0, r->claim.lasting.granted_s);
}

static void note(struct context *c, const struct packet *p, const struct refresh *r, uint64_t now_s)
{
    const struct lasting *l = &r->claim.lasting;
    const enum reason why = reasons[r->claim.reason];
    const struct trail_figures f = {.source = p->flow.peer,
                                    .status = 200,
                                    .granted_s = (int32_t)l->granted_s,
                                    .upstream_left_s = trailnote_figure(l->dead_at_s, now_s),
                                    .refresh_in_s = trailnote_figure(l->refresh_by_s, now_s),
                                    .proof_age_s = trailnote_figure(now_s, l->proof_at_s)};
    stats_inc(STAT_REGISTER_IN);
    stats_inc(STAT_REGISTER_SHORT);
    stats_inc((enum stats_id)(STAT_REASON_LICENSED_FLOW + (int)why));
    ledger_count(c->ledger, r->domain->name, LEDGER_IN);
    ledger_count(c->ledger, r->domain->name, LEDGER_ABSORBED);
    trail_note(c->trail, r->claim.trail_hash, why, &f);
}

static void answer(struct context *c, const struct packet *p, const struct refresh *r,
                   const struct regview_spread *spread, uint64_t left_s)
{
    struct str bytes =
        print_answer(c, &(struct making){p, &r->glance, r->domain, spread->value, left_s});
    reach_hold(c, r->domain, &p->flow);
    if (!str_is_none(bytes))
        (void)flow_send(c->flows, &p->flow, bytes); /* lost like any datagram */
    if (c->in_hand_us)
        stats_add_time_us(STAT_ABSORB_TIME, sys_now_us() - c->in_hand_us);
}

/* At debug level each decision is a line of the log, with the name of the line. */
static bool is_off(const struct context *c, const struct packet *p)
{
    return !c->memos || c->is_draining || c->is_departing || p->bytes.n > NH_MAX ||
           p->bytes.n > c->limits.max_len || log_level() >= LEVEL_DEBUG;
}

bool memo_answer(struct context *c, const struct packet *p)
{
    struct refresh r;
    uint64_t expires_at_s, now_s = sys_service_s();
    if (is_off(c, p) || !glance_parse(p->bytes, &r.glance))
        return false;
    const struct glance *g = &r.glance;
    const uint64_t name = name_of(c, p, g);
    fetch_set(c, name);
    if (txn_server_has(c->txns, &g->via, STR("REGISTER"), &p->flow.peer) ||
        (!fetch_slots(c, set_of(c->memos, name, false), name) &&
         !fetch_slots(c, set_of(c->memos, name, true), name)))
        return false;
    const struct regview_spread spread = regview_spread(c, g->call_id, g->cseq, g->via.branch);
    if (!find(c, name, &r) || !is_good(&r, now_s))
        return false;
    trail_fetch(c->trail, r.claim.trail_hash);
    if (!extend(c, &r, &spread, now_s, &expires_at_s))
        return false;
    if (is_timely(&r, now_s))
        surge_note(&c->surge, loop_now_ms(c->loop));
    answer(c, p, &r, &spread, expires_at_s - now_s);
    note(c, p, &r, now_s);
    return true;
}

/* ---------------------------------------------------------------- learning */

/* The glance has found what the message has. */
static bool is_seen_right(const struct glance *g, const struct memo_lesson *l)
{
    const struct msg *m = l->msg;
    return m->bytes.p == l->packet->bytes.p && m->bytes.n == l->packet->bytes.n &&
           g->via.branch.p == m->via.branch.p && g->via.branch.n == m->via.branch.n &&
           g->from_tag.p == m->from_tag.p && g->from_tag.n == m->from_tag.n &&
           g->call_id.p == m->call_id.p && g->call_id.n == m->call_id.n && g->cseq == m->cseq;
}

static bool find_reason(enum reason why, uint32_t *out)
{
    for (uint32_t i = 0; i < REASONS; i++) {
        *out = i;
        if (reasons[i] == why)
            return true;
    }
    return false;
}

static bool make_claim(const struct context *c, const struct memo_lesson *l, struct claim *out)
{
    const struct absorb_input *in = l->in;
    if (!c->memos || !l->packet->bytes.n || !lasting_find(in, l->verdict, &out->lasting) ||
        !find_reason(l->verdict->reason, &out->reason))
        return false;
    out->slot = in->now_state->bindings[0].lease.slot;
    out->domain = (size_t)(l->view->domain - c->conf->domains);
    out->trail_hash = trailnote_hash(&c->loop_key, in->view->aor);
    return true;
}

/* What stands there is of the record that was decided upon. */
static bool read_view(const struct context *c, const struct memo_lesson *l,
                      struct leasememo_view *out)
{
    const struct binding *b = &l->in->now_state->bindings[0];
    return leasememo_read(store_leases(c->store), b->lease.slot, out) &&
           out->ref.generation == b->lease.generation &&
           out->revision == (uint32_t)l->in->now_state->revision;
}

static bool is_same_answer(struct context *c, const struct memo_lesson *l, const struct glance *g,
                           uint64_t left_s)
{
    struct str has;
    struct str made = print_answer(
        c, &(struct making){l->packet, g, l->view->domain, l->view->view.spread, left_s});
    return build_response(&c->scratch, l->msg, &l->packet->flow.peer, l->reply, &has) == 0 &&
           !str_is_none(made) && str_eq(has, made);
}

/* The place of the same bytes, or an empty one; NULL: all are others'. */
static struct entry *choose_in(struct set *set, uint64_t what)
{
    struct entry *free = NULL;
    for (size_t i = 0; i < WAYS; i++) {
        uint64_t has = atomic_load_explicit(&set->entries[i].what, memory_order_relaxed);
        if (slot_of(has) == slot_of(what) && has)
            return &set->entries[i];
        if (!has)
            free = &set->entries[i];
    }
    return free;
}

/* Or any. */
static struct entry *choose(const struct context *c, uint64_t name, uint64_t what)
{
    struct set *set = set_of(c->memos, name, false);
    struct entry *e = choose_in(set, what);
    if (!e)
        e = choose_in(set_of(c->memos, name, true), what);
    return e ? e : &set->entries[(what >> 56) % WAYS];
}

static bool is_equal(const struct leasememo *a, const struct leasememo *b)
{
    return a->words[0] == b->words[0] && a->words[1] == b->words[1] && a->word == b->word;
}

/* Whoever writes other bytes each time would push out others for nothing. */
static bool is_worth_it(const struct memo_lesson *l, const struct leasememo *has,
                        const struct leasememo *memo, bool has_entry)
{
    return has_entry || !is_equal(has, memo) || l->in->view->cseq % RELEARN == 0;
}

static void put(struct entry *e, uint64_t what, uint64_t check)
{
    atomic_store_explicit(&e->what, what, memory_order_relaxed);
    atomic_store_explicit(&e->check, check, memory_order_relaxed);
}

void memo_learn(struct context *c, const struct memo_lesson *l)
{
    struct glance g;
    struct claim q = {0};
    struct leasememo memo;
    struct leasememo_view v;
    uint64_t name, what, now_s = sys_service_s();
    if (!make_claim(c, l, &q) || !pack_memo(&q, &memo) || !read_view(c, l, &v) ||
        !lasting_is_good(l->in->conf, &q.lasting, v.lease.expires_at_s, now_s) ||
        !glance_parse(l->packet->bytes, &g) || !is_seen_right(&g, l))
        return;
    name = name_of(c, l->packet, &g);
    if (!name || !pack_what(&q, name, &what))
        return;
    grow(c->memos, lease_count(store_leases(c->store)));
    struct entry *e = choose(c, name, what);
    bool has_entry = atomic_load_explicit(&e->what, memory_order_relaxed) == what;
    if (!is_worth_it(l, &v.memo, &memo, has_entry) ||
        !is_same_answer(c, l, &g, v.lease.expires_at_s - now_s))
        return;
    v.memo = memo;
    leasememo_write(store_leases(c->store), q.slot, &memo);
    put(e, what, name ^ blend(what, &v, l->in->lost_s));
}
