#include "sim/json.h"

static void add_escaped(struct buf *out, unsigned char c)
{
    buf_add(out, STR("\\u00"));
    buf_add_hex(out, &c, 1);
}

/* The length of the UTF-8 sequence of more than one byte that s begins with; 0: none. */
static size_t sequence_len(struct str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || s.n < n)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    /* Overlong forms, surrogates, and what is beyond U+10FFFF. */
    bool is_bad = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
                  (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f);
    return is_bad ? 0 : n;
}

static void add_quoted(struct buf *out, struct str s)
{
    buf_add_char(out, '"');
    while (s.n) {
        const unsigned char c = (unsigned char)*s.p;
        size_t n = c < 0x80 ? 1 : sequence_len(s);
        if (c < 0x20 || c == 0x7f || n == 0) {
            add_escaped(out, c);
            n = 1;
        } else {
            if (c == '"' || c == '\\')
                buf_add_char(out, '\\');
            buf_add(out, (struct str){s.p, n});
        }
        s = str_skip(s, n);
    }
    buf_add_char(out, '"');
}

static void begin(struct json *j, const char *name)
{
    if (j->needs_comma)
        buf_add_char(j->out, ',');
    j->needs_comma = true;
    if (!name)
        return;
    add_quoted(j->out, str_of(name));
    buf_add_char(j->out, ':');
}

void json_open(struct json *j, const char *name, char bracket)
{
    begin(j, name);
    buf_add_char(j->out, bracket);
    j->needs_comma = false;
}

void json_close(struct json *j, char bracket)
{
    buf_add_char(j->out, bracket);
    j->needs_comma = true;
}

void json_add_str(struct json *j, const char *name, struct str value)
{
    begin(j, name);
    add_quoted(j->out, value);
}

void json_add_u64(struct json *j, const char *name, uint64_t value)
{
    begin(j, name);
    buf_add_u64(j->out, value);
}

void json_add_bool(struct json *j, const char *name, bool value)
{
    begin(j, name);
    buf_add(j->out, value ? STR("true") : STR("false"));
}

void json_add_milli(struct json *j, const char *name, uint64_t value)
{
    const unsigned rest = (unsigned)(value % 1000);
    const char digits[4] = {'.', (char)('0' + rest / 100), (char)('0' + rest / 10 % 10),
                            (char)('0' + rest % 10)};
    begin(j, name);
    buf_add_u64(j->out, value / 1000);
    buf_add(j->out, (struct str){digits, sizeof digits});
}
