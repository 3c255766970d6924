#include "service/servers.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/sys.h"
#include "net/loop.h"
#include "service/egress.h"
#include "service/roster.h"

/* Servers that something is known of, and lines that another server than their own has challenged:
 * what does not fit is forgotten, which costs a detour. */
enum { KNOWN_MAX = 64, STUCK_MAX = 1 << 14, CANDIDATES_MAX = 64 };

enum { SIP_PORT = 5060, SIPS_PORT = 5061 };

struct known {
    struct server_try at; /* family 0: free */
    uint64_t until_s;     /* left out so long; 0: it is not */
    uint64_t answered_s;  /* its last answer to a request other than a probe */
    bool has_answered_probe;
};

/* Of one that is no upstream's any more. */
enum { QUARANTINE_S = 30 };

struct stuck {
    uint64_t key; /* of line and upstream; 0: free */
    uint32_t server, until_s;
};

struct servers {
    struct context *context;
    struct known known[KNOWN_MAX];
    struct wheel_timer timer; /* the end of the first quarantine */
    struct stuck *stuck;
};

/* Where a request may go, in the order of preference. */
struct candidates {
    struct candidate {
        struct server_try at;
        const char *tls_name;
        uint32_t host; /* its name, as locate_host_mark has it; 0: none */
    } list[CANDIDATES_MAX];
    size_t n;
};

static bool is_same(const struct server_try *a, const struct server_try *b)
{
    return a->transport == b->transport && addr_is_equal(&a->addr, &b->addr);
}

/* ---------------------------------------------------------------- who is well */

static struct known *find_known(struct servers *s, const struct server_try *at)
{
    for (size_t i = 0; i < KNOWN_MAX; i++)
        if (s->known[i].at.addr.family && is_same(&s->known[i].at, at))
            return &s->known[i];
    return NULL;
}

static bool is_well(struct servers *s, const struct server_try *at)
{
    const struct known *k = find_known(s, at);
    return !k || k->until_s <= sys_service_s();
}

static struct server_try try_of(const struct flow_ref *flow)
{
    return (struct server_try){.addr = flow->peer, .transport = flow->transport};
}

static bool is_less_needed(const struct known *a, const struct known *b)
{
    return a->until_s != b->until_s ? a->until_s < b->until_s : a->answered_s < b->answered_s;
}

static void set_until(struct known *k, uint64_t until_s)
{
    stats_add(STAT_SERVERS_OUT, until_s != 0);
    if (k->until_s)
        stats_dec(STAT_SERVERS_OUT);
    k->until_s = until_s;
}

/* A new one takes a free place, or that of the one that is missed least. */
static struct known *take_known(struct servers *s, const struct server_try *at)
{
    struct known *k = find_known(s, at), *least = &s->known[0];
    if (k)
        return k;
    for (size_t i = 1; i < KNOWN_MAX; i++)
        if (is_less_needed(&s->known[i], least))
            least = &s->known[i];
    set_until(least, 0);
    *least = (struct known){.at = *at};
    return least;
}

static void set_timer(struct servers *s)
{
    uint64_t first_s = 0, now_s = sys_service_s();
    for (size_t i = 0; i < KNOWN_MAX; i++)
        if (s->known[i].until_s && (!first_s || s->known[i].until_s < first_s))
            first_s = s->known[i].until_s;
    if (first_s)
        loop_timer_start(s->context->loop, &s->timer,
                         first_s > now_s ? (first_s - now_s) * 1000 : 0);
    else
        loop_timer_stop(s->context->loop, &s->timer);
}

static void on_timer(void *arg)
{
    struct servers *s = arg;
    uint64_t now_s = sys_service_s();
    for (size_t i = 0; i < KNOWN_MAX; i++)
        if (s->known[i].until_s && s->known[i].until_s <= now_s)
            set_until(&s->known[i], 0);
    set_timer(s);
}

static void tell_failure(const struct addr *at, uint32_t for_s)
{
    stats_inc(STAT_SERVERS_LEFT_OUT);
    log_warn("upstream server %s: silent, out of reach or without service (503); left out for %u s "
             "where there is another",
             addr_text(at, (char[ADDR_TEXT]){0}), for_s);
}

static uint32_t quarantine_s(const struct servers *s, const struct server_try *at)
{
    const struct conf_upstream *u =
        servers_owner_of(s->context, &at->addr, (enum flow_transport)at->transport);
    return u ? u->quarantine_s : QUARANTINE_S;
}

