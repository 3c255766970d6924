#include "service/own.h"

#include "base/err.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/sys.h"
#include "conf/upcreds.h"
#include "core/upkeep.h"
#include "service/alarm.h"
#include "service/keeper.h"
#include "service/leg.h"

/* Of one REGISTER: two hops that challenge, each once more because its nonce was stale. */
enum { ANSWERS_MAX = 4, PRINTED_EXTRA = 512, MARGIN_S = 64 };

/* ---------------------------------------------------------------- alarms */

static void raise_alarm(const struct reg *r, enum alarm_code code)
{
    (void)alarm_raise(r->context->alarms, code, r->v.domain->upstream->name, sys_service_s());
}

static void disprove_alarm(const struct reg *r, enum alarm_code code)
{
    (void)alarm_disprove(r->context->alarms, code, r->v.domain->upstream->name, sys_service_s());
}

/* ---------------------------------------------------------------- accounts */

/* In relay a challenge to what a phone has sent is the phone's to answer (D53); in mirror each
 * CSeq is the phone's, so there is none for a second REGISTER. */
static bool may_answer(const struct reg *r)
{
    bool is_ours = r->is_own || r->v.domain->absorb.authentication != AUTH_RELAY;
    return is_ours && !r->up.is_mirror && r->v.domain->upcreds;
}

static bool find_account(const struct reg *r, const struct demand *c, struct upcreds_account *out)
{
    const struct upcreds_query q = {.aor = r->v.view.aor,
                                    .domain = r->v.domain->name,
                                    .realm = c->digest.realm,
                                    .algorithm = c->algorithm};
    return may_answer(r) && upcreds_find(r->v.domain->upcreds, &q, out);
}

/* Of those that we have accounts for the strongest of each realm, of equal ones the first. */
static size_t choose(const struct reg *r, struct demand *list, size_t n)
{
    struct upcreds_account account;
    size_t n_chosen = 0;
    for (size_t i = 0; i < n; i++) {
        size_t at = 0;
        if (!find_account(r, &list[i], &account))
            continue;
        while (at < n_chosen && (list[at].is_proxy != list[i].is_proxy ||
                                 !str_eq(list[at].digest.realm, list[i].digest.realm)))
            at++;
        if (at == n_chosen || list[i].algorithm > list[at].algorithm)
            list[at] = list[i];
        n_chosen += at == n_chosen;
    }
    return n_chosen;
}

/* ---------------------------------------------------------------- an account that is refused */

/* Tells one account from another without keeping it: new credentials are tried at once. */
static uint64_t hash_account(const struct context *c, const struct upcreds_account *a)
{
    const uint64_t parts[] = {hash_str(&c->loop_key, a->user), hash_str(&c->loop_key, a->password),
                              hash_str(&c->loop_key, a->ha1)};
    return hash_bytes(&c->loop_key, parts, sizeof parts) | 1;
}

/* Seconds: upstream has refused it for this line, or time and again for others. */
static uint64_t left_alone_s(const struct reg *r, const struct upcreds_account *a)
{
    const struct wallet *w = &r->leg->wallet;
    uint64_t account = hash_account(r->context, a), now_s = sys_service_s();
    uint64_t s = denied_for_s(&r->context->denied, account, now_s);
    bool is_own = w->refused_hash == account && now_s < w->refused_until_s;
    return is_own && w->refused_until_s - now_s > s ? w->refused_until_s - now_s : s;
}

static void refuse(struct reg *r, const struct demand *c, const struct upcreds_account *a)
{
    struct wallet *w = &r->leg->wallet;
    uint64_t now_s = sys_service_s();
    uint32_t wait_s = upkeep_wait_s(UPKEEP_REFUSED, w->n_refused++, 0);
    w->refused_hash = hash_account(r->context, a);
    w->refused_until_s = now_s + wait_s;
    denied_add(&r->context->denied, &(struct denied_refusal){w->refused_hash, wait_s, r->is_held},
               now_s);
    raise_alarm(r, ALARM_REFUSES_CREDENTIALS);
    log_warn("upstream \"%s\" does not take what we have for %.*s, user \"%.*s\" of the realm "
             "\"%.*s\"; not tried again for %u s",
             r->v.domain->upstream->name, STR_FMT(LOG_NAME_OF(r->v.view.aor)),
             STR_FMT(LOG_NAME_OF(a->user)), STR_FMT(c->digest.realm), wait_s);
}

