#include "base/str.h"

#include "base/arena.h"
#include "base/err.h"

int ascii_hex(char c)
{
    if (ascii_is_digit(c))
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Eight characters at once: the highest bit of each byte says what it is. */
static uint64_t lower_word(uint64_t word)
{
    const uint64_t each = 0x0101010101010101;
    const uint64_t low = word & 0x7f * each;
    const uint64_t beyond_z = low + (0x7f - 'Z') * each, from_a = low + (0x80 - 'A') * each;
    return word | (~word & (beyond_z ^ from_a) & 0x80 * each) >> 2;
}

void str_lower(char *p, size_t n)
{
    uint64_t word;
    for (; n >= sizeof word; n -= sizeof word, p += sizeof word) {
        memcpy(&word, p, sizeof word);
        word = lower_word(word);
        memcpy(p, &word, sizeof word);
    }
    for (; n; n--, p++)
        *p = ascii_lower(*p);
}

bool str_has_prefix(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_eq((struct str){s.p, prefix.n}, prefix);
}

bool str_has_iprefix(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_ieq((struct str){s.p, prefix.n}, prefix);
}

int str_cmp(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    if (order)
        return order;
    return a.n < b.n ? -1 : a.n > b.n;
}

int str_to_u64(struct str s, uint64_t max, uint64_t *out)
{
    size_t i = 0;
    enum { SAFE = 19 }; /* so many digits never overflow */
    if (s.n == 0)
        return ERR_PARSE;
    uint64_t v = 0;
    bool is_over = false;
    for (; i < s.n && i < SAFE; i++) {
        unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';
        if (digit > 9)
            return ERR_PARSE;
        v = v * 10 + digit;
    }
    for (; i < s.n; i++) {
        if (!ascii_is_digit(s.p[i]))
            return ERR_PARSE;
        uint64_t digit = (uint64_t)(s.p[i] - '0');
        is_over = is_over || v > (UINT64_MAX - digit) / 10;
        v = v * 10 + digit;
    }
    is_over = is_over || v > max;
    *out = is_over ? max : v;
    return is_over ? ERR_TOOBIG : 0;
}

int str_to_u32(struct str s, uint32_t max, uint32_t *out)
{
    uint64_t v = 0;
    int err = str_to_u64(s, max, &v);
    if (err != ERR_PARSE)
        *out = (uint32_t)v;
    return err;
}

struct str str_dup(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n);
    if (!p)
        return STR_NONE;
    if (s.n)
        memcpy(p, s.p, s.n);
    return (struct str){p, s.n};
}

char *str_dup_z(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    if (!p)
        return NULL;
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}
