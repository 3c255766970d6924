/* Bounded builder with a sticky error: append without checking, ask once at the end. What does
 * not fit sets has_overflown and nothing more is written. The bytes belong to whoever gave them.
 * One thread at a time. */
#ifndef BW_BASE_BUF_H
#define BW_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct buf {
    char *p;
    size_t cap, len;
    bool has_overflown;
};

static inline struct buf buf_over(char *bytes, size_t cap)
{
    return (struct buf){.p = bytes, .cap = cap};
}

/* A builder over n bytes of the arena; has_overflown at once when it is exhausted. */
struct buf buf_in(struct arena *a, size_t n);

static inline struct str buf_str(const struct buf *b)
{
    return (struct str){b->p, b->len};
}

static inline void buf_add(struct buf *b, struct str s)
{
    if (s.n > b->cap - b->len) {
        b->has_overflown = true;
        b->cap = b->len;
        return;
    }
    if (s.n)
        memcpy(b->p + b->len, s.p, s.n);
    b->len += s.n;
}

static inline void buf_add_char(struct buf *b, char c)
{
    if (b->len == b->cap) {
        b->has_overflown = true;
        return;
    }
    b->p[b->len++] = c;
}

/* Decimal, no padding. */
void buf_add_u64(struct buf *b, uint64_t v);

/* The last digits, as many as the width says, at most 10; zeros in front. */
void buf_add_digits(struct buf *b, uint32_t v, unsigned width);

/* Lower-case hexadecimal, two digits a byte. */
void buf_add_hex(struct buf *b, const void *bytes, size_t n);

/* Bounded printf, for paths where speed does not matter. */
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_addv(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

#endif
