#include "ctl/urltext.h"

#include <string.h>

void urltext_add(struct buf *b, const char *text)
{
    for (; *text; text++) {
        uint8_t c = (uint8_t)*text;
        if (ascii_is_alpha(*text) || ascii_is_digit(*text) || strchr("-._~", *text)) {
            buf_add_char(b, *text);
        } else {
            buf_add_char(b, '%');
            buf_add_hex(b, &c, 1);
        }
    }
}

void urltext_add_param(struct buf *b, const char *name, const char *value)
{
    if (!value)
        return;
    buf_add_char(b, memchr(b->p, '?', b->len) ? '&' : '?');
    buf_add(b, str_of(name));
    buf_add_char(b, '=');
    urltext_add(b, value);
}

const char *urltext_path(char out[URLTEXT_MAX], const char *path, const char *last)
{
    struct buf b = buf_over(out, URLTEXT_MAX - 1);
    buf_add(&b, str_of(path));
    urltext_add(&b, last);
    out[b.len] = '\0';
    return b.has_overflown ? NULL : out;
}
