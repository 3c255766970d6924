#include "core/redirect.h"

#include "base/err.h"
#include "sip/contact.h"

enum { Q_DEFAULT = 1000 };

bool redirect_is_to_targets(unsigned status)
{
    return status == 300 || status == 301 || status == 302;
}

/* The parameter before the header (RFC 3261 20.19); what is malformed says nothing (D14, D16). */
static int64_t expires_of(const struct contact *c, struct str header)
{
    uint32_t seconds;
    if (c->expires_s != CONTACT_NO_EXPIRES)
        return c->expires_s;
    if (str_is_none(header) || contact_expires(header, &seconds))
        return CONTACT_NO_EXPIRES;
    return seconds;
}

/* Behind those that are as good or better; where there is no room the last one goes. */
static void add(struct redirect *out, const struct redirect_contact *c)
{
    bool is_full = out->n == REDIRECT_CONTACTS_MAX;
    size_t at = out->n, end = out->n - is_full;
    out->n_cut += is_full;
    while (at > 0 && out->list[at - 1].q < c->q)
        at--;
    if (at > end)
        return;
    memmove(&out->list[at + 1], &out->list[at], (end - at) * sizeof *out->list);
    out->list[at] = *c;
    out->n = end + 1;
}

static void take(struct redirect *out, const struct contact *c, struct str header)
{
    int64_t expires_s = expires_of(c, header);
    if (c->addr.is_star || c->uri.scheme != URI_SIP)
        out->n_unusable++; /* sips: no transport here is secure (RFC 5630 3.1.3) */
    else if (expires_s == 0)
        out->n_expired++;
    else
        add(out, &(struct redirect_contact){
                     .text = c->addr.text,
                     .uri = c->uri,
                     .q = c->q == CONTACT_NO_Q ? Q_DEFAULT : c->q,
                     .left_s = expires_s == CONTACT_NO_EXPIRES ? 0 : (uint32_t)expires_s});
}

void redirect_parse(const struct msg *m, struct redirect *out)
{
    struct str header = msg_value(m, HDR_EXPIRES);
    out->n = out->n_unusable = out->n_expired = out->n_cut = 0;
    for (const struct msg_line *l = msg_first(m, HDR_CONTACT); l; l = msg_next(m, l)) {
        struct str rest = l->value;
        struct contact c;
        int got;
        while ((got = contact_next(&rest, &c)) == 1)
            take(out, &c, header);
        out->n_unusable += got == ERR_PARSE;
    }
}
