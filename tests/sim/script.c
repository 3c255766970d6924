#include "script.h"

#include <stdio.h>

#include "base/buf.h"

enum { FILE_MAX = 1 << 20, ARENA_LIMIT = 64 << 20, STEPS_MAX = 4000 };

struct reader {
    struct script *script;
    struct str rest;
    unsigned line;
    bool has_failed;
};

static void complain(struct reader *r, const char *what)
{
    if (!r->has_failed)
        fprintf(stderr, "%s:%u: %s\n", r->script->path, r->line, what);
    r->has_failed = true;
}

static bool next_line(struct reader *r, struct str *line)
{
    if (r->rest.n == 0)
        return false;
    const char *end = str_find(r->rest, '\n');
    *line = str_span(r->rest.p, end ? end : str_end(r->rest));
    r->rest = str_skip(r->rest, line->n + 1);
    r->line++;
    return true;
}

/* ---------------------------------------------------------------- words */

static char unescape(struct reader *r, const char **at, const char *end)
{
    if (*at == end) {
        complain(r, "a backslash ends the line");
        return '\0';
    }
    char c = *(*at)++;
    switch (c) {
    case 'r':
        return '\r';
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'x':
        if (end - *at < 2 || ascii_hex((*at)[0]) < 0 || ascii_hex((*at)[1]) < 0) {
            complain(r, "\\x wants two hexadecimal digits");
            return '\0';
        }
        *at += 2;
        return (char)(ascii_hex((*at)[-2]) * 16 + ascii_hex((*at)[-1]));
    default:
        return c;
    }
}

/* One word from *at on: quotes group, and are left out. */
static struct str read_word(struct reader *r, const char **at, const char *end)
{
    struct buf out = buf_in(&r->script->arena, (size_t)(end - *at));
    bool is_quoted = false;
    while (*at < end && (is_quoted || **at != ' ')) {
        char c = *(*at)++;
        if (c == '"')
            is_quoted = !is_quoted;
        else
            buf_add_char(&out, c == '\\' && is_quoted ? unescape(r, at, end) : c);
    }
    if (is_quoted)
        complain(r, "a quote is not closed");
    return buf_str(&out);
}

static bool is_key(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_is_alpha(s.p[i]) && !ascii_is_digit(s.p[i]) && s.p[i] != '-')
            return false;
    return s.n > 0;
}

static struct word split_word(struct str text)
{
    const char *equals = str_find(text, '=');
    struct str key = equals ? str_span(text.p, equals) : STR_NONE;
    if (!is_key(key))
        return (struct word){STR_NONE, text};
    return (struct word){key, str_span(equals + 1, str_end(text))};
}

static void read_words(struct reader *r, struct step *s)
{
    const char *at = s->text.p, *end = str_end(s->text);
    while (at < end && !r->has_failed) {
        if (*at == ' ') {
            at++;
            continue;
        }
        if (*at == '#')
            return;
        if (s->n_words == SCRIPT_WORDS) {
            complain(r, "too many words");
            return;
        }
        s->words[s->n_words++] = split_word(read_word(r, &at, end));
    }
}

/* ---------------------------------------------------------------- blocks */

static void read_block(struct reader *r, struct step *s, struct str end, struct str line_end)
{
    struct buf out = buf_in(&r->script->arena, r->rest.n * 2 + 2);
    struct str line;
    while (next_line(r, &line)) {
        if (str_eq(str_trim(line), end)) {
            s->block = buf_str(&out);
            return;
        }
        buf_add(&out, line);
        buf_add(&out, line_end);
    }
    complain(r, "a block is not closed");
}

/* The last word may open a block. */
static void read_block_of(struct reader *r, struct step *s)
{
    struct word last = s->words[s->n_words - 1];
    if (!str_is_none(last.key) || last.value.n == 0)
        return;
    bool is_brace = str_eq(last.value, STR("{"));
    bool is_here = str_has_prefix(last.value, STR("<<"));
    if (is_brace)
        read_block(r, s, STR("}"), STR("\n"));
    else if (is_here)
        read_block(r, s, str_skip(last.value, 2), STR("\r\n"));
    s->n_words -= is_brace || is_here;
}

/* ---------------------------------------------------------------- the file */

static bool read_file(struct reader *r)
{
    FILE *f = fopen(r->script->path, "rb");
    char *bytes = arena_alloc(&r->script->arena, FILE_MAX);
    size_t n = f && bytes ? fread(bytes, 1, FILE_MAX, f) : 0;
    bool is_good = f && bytes && n < FILE_MAX && !ferror(f);
    if (f)
        (void)fclose(f);
    r->rest = (struct str){bytes, n};
    if (!is_good)
        complain(r, "cannot be read");
    return is_good;
}

static void read_steps(struct reader *r)
{
    struct script *script = r->script;
    struct str line;
    while (!r->has_failed && next_line(r, &line)) {
        if (script->n_steps == STEPS_MAX) {
            complain(r, "too many steps");
            return;
        }
        struct step *s = &script->steps[script->n_steps];
        *s = (struct step){.line = r->line, .text = str_trim(line)};
        read_words(r, s);
        if (s->n_words == 0)
            continue;
        read_block_of(r, s);
        script->n_steps++;
    }
}

bool script_open(const char *path, struct script *out)
{
    *out = (struct script){.path = path};
    arena_init(&out->arena, ARENA_LIMIT);
    struct reader r = {.script = out};
    out->steps = arena_calloc(&out->arena, STEPS_MAX, sizeof *out->steps);
    if (!out->steps)
        complain(&r, "no memory");
    else if (read_file(&r))
        read_steps(&r);
    if (r.has_failed)
        script_close(out);
    return !r.has_failed;
}

void script_close(struct script *s)
{
    arena_fini(&s->arena);
}

struct str script_word(const struct step *s, size_t nth)
{
    for (size_t i = 0; i < s->n_words; i++)
        if (str_is_none(s->words[i].key) && nth-- == 0)
            return s->words[i].value;
    return STR_NONE;
}

struct str script_value(const struct step *s, struct str key)
{
    struct str value = STR_NONE;
    for (size_t i = 0; i < s->n_words; i++)
        if (str_eq(s->words[i].key, key))
            value = s->words[i].value;
    return value;
}

bool script_parse_ms(struct str s, uint64_t *out)
{
    static const struct {
        struct str unit;
        uint64_t ms;
    } units[] = {{{"ms", 2}, 1}, {{"s", 1}, 1000}, {{"m", 1}, 60000}, {{"h", 1}, 3600000}};
    size_t n = 0;
    while (n < s.n && (ascii_is_digit(s.p[n]) || s.p[n] == '.'))
        n++;
    struct str number = {s.p, n}, unit = str_skip(s, n);
    const char *dot = str_find(number, '.');
    uint64_t whole, tenths = 0;
    if (dot &&
        (str_end(number) - dot != 2 || str_to_u64(str_span(dot + 1, str_end(number)), 9, &tenths)))
        return false;
    if (str_to_u64(dot ? str_span(number.p, dot) : number, 1000000, &whole))
        return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (str_eq(unit, units[i].unit)) {
            *out = whole * units[i].ms + tenths * units[i].ms / 10;
            return true;
        }
    }
    return false;
}