/* What this very REGISTER had an answer for is asked for again, and not because the nonce was too
 * old (RFC 7616 3.3). */
static bool is_refusal(struct wallet *w, const struct demand *c)
{
    const struct wallet_nonce *n = wallet_find(w, c);
    return n && n->is_asked && n->count > 0 &&
           (!c->digest.is_stale || str_eq(n->challenge.digest.nonce, c->digest.nonce));
}

/* ---------------------------------------------------------------- answering */

static enum own_answer take(struct reg *r, const struct demand *c)
{
    struct upcreds_account a;
    struct wallet *w = &r->leg->wallet;
    if (!find_account(r, c, &a))
        return OWN_UNABLE;
    r->left_alone_s = left_alone_s(r, &a);
    if (r->left_alone_s)
        return OWN_REFUSED;
    if (is_refusal(w, c) || r->n_answers >= ANSWERS_MAX) {
        refuse(r, c, &a);
        r->left_alone_s = left_alone_s(r, &a);
        return OWN_REFUSED;
    }
    return wallet_put(w, c) ? OWN_ANSWERED : OWN_UNABLE;
}

static enum own_answer take_all(struct reg *r, const struct demand *list, size_t n)
{
    enum own_answer got = n ? OWN_ANSWERED : OWN_UNABLE;
    for (size_t i = 0; i < n && got == OWN_ANSWERED; i++)
        got = take(r, &list[i]);
    return got;
}

enum own_answer own_on_challenge(struct reg *r, const struct msg *m)
{
    struct demand *list = arena_calloc(&r->context->scratch, DEMAND_MAX, sizeof *list);
    if (!may_answer(r) || !list)
        return OWN_UNABLE;
    size_t n = demand_read(&r->context->scratch, m, list);
    enum own_answer got = take_all(r, list, choose(r, list, n));
    r->n_answers += got == OWN_ANSWERED;
    if (got != OWN_ANSWERED)
        wallet_empty(&r->leg->wallet);
    return got;
}

/* A phone's, for upstream to judge, that brings no proof. */
static bool is_unproven(const struct reg *r)
{
    return !r->is_own && !r->v.view.has_authorization &&
           r->v.domain->absorb.authentication == AUTH_RELAY;
}

/* Without an account in relay a challenge to our removal is nothing new (D58). */
static bool is_ours_to_prove(const struct reg *r)
{
    bool is_kept = r->is_own && (r->v.view.has_account || r->v.view.is_line);
    return r->v.domain->absorb.authentication != AUTH_RELAY || is_kept;
}

void own_judge_challenge(const struct reg *r)
{
    if (is_ours_to_prove(r))
        raise_alarm(r, ALARM_CHALLENGES_US);
    if (is_unproven(r))
        disprove_alarm(r, ALARM_UNCHALLENGED);
}

void own_judge_acceptance(const struct reg *r)
{
    disprove_alarm(r, ALARM_CONTACT_MISSING);
    if (is_ours_to_prove(r))
        disprove_alarm(r, ALARM_CHALLENGES_US);
    if (is_unproven(r))
        raise_alarm(r, ALARM_UNCHALLENGED);
}

void own_begin(struct reg *r)
{
    struct wallet *w = &r->leg->wallet;
    for (size_t i = w->n; i-- > 0;)
        if (w->list[i].is_asked)
            wallet_forget(w, &w->list[i]);
}

static void authorize(struct reg *r, struct wallet_nonce *n, struct str uri)
{
    struct context *c = r->context;
    const struct msg *m = reg_request(r);
    struct upreq *u = &r->up;
    struct upcreds_account a;
    if (u->n_auths == UPREQ_AUTHS_MAX || !find_account(r, &n->challenge, &a) || left_alone_s(r, &a))
        return;
    const struct digest_challenge *d = &n->challenge.digest;
    const struct demand_account account = {a.user, a.password, a.ha1};
    const struct demand_request q = {.method = STR("REGISTER"),
                                     .uri = uri,
                                     .body = m ? m->body : STR_NONE,
                                     .cnonce = {n->cnonce, sizeof n->cnonce},
                                     .count = ++n->count};
    struct buf out = buf_in(&c->scratch, 2 * (a.user.n + d->realm.n + d->nonce.n + d->opaque.n +
                                              uri.n + d->algorithm.n) +
                                             PRINTED_EXTRA);
    if (demand_answer(c->digest, &n->challenge, &account, &q, &out) || out.has_overflown)
        return;
    u->auths[u->n_auths++] =
        (struct upreq_auth){.is_proxy = n->challenge.is_proxy, .value = buf_str(&out)};
}

