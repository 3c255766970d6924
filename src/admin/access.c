#include "admin/access.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/addr.h"
#include "base/err.h"

enum { BASIC_MAX = 2048 }; /* of the encoded name and password */

static bool is_read_only(struct str method)
{
    return str_eq(method, STR("GET")) || str_eq(method, STR("HEAD"));
}

static bool is_secret_equal(struct str given, struct str token)
{
    return given.n == token.n && CRYPTO_memcmp(given.p, token.p, token.n) == 0;
}

static bool is_password(struct str basic, struct str token)
{
    char plain[BASIC_MAX / 4 * 3];
    if (basic.n == 0 || basic.n > BASIC_MAX || basic.n % 4 != 0)
        return false;
    int n = EVP_DecodeBlock((unsigned char *)plain, (const unsigned char *)basic.p, (int)basic.n);
    if (n < 0)
        return false;
    struct str text = {plain, (size_t)n};
    for (size_t pad = 1; pad <= 2 && basic.p[basic.n - pad] == '='; pad++)
        text.n--; /* decoded as a NUL byte */
    const char *colon = str_find(text, ':');
    bool is_right = colon && is_secret_equal(str_span(colon + 1, str_end(text)), token);
    OPENSSL_cleanse(plain, sizeof plain);
    return is_right;
}

/* RFC 6750 2.1, RFC 7617. */
static bool has_token(struct str authorization, struct str token)
{
    if (str_has_iprefix(authorization, STR("Bearer ")))
        return is_secret_equal(str_trim(str_skip(authorization, 7)), token);
    if (str_has_iprefix(authorization, STR("Basic ")))
        return is_password(str_trim(str_skip(authorization, 6)), token);
    return false;
}

static bool is_loopback_name(struct str host)
{
    static const uint8_t one[16] = {[15] = 1};
    struct addr a;
    if (addr_parse(host, 80, &a) == 0)
        return a.family == 4 ? a.ip[0] == 127 : memcmp(a.ip, one, sizeof one) == 0;
    const char *colon = str_find(host, ':');
    return str_ieq(colon ? str_span(host.p, colon) : host, STR("localhost"));
}

/* A browser says in Origin whose page sends what is not a GET; Basic credentials it would add by
 * itself. */
static bool is_cross_site(const struct access_request *q)
{
    if (str_is_none(q->origin))
        return false;
    const char *slashes = str_find(q->origin, '/');
    struct str site = slashes ? str_skip(str_span(slashes, str_end(q->origin)), 2) : STR_NONE;
    return site.n == 0 || !str_ieq(site, q->host);
}

/* Without a body, but not without a cost: of traces only so many run at a time. */
static bool is_costly(struct str path)
{
    return str_eq(path, STR("/api/v1/trace")) || str_eq(path, STR("/api/v1/export"));
}

/* A browser says whose page asks (Sec-Fetch-Site), but over plain HTTP only to a loopback address.
 * One that does not say it could be made to ask by anybody, where it adds Basic credentials by
 * itself; no page can make it add a Bearer token, or leave its name out. */
static bool is_made_to_ask(const struct access_request *q)
{
    if (!str_is_none(q->fetch_site))
        return !str_ieq(q->fetch_site, STR("same-origin")) && !str_ieq(q->fetch_site, STR("none"));
    return str_has_iprefix(q->authorization, STR("Basic ")) &&
           str_has_iprefix(q->user_agent, STR("Mozilla/"));
}

static bool is_foreign(const struct access_request *q)
{
    if (is_costly(q->path))
        return is_cross_site(q) || is_made_to_ask(q);
    return !is_read_only(q->method) && is_cross_site(q);
}

enum access_verdict access_decide(struct str token, const struct access_request *q)
{
    if (str_is_none(token)) {
        if (!is_loopback_name(q->host))
            return ACCESS_FOREIGN_HOST;
        if (is_costly(q->path))
            return ACCESS_TOKEN_ONLY;
        return is_read_only(q->method) ? ACCESS_GRANTED : ACCESS_READ_ONLY;
    }
    if (!has_token(q->authorization, token))
        return ACCESS_NO_TOKEN;
    return is_foreign(q) ? ACCESS_CROSS_SITE : ACCESS_GRANTED;
}