void servers_on_failure(struct servers *s, const struct flow_ref *flow, uint32_t for_s)
{
    const struct server_try at = try_of(flow);
    struct known *k = take_known(s, &at);
    uint32_t left_out_s = for_s ? for_s : quarantine_s(s, &at);
    if (!k->until_s)
        tell_failure(&at.addr, left_out_s);
    k->answered_s = 0;
    set_until(k, sys_service_s() + left_out_s);
    set_timer(s);
}

static struct known *note_well(struct servers *s, const struct flow_ref *flow)
{
    const struct server_try at = try_of(flow);
    struct known *k = take_known(s, &at);
    if (k->until_s) {
        set_until(k, 0);
        set_timer(s);
    }
    return k;
}

void servers_on_answer(struct servers *s, const struct flow_ref *flow)
{
    note_well(s, flow)->answered_s = sys_service_s();
}

void servers_on_probe_answer(struct servers *s, const struct flow_ref *flow)
{
    note_well(s, flow)->has_answered_probe = true;
}

void servers_on_probe_silence(struct servers *s, const struct flow_ref *flow)
{
    const struct server_try at = try_of(flow);
    const struct known *k = find_known(s, &at);
    if (k && k->has_answered_probe &&
        (!k->answered_s || k->answered_s + quarantine_s(s, &at) <= sys_service_s()))
        servers_on_failure(s, flow, 0);
}

/* ---------------------------------------------------------------- life */

int servers_new(struct context *c, struct servers **out)
{
    struct servers *s = calloc(1, sizeof *s);
    if (!s)
        return ERR_NOMEM;
    s->context = c;
    wheel_timer_init(&s->timer, on_timer, s);
    s->stuck = calloc(STUCK_MAX, sizeof *s->stuck);
    if (!s->stuck) {
        servers_free(s);
        return ERR_NOMEM;
    }
    *out = s;
    return 0;
}

void servers_free(struct servers *s)
{
    if (!s)
        return;
    loop_timer_stop(s->context->loop, &s->timer);
    for (size_t i = 0; i < KNOWN_MAX; i++)
        set_until(&s->known[i], 0);
    free(s->stuck);
    free(s);
}

/* ---------------------------------------------------------------- who stands where */

static uint64_t key_of(const struct servers *s, const struct server_want *want)
{
    uint64_t parts[] = {hash_str(&s->context->loop_key, want->aor),
                        hash_str(&s->context->loop_key, str_of(want->upstream->name))};
    return hash_bytes(&s->context->loop_key, parts, sizeof parts) | 1;
}

static uint32_t mark_of(const struct servers *s, const struct server_try *at)
{
    char text[ADDR_TEXT] = {0};
    return (uint32_t)hash_str(&s->context->loop_key, str_of(addr_text(&at->addr, text))) ^
           at->transport;
}

static struct stuck *stuck_of(const struct servers *s, const struct server_want *want)
{
    return &s->stuck[(key_of(s, want) >> 1) % STUCK_MAX];
}

static bool is_stuck_to(const struct servers *s, const struct server_want *want,
                        const struct server_try *at)
{
    if (str_is_none(want->aor))
        return false;
    const struct stuck *k = stuck_of(s, want);
    return k->key == key_of(s, want) && k->until_s > sys_service_s() && k->server == mark_of(s, at);
}

/* By the whole address, or by the host alone. */
static uint16_t mark(const struct addr *at, bool is_whole)
{
    static const struct hash_key fixed = {3, 3};
    uint8_t text[sizeof at->ip + 2] = {0};
    memcpy(text, at->ip, sizeof at->ip);
    if (is_whole) {
        text[sizeof text - 2] = (uint8_t)(at->port >> 8);
        text[sizeof text - 1] = (uint8_t)at->port;
    }
    return (uint16_t)(hash_bytes(&fixed, text, sizeof text) % UINT16_MAX + 1);
}

static bool has_mark(const struct server_try *at, uint16_t server)
{
    return server && (server == mark(&at->addr, true) || server == mark(&at->addr, false));
}

/* A connection that it has opened has any port. */
uint16_t servers_mark(const struct context *c, const struct conf_upstream *u,
                      const struct flow_ref *flow)
{
    return u ? mark(&flow->peer, servers_has(c, u, &flow->peer)) : 0;
}

/* ---------------------------------------------------------------- whom to ask */

static void add_candidate(struct candidates *out, const struct candidate *one)
{
    if (out->n < CANDIDATES_MAX)
        out->list[out->n++] = *one;
}

/* A line's choice is the same on all workers and after a restart, and a dialog's as well; what
 * belongs to none is spread. */
