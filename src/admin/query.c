#include "admin/query.h"

struct str query_find(const struct query *q, struct str name)
{
    for (size_t i = 0; q && i < q->n; i++)
        if (str_eq(q->params[i].name, name))
            return q->params[i].value;
    return STR_NONE;
}

static bool is_known(struct str name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(name, str_of(names[i])))
            return true;
    return false;
}

static bool is_twice(const struct query *q, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (str_eq(q->params[i].name, q->params[at].name))
            return true;
    return false;
}

bool query_is_of(const struct query *q, const char *const *names, size_t n)
{
    if (q && q->has_more)
        return false;
    for (size_t i = 0; q && i < q->n; i++) {
        const struct query_param *p = &q->params[i];
        if (str_is_none(p->value) || !is_known(p->name, names, n) || is_twice(q, i))
            return false;
    }
    return true;
}

bool query_u32(const struct query *q, struct str name, uint32_t least, uint32_t most, uint32_t *out)
{
    struct str text = query_find(q, name);
    uint32_t n = 0;
    if (str_is_none(text))
        return true;
    if (str_to_u32(text, most, &n) || n < least)
        return false;
    *out = n;
    return true;
}