void own_authorize(struct reg *r)
{
    struct wallet *w = &r->leg->wallet;
    const struct msg *m = reg_request(r);
    r->up.n_auths = 0;
    if (w->n == 0 || !may_answer(r))
        return;
    struct str uri = m ? m->uri : upreq_own_uri(r->context, &r->up);
    for (size_t i = 0; i < w->n && !str_is_none(uri); i++)
        authorize(r, &w->list[i], uri);
}

static void praise(struct reg *r, const struct demand *c)
{
    struct upcreds_account a;
    if (find_account(r, c, &a))
        denied_clear(&r->context->denied, hash_account(r->context, &a), a.is_domain);
}

void own_on_accepted(struct reg *r, const struct msg *m)
{
    struct wallet *w = &r->leg->wallet;
    if (r->up.n_auths == 0)
        return;
    w->n_refused = 0;
    w->refused_hash = 0;
    disprove_alarm(r, ALARM_REFUSES_CREDENTIALS);
    for (size_t i = w->n; i-- > 0;) {
        struct wallet_nonce *n = &w->list[i];
        praise(r, &n->challenge);
        struct str next = demand_next_nonce(&r->context->scratch, m, n->challenge.is_proxy);
        if (str_is_none(next))
            wallet_forget(w, n);
        else
            wallet_renew(w, n, next);
    }
    w->keep_until_s = sys_service_s() + r->up.expires_s + MARGIN_S;
}

/* ---------------------------------------------------------------- what follows */

uint32_t own_retry_after_s(const struct msg *m)
{
    struct str value = msg_value(m, HDR_RETRY_AFTER);
    uint32_t s = 0;
    size_t n = 0;
    while (n < value.n && ascii_is_digit(value.p[n]))
        n++;
    return str_to_u32((struct str){value.p, n}, UINT32_MAX, &s) == ERR_PARSE ? 0 : s;
}

uint64_t own_jitter_ms(const struct context *c, const struct register_view *view,
                       const struct upreg *u)
{
    const uint64_t parts[] = {u->id, u->cseq};
    uint64_t draw = hash_bytes(&c->loop_key, parts, sizeof parts);
    return view->has_account ? upkeep_jitter_s(u->granted_s, draw) * 1000ULL : 0;
}

uint64_t own_wait_ms(const struct reg *r, enum reason why)
{
    if (why == REASON_CREDENTIALS && r->left_alone_s)
        return r->left_alone_s * 1000;
    return upkeep_wait_s(UPKEEP_TROUBLE, r->leg->n_retries, r->retry_after_s) * 1000ULL;
}

void own_count(enum reason why)
{
    switch (why) {
    case REASON_ACCEPTED:
    case REASON_DEREGISTERED:
        stats_inc(STAT_OWN_ACCEPTED);
        break;
    case REASON_CHALLENGED:
        stats_inc(STAT_OWN_CHALLENGED);
        break;
    case REASON_CREDENTIALS:
        stats_inc(STAT_OWN_CREDENTIALS);
        break;
    case REASON_REFUSED:
        stats_inc(STAT_OWN_REFUSED);
        break;
    case REASON_UPSTREAM_TIMEOUT:
        stats_inc(STAT_OWN_TIMEOUT);
        break;
    default:
        stats_inc(STAT_OWN_FAILED);
        break;
    }
}

void own_failed(struct reg *r, enum reason why)
{
    const struct keeper_failure what = {.why = why,
                                        .status = r->status,
                                        .retry_after_s = r->retry_after_s,
                                        .left_alone_s = r->left_alone_s};
    own_count(why);
    if (r->v.view.is_line)
        keeper_on_failure(r->context->keeper, r->v.view.aor, &what);
}