static uint64_t number_of(const struct servers *s, const struct server_want *want)
{
    const struct str key = str_is_none(want->aor) ? want->call_id : want->aor;
    uint64_t drawn = 0;
    if (str_is_none(key))
        sys_random(&drawn, sizeof drawn);
    return str_is_none(key) ? drawn : hash_str(&s->context->answer_key, key);
}

static void add_named(const struct servers *s, const struct server_want *want,
                      const struct conf_server *server, struct candidates *out)
{
    const struct roster_list *list = roster_find(s->context->roster, server->uri);
    uint8_t order[LOCATE_TARGETS_MAX];
    if (!list)
        return;
    locate_order(list->targets, list->n, number_of(s, want), order);
    for (size_t i = 0; i < list->n; i++) {
        const struct locate_target *t = &list->targets[order[i]];
        add_candidate(out, &(struct candidate){.at = {t->addr, (uint8_t)roster_transport(t)},
                                               .tls_name = server->tls_name,
                                               .host = t->host});
    }
}

static void list_candidates(const struct servers *s, const struct server_want *want,
                            struct candidates *out)
{
    const struct conf_upstream *u = want->upstream;
    out->n = 0;
    for (size_t i = 0; i < u->n_servers; i++) {
        const struct conf_server *server = &u->servers[i];
        if (server->is_named)
            add_named(s, want, server, out);
        else
            add_candidate(out, &(struct candidate){.at = {server->addr, (uint8_t)server->transport},
                                                   .tls_name = server->tls_name});
    }
}

static bool is_tried(const struct server_tries *tries, const struct server_try *at)
{
    for (size_t i = 0; i < tries->n; i++)
        if (is_same(&tries->list[i], at))
            return true;
    return false;
}

static int reach(struct servers *s, const struct conf_upstream *u, const struct candidate *to,
                 struct flow_ref *out)
{
    const struct egress_peer peer = {.transport = (enum flow_transport)to->at.transport,
                                     .addr = to->at.addr,
                                     .tls = u ? u->tls : NULL,
                                     .name = to->tls_name};
    return egress_reach(s->context->egress, CONF_SIDE_CORE, &peer, out);
}

/* The lower, the sooner it is tried. A name means one of them for certain, or several addresses, of
 * which one may be the dialog's. */
enum {
    RANK_NAMED_OWN,
    RANK_NAMED,
    RANK_OWN,
    RANK_HOME,
    RANK_HOME_HOST, /* the line's, with another port or transport than it had */
    RANK_OTHER,
    RANK_FAILED
};

static unsigned rank_of_line(const struct server_want *want, const struct candidate *to)
{
    const struct server_at *home = &want->home;
    if (!home->addr.family || !addr_is_same_host(&home->addr, &to->at.addr))
        return RANK_OTHER;
    bool is_it = home->transport == to->at.transport && addr_is_equal(&home->addr, &to->at.addr);
    return is_it ? RANK_HOME : RANK_HOME_HOST;
}

static unsigned rank(struct servers *s, const struct server_want *want, const struct candidate *to)
{
    if (!is_well(s, &to->at))
        return RANK_FAILED;
    bool is_own = is_stuck_to(s, want, &to->at) || has_mark(&to->at, want->server);
    if (to->host && !str_is_none(want->host) && to->host == locate_host_mark(want->host))
        return is_own ? RANK_NAMED_OWN : RANK_NAMED;
    return is_own ? RANK_OWN : rank_of_line(want, to);
}

int servers_pick(struct servers *s, const struct server_want *want, struct server_tries *tries,
                 struct flow_ref *out)
{
    struct candidates all;
    list_candidates(s, want, &all);
    int err = all.n ? ERR_GONE : ERR_AGAIN;
    for (unsigned r = RANK_NAMED_OWN; r <= RANK_FAILED; r++) {
        for (size_t i = 0; i < all.n && tries->n < SERVERS_TRIES_MAX; i++) {
            const struct candidate *to = &all.list[i];
            if (is_tried(tries, &to->at) || rank(s, want, to) != r)
                continue;
            err = reach(s, want->upstream, to, out);
            tries->list[tries->n++] = to->at;
            if (!err)
                return 0;
            if (err == ERR_GONE)
                servers_on_failure(
                    s, &(struct flow_ref){.peer = to->at.addr, .transport = to->at.transport}, 0);
        }
    }
    return err;
}

/* The one that a line is asked of while all of them are well. NULL: none is known. */
static const struct candidate *first_of_line(const struct server_want *want,
                                             const struct candidates *all)
{
    const struct candidate *first = NULL;
    for (size_t i = 0; i < all->n; i++)
        if (!first || rank_of_line(want, &all->list[i]) < rank_of_line(want, first))
            first = &all->list[i];
    return first;
}

