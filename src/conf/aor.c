#include "conf/aor.h"

#include "base/err.h"
#include "conf/value.h"
#include "sip/uri.h"

/* Of a URI: beyond any that a device could register. */
enum { TEXT_MAX = 1024 };

const struct conf_domain *aor_domain(const struct aor_scope *in, struct str host)
{
    char text[VALUE_HOST_MAX];
    struct str canonical;
    return value_host(host, text, &canonical) ? hosts_find(in->hosts, canonical) : NULL;
}

static bool has_scheme(struct str text)
{
    return str_has_iprefix(text, STR("sip:")) || str_has_iprefix(text, STR("sips:")) ||
           str_has_iprefix(text, STR("tel:"));
}

static int print(struct arena *a, const struct uri *u, const struct conf_domain *d, struct str *aor)
{
    char text[2 * TEXT_MAX];
    struct buf out = buf_over(text, sizeof text);
    struct uri canonical = *u;
    canonical.port = 0;
    if (u->scheme != URI_TEL)
        canonical.host = d->name;
    if (uri_to_aor(&canonical, d->is_case_sensitive, &out) || out.has_overflown)
        return ERR_PARSE;
    *aor = str_dup(a, buf_str(&out));
    return str_is_none(*aor) ? ERR_NOMEM : 0;
}

int aor_parse(const struct aor_scope *in, struct arena *a, struct str text,
              const struct conf_domain **domain, struct str *aor)
{
    char whole[TEXT_MAX];
    struct buf b = buf_over(whole, sizeof whole);
    struct uri u;
    if (!has_scheme(text))
        buf_add(&b, STR("sip:"));
    buf_add(&b, text);
    if (b.has_overflown || uri_parse(buf_str(&b), &u) || u.scheme > URI_TEL)
        return ERR_PARSE;
    *domain = u.scheme == URI_TEL ? &in->conf->domains[0] : aor_domain(in, u.host);
    return *domain ? print(a, &u, *domain, aor) : ERR_ABSENT;
}
