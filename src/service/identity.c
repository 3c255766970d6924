#include "service/identity.h"

#include "base/stats.h"
#include "sip/nameaddr.h"
#include "sip/param.h"

struct identity identity_of_answers(const struct identity *request)
{
    return (struct identity){.is_from_phone = request->is_to_phone,
                             .is_to_phone = request->is_from_phone};
}

static bool is_id(struct str word)
{
    return str_ieq(str_trim(word), STR("id"));
}

/* RFC 3325 9.3. Semicolons separate the words; some write commas. */
static bool is_id_in(struct str value)
{
    const char *start = value.p;
    for (const char *at = value.p; at < str_end(value); at++) {
        if (*at != ';' && *at != ',')
            continue;
        if (is_id(str_span(start, at)))
            return true;
        start = at + 1;
    }
    return is_id(str_span(start, str_end(value)));
}

/* What came before RFC 3325, and is still sent: the header's own parameter, "full" or
 * "full-network". */
static bool is_full_in(struct str value)
{
    struct nameaddr party;
    struct param privacy;
    while (nameaddr_next(&value, &party) == 1)
        if (param_find(party.params, STR("privacy"), &privacy) &&
            str_has_iprefix(privacy.value, STR("full")))
            return true;
    return false;
}

static bool is_private(const struct msg *m)
{
    for (const struct msg_line *l = msg_first(m, HDR_PRIVACY); l; l = msg_next(m, l))
        if (is_id_in(l->value))
            return true;
    for (const struct msg_line *l = msg_first(m, HDR_REMOTE_PARTY_ID); l; l = msg_next(m, l))
        if (is_full_in(l->value))
            return true;
    return false;
}

static bool remove_all(struct build *b)
{
    static const enum hdr_id names[] = {HDR_P_ASSERTED_IDENTITY, HDR_P_PREFERRED_IDENTITY,
                                        HDR_REMOTE_PARTY_ID};
    bool is_any = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        is_any = is_any || msg_first(b->msg, names[i]);
        build_remove_all(b, names[i]);
    }
    return is_any;
}

void identity_edit(struct build *b, const struct identity *way)
{
    bool is_hidden = way->is_to_phone && is_private(b->msg);
    if (!way->is_from_phone && !is_hidden)
        return;
    if (remove_all(b))
        stats_inc(way->is_from_phone ? STAT_IDENTITY_UNPROVEN : STAT_IDENTITY_HIDDEN);
    if (!is_hidden && !str_is_none(way->asserted)) {
        build_replace(b, (struct str){b->msg->end_of_headers, 0}, way->asserted);
        stats_inc(STAT_IDENTITY_ASSERTED);
    }
}
