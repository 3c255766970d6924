#include "keys.h"

#include "text.h"

enum { SIP_PORT = 5060 };

bool keys_parse_time(struct run *r, struct str text, uint64_t *ms)
{
    bool is_good = script_parse_ms(text, ms);
    if (!is_good)
        run_fail(r, "\"%.*s\" is no time, like 500ms, 3.5s or 2m", STR_FMT(text));
    return is_good;
}

bool keys_parse_number(struct run *r, struct str text, uint32_t *n)
{
    bool is_good = str_to_u32(text, INT32_MAX, n) == 0;
    if (!is_good)
        run_fail(r, "\"%.*s\" is no number", STR_FMT(text));
    return is_good;
}

/* Optional key=TIME. */
bool keys_take_time(struct run *r, struct str key, uint64_t *ms)
{
    struct str value = script_value(r->step, key);
    return str_is_none(value) || keys_parse_time(r, value, ms);
}

bool keys_take_number(struct run *r, struct str key, uint32_t *n)
{
    struct str value = script_value(r->step, key);
    return str_is_none(value) || keys_parse_number(r, value, n);
}

bool keys_take_addr(struct run *r, struct str key, struct addr *out)
{
    struct str value = script_value(r->step, key);
    struct addr addr = {0};
    if (str_is_none(value))
        return true;
    if (addr_parse(value, SIP_PORT, &addr)) {
        run_fail(r, "\"%.*s\" is no address", STR_FMT(value));
        return false;
    }
    *out = addr;
    return true;
}

/* True: the word stands in a list with blanks between. */
static bool is_in(struct str list, struct str word)
{
    while (list.n)
        if (str_eq(text_word(list, &list), word))
            return true;
    return false;
}

/* A misspelt key must not go unnoticed. */
bool keys_are_only(struct run *r, struct str keys)
{
    for (size_t i = 0; i < r->step->n_words; i++) {
        struct str key = r->step->words[i].key;
        if (str_is_none(key) || is_in(keys, key))
            continue;
        run_fail(r, "%.*s= means nothing here", STR_FMT(key));
        return false;
    }
    return true;
}

bool keys_take_percent(struct run *r, struct str key, uint32_t *n)
{
    struct str value = script_value(r->step, key);
    if (value.n && value.p[value.n - 1] == '%')
        value.n--;
    return str_is_none(value) || keys_parse_number(r, value, n);
}
