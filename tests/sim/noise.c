#include "noise.h"

#include "base/buf.h"

enum { CHANGES_MAX = 4, PIECE_MAX = 24 };

/* What parsers stumble over. */
static const char specials[] = "\r\n\t ;,:=<>\"\\@%()[]{}/?&0\xff\x80\x00zZ-9";

static char special(struct dice *d)
{
    return specials[dice_below(d, sizeof specials - 1)];
}

/* One change: out is room enough for the message and a piece more. */
static void spoil_once(struct dice *d, struct str in, struct buf *out)
{
    size_t at = dice_below(d, (uint32_t)in.n);
    size_t piece = 1 + dice_below(d, PIECE_MAX);
    if (piece > in.n - at)
        piece = in.n - at;
    struct str before = {in.p, at}, middle = {in.p + at, piece}, after = str_skip(in, at + piece);
    uint32_t how = dice_below(d, 5);
    buf_add(out, before);
    if (how == 0) /* doubled */
        buf_add(out, middle);
    if (how == 1) /* put in */
        buf_add_char(out, special(d));
    if (how == 2) { /* changed */
        buf_add_char(out, special(d));
        middle = str_skip(middle, 1);
    }
    if (how != 3) /* else left out */
        buf_add(out, middle);
    if (how != 4 || dice_below(d, 10)) /* else cut off */
        buf_add(out, after);
}

struct str noise_spoil(struct arena *a, struct dice *d, struct str message)
{
    for (uint32_t i = 1 + dice_below(d, CHANGES_MAX); i && message.n; i--) {
        struct buf out = buf_in(a, message.n + PIECE_MAX);
        spoil_once(d, message, &out);
        message = buf_str(&out);
    }
    return message;
}
