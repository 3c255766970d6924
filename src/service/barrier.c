#include "service/barrier.h"

#include "base/stats.h"
#include "service/told.h"
#include "sip/uri.h"

/* The number with all that could make another one of it: some write the parameters of a telephone
 * number behind the host. None: the arena is exhausted. */
static struct str dialled(struct context *c, const struct uri *u)
{
    struct str user = str_is_none(u->user) ? STR("") : u->user;
    if (str_is_none(u->params))
        return user;
    struct buf out = buf_in(&c->scratch, user.n + u->params.n);
    buf_add(&out, user);
    buf_add(&out, u->params);
    return out.has_overflown ? STR_NONE : buf_str(&out);
}

/* What costs money where it arrives. */
static bool has_price(const struct msg *m)
{
    return m->method == METHOD_INVITE || m->method == METHOD_MESSAGE;
}

/* ---------------------------------------------------------------- emergency calls */

static bool is_of_upstream(const struct conf_upstream *upstream, struct str host)
{
    struct addr at = {0};
    struct uri u;
    bool is_address = addr_parse_host(host, &at) == 0;
    for (size_t i = 0; i < upstream->n_servers; i++) {
        const struct conf_server *s = &upstream->servers[i];
        if ((is_address && addr_is_same_host(&s->addr, &at)) ||
            (uri_parse(s->uri, &u) == 0 && uri_is_same_host(u.host, host)))
            return true;
    }
    return false;
}

/* Upstream might look for the number at another host, which may be anybody's. */
static bool is_number_here(struct context *c, const struct packet *p, const struct uri *u,
                           const struct conf_domain *domain)
{
    struct str maddr;
    if (uri_param(u, STR("maddr"), &maddr))
        return false;
    return u->scheme == URI_TEL || forward_is_host_ours(c, p, u) ||
           is_of_upstream(domain->upstream, u->host);
}

static bool is_emergency(struct context *c, const struct packet *p, const struct uri *u,
                         const struct conf_domain *domain)
{
    if (u->scheme == URI_OTHER)
        return uri_is_sos(u);
    struct str number = dialled(c, u);
    return !str_is_none(number) && dialplan_is_emergency(&domain->dialplan, number) &&
           is_number_here(c, p, u, domain);
}

bool barrier_is_emergency(struct context *c, const struct packet *p, const struct msg *m,
                          const struct conf_domain *domain)
{
    struct uri u;
    return has_price(m) && uri_parse(m->uri, &u) == 0 && is_emergency(c, p, &u, domain);
}

/* ---------------------------------------------------------------- where calls may go */

bool barrier_may_reach(struct context *c, const struct uri *u, const struct conf_domain *domain)
{
    struct str number = dialled(c, u);
    return !str_is_none(number) && dialplan_allows(&domain->dialplan, number);
}

static bool may_call(struct context *c, const struct packet *p, const struct msg *m,
                     const struct conf_domain *domain)
{
    struct uri u;
    if (uri_parse(m->uri, &u))
        return false;
    return barrier_may_reach(c, &u, domain) || is_emergency(c, p, &u, domain);
}

/* ---------------------------------------------------------------- transfers */

/* The Call-ID of the call that is to be replaced (RFC 3891 3), as the header of a URI has it. */
static struct str replaced_call(struct context *c, const struct uri *u)
{
    struct str rest = str_is_none(u->headers) ? STR("") : u->headers;
    struct buf out = buf_in(&c->scratch, rest.n);
    while (rest.n && !str_has_iprefix(rest, STR("replaces="))) {
        const char *next = str_find(rest, '&');
        rest = next ? str_span(next + 1, str_end(rest)) : STR("");
    }
    rest = str_skip(rest, STR("replaces=").n);
    while (rest.n && *rest.p != '&') {
        char ch = number_take_char(&rest);
        if (ch == ';')
            break;
        buf_add_char(&out, ch);
    }
    return out.has_overflown ? STR_NONE : buf_str(&out);
}

/* Who is called by somebody else in the line's name is judged like whom it calls itself, unless
 * that takes the place of a call that is going on. */
static bool may_refer_to(struct context *c, const struct packet *p, struct str value,
                         const struct conf_domain *domain)
{
    struct nameaddr to;
    struct uri u;
    int found = nameaddr_next(&value, &to);
    for (; found == 1; found = nameaddr_next(&value, &to)) {
        if (uri_parse(to.uri, &u))
            return false;
        if (!barrier_may_reach(c, &u, domain) && !is_emergency(c, p, &u, domain) &&
            !told_has(c, replaced_call(c, &u), &u))
            return false;
    }
    return found == 0;
}

static bool may_refer(struct context *c, const struct packet *p, const struct msg *m,
                      const struct conf_domain *domain)
{
    const struct dialplan *plan = &domain->dialplan;
    for (size_t i = 0; i < m->n_lines && (plan->n_rules || !plan->is_open); i++) {
        const struct msg_line *l = &m->lines[i];
        bool is_target = str_ieq(l->name, STR("Refer-To")) || str_ieq(l->name, STR("r"));
        if (is_target && !may_refer_to(c, p, l->value, domain))
            return false;
    }
    return true;
}

/* ---------------------------------------------------------------- the door */

enum forward_refusal barrier_judge_call(struct context *c, const struct packet *p,
                                        const struct msg *m, const struct conf_domain *domain)
{
    bool is_free = has_price(m)                ? may_call(c, p, m, domain)
                   : m->method == METHOD_REFER ? may_refer(c, p, m, domain)
                                               : true;
    return is_free ? FORWARD_OK : FORWARD_DESTINATION;
}

enum forward_refusal barrier_judge_caller(struct context *c, const struct packet *p,
                                          const struct msg *m, const struct callerid_line *line)
{
    if (!conf_domain_admits(line->domain, &p->flow.peer, line->aor))
        return FORWARD_ACCESS;
    return callerid_is_honest(c, m, line) ? FORWARD_OK : FORWARD_IDENTITY;
}

enum forward_refusal barrier_judge(struct context *c, const struct packet *p, const struct msg *m,
                                   const struct callerid_line *line)
{
    struct uri u;
    if (barrier_is_emergency(c, p, m, line->domain)) {
        stats_inc(STAT_EMERGENCY);
        return FORWARD_OK;
    }
    if (uri_parse(m->uri, &u) || u.scheme > URI_SIPS)
        return FORWARD_SCHEME;
    enum forward_refusal why = barrier_judge_caller(c, p, m, line);
    return why == FORWARD_OK ? barrier_judge_call(c, p, m, line->domain) : why;
}
