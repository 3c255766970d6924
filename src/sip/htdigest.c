#include "sip/htdigest.h"

/* ---------------------------------------------------------------- names */

static bool has_control(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return true;
    return false;
}

const char *htdigest_user_fault(struct str user)
{
    if (user.n == 0 || user.n > HTDIGEST_NAME_MAX)
        return "the user is empty or too long, expected 1 to 255 characters";
    if (str_find(user, ':'))
        return "the user has a colon, which ends it";
    if (*user.p == '#' || *user.p == ' ' || *user.p == '\t')
        return "the user begins with # or a blank, which makes the line a comment";
    return has_control(user) ? "the user has a control character" : NULL;
}

const char *htdigest_realm_fault(struct str realm)
{
    if (realm.n == 0 || realm.n > HTDIGEST_NAME_MAX)
        return "the realm is empty or too long, expected 1 to 255 characters";
    if (str_find(realm, '"') || str_find(realm, '\\'))
        return "the realm has a quote or a backslash";
    return has_control(realm) ? "the realm has a control character" : NULL;
}

/* ---------------------------------------------------------------- the line */

static const char *hash_fault(struct str ha1, enum digest_algorithm algorithm)
{
    size_t want = algorithm == DIGEST_MD5 ? 32 : 64;
    for (size_t i = 0; i < ha1.n; i++)
        if (ascii_hex(ha1.p[i]) < 0)
            return "the hash has something else than hexadecimal digits";
    if (ha1.n == want)
        return NULL;
    return algorithm == DIGEST_MD5
               ? "the hash has another length than MD5's, expected 32 hexadecimal digits"
               : "the hash has another length than its algorithm's, expected 64 hexadecimal digits";
}

/* Takes what stands behind the last colon off. */
static bool take_last(struct str *rest, struct str *last)
{
    size_t n = rest->n;
    while (n > 0 && rest->p[n - 1] != ':')
        n--;
    if (n == 0)
        return false;
    *last = str_skip(*rest, n);
    rest->n = n - 1;
    return true;
}

static bool is_hash(struct str s)
{
    return (s.n == 32 || s.n == 64) && !hash_fault(s, s.n == 32 ? DIGEST_MD5 : DIGEST_SHA_256);
}

/* From the end, because a realm may be an IPv6 address. */
static const char *split(struct str line, struct htdigest *out)
{
    static const char shape[] = "expected user:realm:hash or user:realm:hash:algorithm";
    struct str rest = line, last, before;
    const char *colon = str_find(line, ':');
    if (!colon || !take_last(&rest, &last))
        return shape;
    struct str front = rest;
    bool has_before = take_last(&front, &before);
    bool has_name = has_before && digest_answer_algorithm(last, &out->algorithm);
    if (!has_name && has_before && is_hash(before) && !is_hash(last))
        return "the algorithm is not known, expected MD5, SHA-256 or SHA-512-256";
    if (has_name)
        rest = front;
    else
        out->algorithm = DIGEST_MD5;
    if (str_end(rest) <= colon)
        return shape;
    out->user = str_span(line.p, colon);
    out->realm = str_span(colon + 1, str_end(rest));
    out->ha1 = has_name ? before : last;
    return NULL;
}

const char *htdigest_parse(struct str line, struct htdigest *out)
{
    *out = (struct htdigest){.user = STR_NONE};
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    if (str_trim(line).n == 0 || *str_trim(line).p == '#')
        return NULL;
    const char *fault = split(line, out);
    if (!fault)
        fault = htdigest_user_fault(out->user);
    if (!fault)
        fault = htdigest_realm_fault(out->realm);
    return fault ? fault : hash_fault(out->ha1, out->algorithm);
}

void htdigest_print(const struct htdigest *h, struct buf *out)
{
    buf_add(out, h->user);
    buf_add_char(out, ':');
    buf_add(out, h->realm);
    buf_add_char(out, ':');
    buf_add(out, h->ha1);
    if (h->algorithm != DIGEST_MD5) {
        buf_add_char(out, ':');
        buf_add(out, digest_answer_algorithm_name(h->algorithm));
    }
    buf_add_char(out, '\n');
}
