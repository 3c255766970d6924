/* Slices: a pointer and a length into bytes that somebody else owns. Never NUL-terminated, never
 * freed. An absent value is {NULL, 0}; an empty one has p != NULL. Any thread. */
#ifndef BW_BASE_STR_H
#define BW_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct arena;

struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_NONE     ((struct str){NULL, 0})
/* For printf's "%.*s". */
#define STR_FMT(s) (int)(s).n, (s).n ? (s).p : ""

static inline struct str str_of(const char *z)
{
    return (struct str){z, z ? strlen(z) : 0};
}

static inline struct str str_span(const char *from, const char *to)
{
    return (struct str){from, (size_t)(to - from)};
}

static inline bool str_is_none(struct str s)
{
    return s.p == NULL;
}

static inline const char *str_end(struct str s)
{
    return s.p + s.n;
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static inline bool ascii_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool ascii_is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The value of a hexadecimal digit, -1 for anything else. */
int ascii_hex(char c);

/* Two characters are the same but for the case of an ASCII letter. */
static inline bool ascii_is_same(char a, char b)
{
    unsigned differ = (unsigned char)(a ^ b);
    return differ == 0 || (differ == 0x20 && ascii_is_alpha(a));
}

/* Equal without regard to ASCII case. What differs mostly does so at once. */
static inline bool str_ieq(struct str a, struct str b)
{
    if (a.n != b.n || (a.n && !ascii_is_same(*a.p, *b.p)))
        return false;
    for (size_t i = 1; i < a.n; i++)
        if (a.p[i] != b.p[i] && !ascii_is_same(a.p[i], b.p[i]))
            return false;
    return true;
}

/* In place, ASCII letters. */
void str_lower(char *p, size_t n);

bool str_has_prefix(struct str s, struct str prefix);
bool str_has_iprefix(struct str s, struct str prefix);

/* Order as memcmp, a shorter prefix first. */
int str_cmp(struct str a, struct str b);

/* Where c stands in s, or NULL. */
static inline const char *str_find(struct str s, char c)
{
    return s.n ? memchr(s.p, c, s.n) : NULL;
}

static inline bool ascii_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Without leading and trailing blanks, tabs, CR and LF (folded white space included). */
static inline struct str str_trim(struct str s)
{
    while (s.n && ascii_is_space(s.p[s.n - 1]))
        s.n--;
    while (s.n && ascii_is_space(*s.p)) {
        s.p++;
        s.n--;
    }
    return s;
}

/* s from offset n on; n beyond the end gives an empty slice. */
static inline struct str str_skip(struct str s, size_t n)
{
    if (n > s.n)
        n = s.n;
    return n ? (struct str){s.p + n, s.n - n} : s; /* nothing is added to a NULL, not even 0 */
}

/* Decimal digits only, at least one, whole slice; 0 on success. ERR_PARSE: not a number;
 * ERR_TOOBIG: more than max (then *out is max). Leading zeros are fine (D14). */
int str_to_u64(struct str s, uint64_t max, uint64_t *out);
int str_to_u32(struct str s, uint32_t max, uint32_t *out);

/* A copy in the arena; STR_NONE when the arena is exhausted. */
struct str str_dup(struct arena *a, struct str s);

/* A NUL-terminated copy in the arena, NULL when exhausted. */
char *str_dup_z(struct arena *a, struct str s);

#endif