void servers_stick(struct servers *s, const struct server_want *want, const struct flow_ref *flow)
{
    const struct server_try at = try_of(flow);
    struct candidates all;
    list_candidates(s, want, &all);
    const struct candidate *first = first_of_line(want, &all);
    if (str_is_none(want->aor) || !first)
        return;
    if (is_same(&first->at, &at))
        servers_unstick(s, want);
    else
        *stuck_of(s, want) = (struct stuck){key_of(s, want), mark_of(s, &at),
                                            (uint32_t)(sys_service_s() + SERVERS_CHALLENGE_S)};
}

void servers_unstick(struct servers *s, const struct server_want *want)
{
    if (str_is_none(want->aor))
        return;
    struct stuck *k = stuck_of(s, want);
    if (k->key == key_of(s, want))
        *k = (struct stuck){0};
}

static bool is_at(const struct context *c, const struct conf_server *server, const struct addr *at,
                  bool (*is_same_place)(const struct addr *, const struct addr *))
{
    const struct roster_list *list = server->is_named ? roster_find(c->roster, server->uri) : NULL;
    for (size_t i = 0; list && i < list->n; i++)
        if (is_same_place(&list->targets[i].addr, at))
            return true;
    return !server->is_named && is_same_place(&server->addr, at);
}

bool servers_has(const struct context *c, const struct conf_upstream *u, const struct addr *at)
{
    for (size_t i = 0; i < u->n_servers; i++)
        if (is_at(c, &u->servers[i], at, addr_is_equal))
            return true;
    return false;
}

/* Of the one that stands there, else of one on that host. */
static const char *name_of(const struct context *c, const struct conf_upstream *u,
                           const struct addr *at)
{
    const char *name = NULL;
    for (size_t i = 0; u && i < u->n_servers; i++) {
        if (is_at(c, &u->servers[i], at, addr_is_equal))
            return u->servers[i].tls_name;
        if (!name && is_at(c, &u->servers[i], at, addr_is_same_host))
            name = u->servers[i].tls_name;
    }
    if (name)
        return name;
    return u && u->n_servers ? u->servers[0].tls_name : "";
}

int servers_reach(struct servers *s, const struct conf_upstream *upstream,
                  const struct server_try *at, struct flow_ref *out)
{
    const struct candidate to = {.at = *at, .tls_name = name_of(s->context, upstream, &at->addr)};
    return reach(s, upstream, &to, out);
}

int servers_reopen(const struct msg *request, struct flow_ref *flow, void *arg)
{
    const struct context *c = arg;
    const struct conf_upstream *upstream = servers_owner(c, flow);
    struct server_try to = {.addr = flow->peer, .transport = flow->transport};
    if (!upstream || !flow_is_reliable((enum flow_transport)flow->transport))
        return ERR_GONE;
    if (request)
        to.addr.port = request->via.port             ? request->via.port
                       : flow->transport == FLOW_TLS ? SIPS_PORT
                                                     : SIP_PORT;
    if (servers_reach(c->servers, upstream, &to, flow))
        return ERR_GONE;
    stats_inc(STAT_UPSTREAM_REOPENED);
    return 0;
}

static bool may_grow(const struct context *c, const struct addr *to)
{
    const struct conf_upstream *u = servers_owner_of(c, to, FLOW_UDP);
    for (size_t i = 0; u && i < u->n_servers; i++)
        if (!u->servers[i].has_transport && is_at(c, &u->servers[i], to, addr_is_equal))
            return true;
    return false;
}

bool servers_grow(struct servers *s, size_t len, struct flow_ref *flow)
{
    const struct context *c = s->context;
    const struct egress_peer to = {.transport = FLOW_TCP, .addr = flow->peer, .is_open_only = true};
    struct flow_ref stream;
    if (len <= FLOW_UNCUT_LEN || flow->transport != FLOW_UDP || !may_grow(c, &flow->peer) ||
        egress_reach(c->egress, CONF_SIDE_CORE, &to, &stream))
        return false;
    *flow = stream;
    stats_inc(STAT_LARGE_SWITCHED);
    return true;
}

const struct conf_upstream *servers_owner_of(const struct context *c, const struct addr *source,
                                             enum flow_transport transport)
{
    return roster_owner(c->roster, c->conf, source, transport);
}

const struct conf_upstream *servers_owner(const struct context *c, const struct flow_ref *from)
{
    return servers_owner_of(c, &from->peer, (enum flow_transport)from->transport);
}
