#include "service/bulk.h"

#include "sip/uri.h"

static bool is_bulk(const struct uri *u)
{
    struct str ignored;
    return uri_param(u, STR("bnc"), &ignored);
}

/* Without the option tag bnc is a URI parameter like any other (RFC 6140 5.2). */
enum reason bulk_judge(bool is_asked, struct register_view *v)
{
    struct uri u;
    size_t n = 0;
    if (!is_asked)
        return REASON_MAX;
    for (size_t i = 0; i < v->n_contacts; i++) {
        if (uri_parse(v->contacts[i].uri, &u) || !is_bulk(&u))
            continue;
        if (!str_is_none(u.user))
            return REASON_BAD_CONTACT;
        n++;
    }
    v->is_bulk = n > 0;
    return n == 0 || n == v->n_contacts ? REASON_MAX : REASON_BAD_CONTACT;
}

struct str bulk_uri(struct context *c, struct str contact, struct str called)
{
    struct uri to, number;
    if (uri_parse(contact, &to) || !is_bulk(&to) || !str_is_none(to.user) ||
        uri_parse(called, &number))
        return STR_NONE;
    struct buf bare = buf_in(&c->scratch, contact.n);
    uri_print_bare(&to, STR("bnc"), &bare);
    if (bare.has_overflown)
        return STR_NONE;
    const size_t scheme = to.name.n + 1;
    struct buf out = buf_in(&c->scratch, contact.n + number.user.n + 1);
    buf_add(&out, (struct str){bare.p, scheme});
    if (!str_is_none(number.user)) {
        buf_add(&out, number.user);
        buf_add_char(&out, '@');
    }
    buf_add(&out, str_skip(buf_str(&bare), scheme));
    return out.has_overflown ? STR_NONE : buf_str(&out);
}
