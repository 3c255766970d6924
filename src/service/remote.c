#include "service/remote.h"

#include "core/number.h"
#include "sip/nameaddr.h"
#include "sip/param.h"

enum { WORD_MAX = 256 }; /* the parser takes no host that is longer */

/* Escapes resolved; of what is longer all beyond is hashed as it stands. */
static uint64_t hash_plain(const struct hash_key *key, struct str s, bool is_case_kept)
{
    char text[WORD_MAX];
    size_t n = 0;
    for (; n < sizeof text && s.n; n++) {
        char c = number_take_char(&s);
        text[n] = is_case_kept ? c : ascii_lower(c);
    }
    const uint64_t parts[] = {hash_bytes(key, text, n), hash_str(key, s)};
    return hash_bytes(key, parts, sizeof parts);
}

static uint64_t hash_word(const struct hash_key *key, struct str s)
{
    return str_is_none(s) ? 0 : hash_plain(key, s, false);
}

static uint64_t hash_user(const struct hash_key *key, struct str s)
{
    return str_is_none(s) ? 0 : hash_plain(key, s, true);
}

/* A sum, for any order. */
static uint64_t hash_params(const struct hash_key *key, struct str params)
{
    uint64_t sum = 0;
    struct param p;
    while (!str_is_none(params) && param_next(&params, &p) == 1) {
        const uint64_t parts[] = {hash_word(key, p.name), hash_word(key, p.value)};
        sum += hash_bytes(key, parts, sizeof parts);
    }
    return str_is_none(params) ? sum : sum + hash_str(key, params); /* what nobody can read */
}

static uint64_t hash_place(const struct hash_key *key, const struct uri *u)
{
    const uint64_t parts[] = {hash_word(key, u->host), u->port, hash_params(key, u->params)};
    return hash_bytes(key, parts, sizeof parts);
}

uint64_t remote_target(const struct hash_key *key, const struct uri *u)
{
    const uint64_t parts[] = {hash_place(key, u), u->scheme, hash_user(key, u->user),
                              hash_user(key, u->password), hash_user(key, u->rest)};
    return hash_bytes(key, parts, sizeof parts) | 1;
}

uint32_t remote_name(const struct hash_key *key, struct str uri)
{
    struct uri u;
    if (uri_parse(uri, &u) || str_is_none(u.host))
        return (uint32_t)hash_str(key, uri);
    const uint64_t parts[] = {hash_user(key, u.user), hash_word(key, u.host)};
    return (uint32_t)hash_bytes(key, parts, sizeof parts);
}

bool remote_contact(const struct msg *m, struct uri *out)
{
    struct nameaddr contact;
    return nameaddr_parse(msg_value(m, HDR_CONTACT), &contact) == 0 && !contact.is_star &&
           uri_parse(contact.uri, out) == 0;
}
