#include "service/guard.h"

#include <string.h>

#include "base/log.h"
#include "base/stats.h"
#include "base/sys.h"
#include "net/loop.h"
#include "service/source.h"

/* Nothing shorter than a start line with its blank line can be SIP. */
enum { SHORTEST = 16, KEEPALIVE_MAX = 4, PER_S_DEFAULT = 100 };

/* Phones hold their pinhole open with CRLFs, or with up to four NULs. */
static bool is_keepalive(struct str bytes)
{
    if (bytes.n > KEEPALIVE_MAX)
        return false;
    for (size_t i = 0; i < bytes.n; i++)
        if (bytes.p[i] != '\r' && bytes.p[i] != '\n' && bytes.p[i] != '\0')
            return false;
    return true;
}

bool guard_admit(const struct packet *p)
{
    if (is_keepalive(p->bytes)) {
        stats_inc(STAT_KEEPALIVE);
        return false;
    }
    if (p->bytes.n < SHORTEST) {
        stats_inc(STAT_NOT_SIP);
        return false;
    }
    return true;
}

/* ---------------------------------------------------------------- who is not let in */

static bool is_loopback(const struct addr *a)
{
    static const uint8_t one[16] = {[15] = 1};
    return a->family == 4 ? a->ip[0] == 127 : memcmp(a->ip, one, sizeof one) == 0;
}

static bool is_over_rate(struct context *c, const struct addr *from)
{
    uint32_t per_s = c->conf->limits.requests_per_source;
    if (per_s == 0 && is_loopback(from))
        return false;
    return !source_take(c->sources, source_key(from), loop_now_ms(c->loop) * 1000,
                        per_s ? per_s : PER_S_DEFAULT);
}

static bool is_within(struct str text, struct str word)
{
    for (; text.n >= word.n; text = str_skip(text, 1))
        if (str_has_iprefix(text, word))
            return true;
    return false;
}

/* The word "none" stands for no word. */
static bool is_scanner(const struct conf *conf, const struct msg *m)
{
    static const char *const known[] = {"friendly-scanner", "sipvicious",      "sipcli",
                                        "sundayddr",        "VaxSIPUserAgent", "pplsip"};
    bool is_own = conf->limits.n_scanners > 0;
    const char *const *words = is_own ? conf->limits.scanners : known;
    size_t n = is_own ? conf->limits.n_scanners : sizeof known / sizeof *known;
    struct str agent = m ? msg_value(m, HDR_USER_AGENT) : STR_NONE;
    for (size_t i = 0; i < n && !str_is_none(agent); i++)
        if (is_within(agent, str_of(words[i])) && strcmp(words[i], "none") != 0)
            return true;
    return false;
}

static bool is_exempt(const struct conf *conf, const struct addr *from)
{
    return conf_upstream_of(conf, from) || conf_is_contact(conf, from) ||
           conf_is_exempt(conf, from);
}

bool guard_let_in(struct context *c, const struct packet *p, const struct msg *m)
{
    const struct addr *from = &p->flow.peer;
    if (is_exempt(c->conf, from))
        return true;
    if (source_is_banned(c->sources, source_key(from), sys_service_s()))
        stats_inc(STAT_BANNED);
    else if (is_scanner(c->conf, m))
        stats_inc(STAT_SCANNER);
    else if (is_over_rate(c, from))
        stats_inc(STAT_SOURCE_RATE);
    else
        return true;
    return false;
}

/* ---------------------------------------------------------------- who fails */

bool guard_read_credentials(struct context *c, const struct msg *m, struct digest_credentials *out)
{
    static const enum hdr_id ids[] = {HDR_AUTHORIZATION, HDR_PROXY_AUTHORIZATION};
    for (size_t i = 0; i < 2; i++)
        for (const struct msg_line *l = msg_first(m, ids[i]); l; l = msg_next(m, l))
            if (digest_parse_credentials(&c->scratch, l->value, out) == 0)
                return true;
    return false;
}

/* Each challenge of an answer. is_stale: one of them says that the nonce was too old. */
static void note_challenges(struct context *c, const struct msg *answer, uint64_t key,
                            bool *is_stale)
{
    static const enum hdr_id ids[] = {HDR_WWW_AUTHENTICATE, HDR_PROXY_AUTHENTICATE};
    struct digest_challenge challenge;
    for (size_t i = 0; i < 2; i++) {
        for (const struct msg_line *l = msg_first(answer, ids[i]); l; l = msg_next(answer, l)) {
            if (digest_parse_challenge(&c->scratch, l->value, &challenge))
                continue;
            source_on_challenge(c->sources, key, hash_str(&c->loop_key, challenge.nonce));
            *is_stale = *is_stale || challenge.is_stale;
        }
    }
}

static void on_failure(struct context *c, const struct guard_case *what, uint64_t key)
{
    const struct conf_limits *l = &c->conf->limits;
    const struct source_limits limits = {l->failures_before_ban, l->lines_before_ban, l->ban_s};
    char from[ADDR_TEXT];
    struct buf host = buf_over(from, sizeof from - 1);
    addr_print_bare(&what->flow->peer, &host);
    stats_inc(STAT_SOURCE_FAILURE);
    log_info("failure source=%.*s aor=%.*s status=%u", STR_FMT(buf_str(&host)), STR_FMT(what->aor),
             what->status);
    if (!source_on_failure(c->sources, key, hash_str(&c->loop_key, what->aor), sys_service_s(),
                           &limits))
        return;
    stats_inc(STAT_BANS);
    log_warn("ban source=%.*s for %u s: too many failures", STR_FMT(buf_str(&host)), l->ban_s);
}

void guard_on_answer(struct context *c, const struct guard_case *what)
{
    struct digest_credentials given;
    bool is_stale = false;
    const uint64_t key = source_key(&what->flow->peer);
    if (is_exempt(c->conf, &what->flow->peer))
        return;
    bool is_real = what->status >= 300 && guard_read_credentials(c, what->request, &given) &&
                   source_is_real(c->sources, key, hash_str(&c->loop_key, given.nonce));
    if (what->answer)
        note_challenges(c, what->answer, key, &is_stale);
    if (what->status < 300)
        source_on_success(c->sources, key);
    else if (is_real && !is_stale)
        on_failure(c, what, key);
}

void guard_on_challenge(struct context *c, const struct packet *p, struct str nonce)
{
    const struct addr *to = &p->flow.peer;
    if (!is_exempt(c->conf, to))
        source_on_challenge(c->sources, source_key(to), hash_str(&c->loop_key, nonce));
}

void guard_on_proof(struct context *c, const struct guard_case *what, struct str nonce)
{
    const uint64_t key = source_key(&what->flow->peer);
    if (is_exempt(c->conf, &what->flow->peer))
        return;
    if (what->status < 300)
        source_on_success(c->sources, key);
    else if (source_is_real(c->sources, key, hash_str(&c->loop_key, nonce)))
        on_failure(c, what, key);
}

bool guard_is_banned(struct context *c, const struct packet *p)
{
    const struct addr *from = &p->flow.peer;
    return !is_exempt(c->conf, from) &&
           source_is_banned(c->sources, source_key(from), sys_service_s());
}
