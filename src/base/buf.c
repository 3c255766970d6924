#include "base/buf.h"

#include <stdio.h>

#include "base/arena.h"

struct buf buf_in(struct arena *a, size_t n)
{
    char *p = arena_alloc(a, n);
    return (struct buf){.p = p, .cap = p ? n : 0, .has_overflown = !p};
}

void buf_add_u64(struct buf *b, uint64_t v)
{
    char digits[20];
    if (v < 10) {
        buf_add_char(b, (char)('0' + v));
        return;
    }
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    if (sizeof digits - at > b->cap - b->len) {
        b->has_overflown = true;
        b->cap = b->len;
        return;
    }
    while (at < sizeof digits) /* few: a call to copy them would cost more */
        b->p[b->len++] = digits[at++];
}

void buf_add_digits(struct buf *b, uint32_t v, unsigned width)
{
    char digits[10];
    unsigned n = width < sizeof digits ? width : sizeof digits;
    for (size_t at = sizeof digits; at-- > sizeof digits - n; v /= 10)
        digits[at] = (char)('0' + v % 10);
    buf_add(b, (struct str){digits + sizeof digits - n, n});
}

void buf_add_hex(struct buf *b, const void *bytes, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    const uint8_t *in = bytes;
    if (n > (b->cap - b->len) / 2) {
        b->has_overflown = true;
        b->cap = b->len;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        b->p[b->len++] = hex[in[i] >> 4];
        b->p[b->len++] = hex[in[i] & 15];
    }
}

void buf_addv(struct buf *b, const char *fmt, va_list ap)
{
    char text[2048];
    int n = vsnprintf(text, sizeof text, fmt, ap);
    if (n < 0 || (size_t)n >= sizeof text) {
        b->has_overflown = true;
        b->cap = b->len;
        return;
    }
    buf_add(b, (struct str){text, (size_t)n});
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_addv(b, fmt, ap);
    va_end(ap);
}
