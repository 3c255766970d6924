#include "base/utf8.h"

enum { TAIL_LOW = 0x80, TAIL_HIGH = 0xbf };

/* RFC 3629 4: what may follow a first byte; nothing overlong, no surrogates, nothing beyond
 * U+10FFFF. */
static bool begin(struct utf8 *u, uint8_t c)
{
    if (c < 0x80)
        return true;
    if (c < 0xc2 || c > 0xf4)
        return false;
    u->n_left = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
    u->low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : TAIL_LOW;
    u->high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : TAIL_HIGH;
    return true;
}

bool utf8_step(struct utf8 *u, struct str piece)
{
    for (size_t i = 0; i < piece.n; i++) {
        uint8_t c = (uint8_t)piece.p[i];
        if (u->n_left == 0) {
            if (!begin(u, c))
                return false;
            continue;
        }
        if (c < u->low || c > u->high)
            return false;
        u->n_left--;
        u->low = TAIL_LOW;
        u->high = TAIL_HIGH;
    }
    return true;
}

bool utf8_is_text(struct str s)
{
    struct utf8 u = {0};
    return utf8_step(&u, s) && utf8_is_whole(&u);
}
