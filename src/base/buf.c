#include "base/buf.h"

#include <endian.h>
#include <stdio.h>

#include "base/arena.h"

struct buf buf_in(struct arena *a, size_t n)
{
    char *p = arena_alloc(a, n);
    return (struct buf){.p = p, .cap = p ? n : 0, .has_overflown = !p};
}

static unsigned n_digits(uint64_t v)
{
    unsigned n = 1;
    for (; v >= 1000; v /= 1000)
        n += 3;
    return n + (v >= 10) + (v >= 100);
}

/* So many digits up to p, from the last one on. */
static void print_digits(char *p, uint64_t v)
{
    for (; v > UINT32_MAX; v /= 10)
        *--p = (char)('0' + v % 10);
    uint32_t rest = (uint32_t)v; /* whose division is cheaper */
    for (; rest >= 10; rest /= 10)
        *--p = (char)('0' + rest % 10);
    *--p = (char)('0' + rest);
}

void buf_add_u64(struct buf *b, uint64_t v)
{
    const unsigned n = n_digits(v);
    if (n > b->cap - b->len) {
        b->has_overflown = true;
        b->cap = b->len;
        return;
    }
    b->len += n;
    print_digits(b->p + b->len, v);
}

void buf_add_digits(struct buf *b, uint32_t v, unsigned width)
{
    char digits[10];
    unsigned n = width < sizeof digits ? width : sizeof digits;
    for (size_t at = sizeof digits; at-- > sizeof digits - n; v /= 10)
        digits[at] = (char)('0' + v % 10);
    buf_add(b, (struct str){digits + sizeof digits - n, n});
}

/* Eight digits at once: a nibble for each byte, the first on top; those above 9 are 39 further on.
 */
static void put_hex8(char *out, const uint8_t *in)
{
    uint64_t x = (uint64_t)in[0] << 24 | (uint64_t)in[1] << 16 | (uint64_t)in[2] << 8 | in[3];
    x = (x | x << 16) & 0x0000ffff0000ffff;
    x = (x | x << 8) & 0x00ff00ff00ff00ff;
    x = (x | x << 4) & 0x0f0f0f0f0f0f0f0f;
    x += 0x3030303030303030 + ((x + 0x0606060606060606) >> 4 & 0x0101010101010101) * 39;
    x = htobe64(x);
    memcpy(out, &x, sizeof x);
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
    char *out = b->p + b->len;
    b->len += 2 * n;
    for (; n >= 4; n -= 4, in += 4, out += 8)
        put_hex8(out, in);
    for (; n; n--, in++, out += 2) {
        out[0] = hex[*in >> 4];
        out[1] = hex[*in & 15];
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
