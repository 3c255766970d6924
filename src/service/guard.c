#include "service/guard.h"

#include <string.h>

#include "base/log.h"
#include "base/stats.h"
#include "base/sys.h"
#include "net/loop.h"
#include "service/roster.h"
#include "service/source.h"
#include "sip/uri.h"

/* Nothing shorter than a start line with its blank line can be SIP. */
enum { SHORTEST = 16, KEEPALIVE_MAX = 4, PER_S_DEFAULT = 100, SCAN_PART = 20 };

/* What makes of an address the key of another one, for what is counted apart. */
#define APART      UINT64_C(0x8000000000000001)
#define APART_SCAN UINT64_C(0x8000000000000002)

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

static bool is_over_rate(struct context *c, const struct addr *from, uint64_t key)
{
    uint32_t per_s = c->conf->limits.requests_per_source;
    if (per_s == 0 && is_loopback(from))
        return false;
    return !source_take(c->sources, key, loop_now_ms(c->loop) * 1000,
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

bool guard_is_exempt(const struct context *c, const struct addr *from)
{
    return roster_owner(c->roster, c->conf, from, FLOW_UDP) ||
           roster_owner(c->roster, c->conf, from, FLOW_TCP) || conf_is_contact(c->conf, from) ||
           conf_is_exempt(c->conf, from);
}

/* Who goes from line to line: an address, or over a connection that connection, for one device has
 * few lines, and each behind a NAT has a connection of its own. */
static uint64_t asker(struct context *c, const struct flow_ref *flow)
{
    const uint64_t id = flow_id(flow);
    return flow_is_reliable((enum flow_transport)flow->transport)
               ? hash_bytes(&c->loop_key, &id, sizeof id)
               : source_key(&flow->peer);
}

static uint64_t asked_line(struct context *c, const struct msg *m)
{
    struct uri to;
    bool has_user = uri_parse(m->to.uri, &to) == 0 && !str_is_none(to.user);
    return hash_str(&c->loop_key, has_user ? to.user : m->to.uri);
}

static void ban_scanner(struct context *c, const struct addr *from)
{
    const struct conf_limits *l = &c->conf->limits;
    const uint64_t now_s = sys_service_s();
    char text[ADDR_TEXT];
    struct buf host = buf_over(text, sizeof text - 1);
    if (l->failures_before_ban == 0 ||
        source_ban(c->sources, source_key(from), now_s, now_s + l->ban_s))
        return;
    addr_print_bare(from, &host);
    stats_inc(STAT_BANS);
    log_warn("ban source=%.*s for %u s: one connection asks for line after line",
             STR_FMT(buf_str(&host)), l->ban_s);
}

/* One line after the other, of which none is proven. Over a connection that is a ban. A datagram
 * may be forged, so it costs its address no more than a part of its rate, and not where it comes
 * with credentials: then it is the answer to a challenge, and brings about a failure or a success.
 */
static bool is_scan(struct context *c, const struct packet *p, const struct msg *m)
{
    const struct conf_limits *l = &c->conf->limits;
    const struct source_limits limits = {.asked = l->lines_before_scan, .ban_s = l->ban_s};
    const struct addr *from = &p->flow.peer;
    const uint32_t per_s = l->requests_per_source ? l->requests_per_source : PER_S_DEFAULT;
    if (m->to_tag.n || (is_loopback(from) && l->requests_per_source == 0) ||
        !source_on_line(c->sources, asker(c, &p->flow), asked_line(c, m), sys_service_s(), &limits))
        return false;
    if (flow_is_reliable((enum flow_transport)p->flow.transport)) {
        ban_scanner(c, from);
        return true;
    }
    if (msg_first(m, HDR_AUTHORIZATION) || msg_first(m, HDR_PROXY_AUTHORIZATION))
        return false;
    return !source_take(c->sources, source_key(from) ^ APART_SCAN, loop_now_ms(c->loop) * 1000,
                        per_s > SCAN_PART ? per_s / SCAN_PART : 1);
}

bool guard_let_in(struct context *c, const struct packet *p, const struct msg *m)
{
    const struct addr *from = &p->flow.peer;
    if (guard_is_exempt(c, from))
        return true;
    if (source_is_banned(c->sources, source_key(from), sys_service_s()))
        stats_inc(STAT_BANNED);
    else if (is_scanner(c->conf, m))
        stats_inc(STAT_SCANNER);
    else if (is_over_rate(c, from, source_key(from)))
        stats_inc(STAT_SOURCE_RATE);
    else if (m && is_scan(c, p, m))
        stats_inc(STAT_SCAN);
    else
        return true;
    return false;
}

bool guard_let_in_keepalive(struct context *c, const struct packet *p)
{
    const struct addr *from = &p->flow.peer;
    if (guard_is_exempt(c, from))
        return true;
    if (source_is_banned(c->sources, source_key(from), sys_service_s()))
        stats_inc(STAT_BANNED);
    else if (is_over_rate(c, from, source_key(from) ^ APART))
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

void guard_on_failure(struct context *c, const struct guard_case *what)
{
    const struct conf_limits *l = &c->conf->limits;
    const struct source_limits limits = {l->failures_before_ban, l->lines_before_ban,
                                         l->lines_before_scan, l->ban_s};
    const struct addr *from = &what->flow->peer;
    char text[ADDR_TEXT];
    struct buf host = buf_over(text, sizeof text - 1);
    if (guard_is_exempt(c, from))
        return;
    addr_print_bare(from, &host);
    stats_inc(STAT_SOURCE_FAILURE);
    log_info("failure source=%.*s aor=%.*s status=%u", STR_FMT(buf_str(&host)),
             STR_FMT(LOG_NAME_OF(what->aor)), what->status);
    if (!source_on_failure(c->sources, source_key(from), hash_str(&c->loop_key, what->aor),
                           sys_service_s(), &limits))
        return;
    stats_inc(STAT_BANS);
    log_warn("ban source=%.*s for %u s: too many failures", STR_FMT(buf_str(&host)), l->ban_s);
}

void guard_on_success(struct context *c, const struct guard_case *what)
{
    if (!str_is_none(what->aor))
        source_on_success(c->sources, source_key(&what->flow->peer),
                          hash_str(&c->loop_key, what->aor));
    source_forget_line(c->sources, asker(c, what->flow), asked_line(c, what->request));
}

/* Nobody can forge the address that a connection comes from. */
static bool is_real(struct context *c, const struct guard_case *what)
{
    struct digest_credentials given;
    return guard_read_credentials(c, what->request, &given) &&
           (flow_is_reliable((enum flow_transport)what->flow->transport) ||
            source_is_real(c->sources, source_key(&what->flow->peer),
                           hash_str(&c->loop_key, given.nonce)));
}

void guard_on_answer(struct context *c, const struct guard_case *what)
{
    bool is_stale = false;
    if (guard_is_exempt(c, &what->flow->peer))
        return;
    bool is_failure = what->status >= 300 && is_real(c, what);
    if (what->answer)
        note_challenges(c, what->answer, source_key(&what->flow->peer), &is_stale);
    if (what->status < 300)
        guard_on_success(c, what);
    else if (is_failure && !is_stale)
        guard_on_failure(c, what);
}

bool guard_is_banned(struct context *c, const struct packet *p)
{
    const struct addr *from = &p->flow.peer;
    return !guard_is_exempt(c, from) &&
           source_is_banned(c->sources, source_key(from), sys_service_s());
}
