#include "base/logfield.h"

#include <stdbool.h>

#include "base/utf8.h"

static bool is_plain(char c)
{
    return c > ' ' && c < 0x7f && c != '%' && c != '"' && c != '\\';
}

static void add_word(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (is_plain(s.p[i])) {
            buf_add_char(out, s.p[i]);
        } else {
            buf_add_char(out, '%');
            buf_add_hex(out, &s.p[i], 1);
        }
    }
    buf_add(out, s.n == 0 ? STR("-") : STR(""));
}

void logfield_words(struct buf *out, const struct log_field *fields, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_addf(out, " %s=", fields[i].name);
        if (str_is_none(fields[i].text))
            buf_add_u64(out, fields[i].number);
        else
            add_word(out, fields[i].text);
    }
}

void logfield_json_text(struct buf *out, struct str text)
{
    bool is_utf8 = utf8_is_text(text);
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c < 0x20 || c == 0x7f || (c >= 0x80 && !is_utf8))
            buf_addf(out, "\\u%04x", c);
        else if (c == '"' || c == '\\')
            buf_addf(out, "\\%c", c);
        else
            buf_add_char(out, (char)c);
    }
}

void logfield_json(struct buf *out, const struct log_field *fields, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_addf(out, ",\"%s\":", fields[i].name);
        if (str_is_none(fields[i].text)) {
            buf_add_u64(out, fields[i].number);
            continue;
        }
        buf_add_char(out, '"');
        logfield_json_text(out, fields[i].text);
        buf_add_char(out, '"');
    }
}
