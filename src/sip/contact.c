#include "sip/contact.h"

#include "base/err.h"
#include "sip/lex.h"
#include "sip/param.h"

enum { Q_ONE = 1000, Q_DECIMALS = 3 };

#define REG_ID_MAX 0x7fffffffU

/* What stands between the quotes; none where there are none. */
static struct str inside_quotes(struct str value)
{
    if (value.n < 2 || *value.p != '"')
        return STR_NONE;
    return (struct str){value.p + 1, value.n - 2};
}

int contact_expires(struct str value, uint32_t *out)
{
    return str_to_u32(str_trim(value), UINT32_MAX, out) == ERR_PARSE ? ERR_PARSE : 0;
}

/* Some registrars quote the number (D48). */
static int64_t expires_of(struct str value)
{
    struct str quoted = inside_quotes(value);
    uint32_t seconds;
    if (contact_expires(str_is_none(quoted) ? value : quoted, &seconds))
        return CONTACT_NO_EXPIRES;
    return seconds;
}

/* qvalue = ("0" ["." 0*3DIGIT]) / ("1" ["." 0*3("0")]) */
static int q_of(struct str value, int *out)
{
    if (value.n == 0 || (*value.p != '0' && *value.p != '1') || value.n > 2 + Q_DECIMALS)
        return ERR_PARSE;
    if (value.n > 1 && value.p[1] != '.')
        return ERR_PARSE;
    int q = *value.p == '1' ? Q_ONE : 0;
    int weight = Q_ONE / 10;
    for (size_t i = 2; i < value.n; i++, weight /= 10) {
        if (!ascii_is_digit(value.p[i]))
            return ERR_PARSE;
        q += weight * (value.p[i] - '0');
    }
    *out = q;
    return q > Q_ONE ? ERR_PARSE : 0;
}

static struct str instance_of(struct str value)
{
    struct str inside = inside_quotes(value);
    bool is_urn = inside.n > 2 && inside.p[0] == '<' && inside.p[inside.n - 1] == '>';
    return is_urn ? inside : STR_NONE;
}

static uint32_t reg_id_of(struct str value)
{
    uint32_t id = 0;
    return str_to_u32(value, REG_ID_MAX, &id) == 0 ? id : 0;
}

/* Where a parameter stands twice the first counts. */
static int read_params(struct contact *c)
{
    if (str_is_none(c->addr.params))
        return 0;
    struct str expires = STR_NONE, q = STR_NONE, instance = STR_NONE, reg_id = STR_NONE;
    const struct {
        struct str name;
        struct str *value;
    } known[] = {{STR("expires"), &expires},
                 {STR("q"), &q},
                 {STR("+sip.instance"), &instance},
                 {STR("reg-id"), &reg_id}};
    struct str rest = c->addr.params;
    struct param p;
    while (param_next(&rest, &p) == 1)
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            if (str_ieq(p.name, known[i].name) && str_is_none(*known[i].value))
                *known[i].value = str_is_none(p.value) ? STR("") : p.value;
    c->expires_s = expires_of(expires);
    c->instance = instance_of(instance);
    c->reg_id = str_is_none(c->instance) ? 0 : reg_id_of(reg_id);
    return str_is_none(q) ? 0 : q_of(q, &c->q);
}

int contact_next(struct str *rest, struct contact *out)
{
    *out = (struct contact){.expires_s = CONTACT_NO_EXPIRES, .q = CONTACT_NO_Q};
    int got = nameaddr_next(rest, &out->addr);
    if (got != 1 || out->addr.is_star)
        return got;
    if (uri_parse(out->addr.uri, &out->uri) || read_params(out))
        return ERR_PARSE;
    return 1;
}
