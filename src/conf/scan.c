#include "conf/scan.h"

#include <string.h>

enum { DEPTH_MAX = 8 };

struct brace {
    unsigned line;
    bool is_section; /* else of a list or of ${VARIABLE} */
};

struct scanner {
    char *at, *end;
    unsigned line;
    char last; /* the last character that is neither blank nor comment */
    bool is_in_word;
    struct brace open[DEPTH_MAX];
    size_t depth; /* may be more than DEPTH_MAX: the grammar refuses that later */
    struct findings *findings;
    struct scan *out;
};

static bool is_next(const struct scanner *s, const char *word)
{
    size_t n = strlen(word);
    return (size_t)(s->end - s->at) >= n && memcmp(s->at, word, n) == 0;
}

static void step(struct scanner *s)
{
    if (*s->at == '\n')
        s->line++;
    s->at++;
}

static void blank(struct scanner *s)
{
    char c = *s->at;
    step(s);
    if (c != '\n')
        s->at[-1] = ' ';
}

static void skip_line_comment(struct scanner *s)
{
    while (s->at < s->end && *s->at != '\n')
        blank(s);
}

static void skip_block_comment(struct scanner *s)
{
    unsigned line = s->line;
    blank(s);
    blank(s);
    while (s->at < s->end && !is_next(s, "*/"))
        blank(s);
    if (s->at == s->end) {
        finding_error(s->findings, line, "the comment that begins here has no end, expected */");
        return;
    }
    blank(s);
    blank(s);
}

static void skip_string(struct scanner *s)
{
    unsigned line = s->line;
    char quote = *s->at;
    step(s);
    while (s->at < s->end && *s->at != quote) {
        if (*s->at == '\\' && s->at + 1 < s->end)
            step(s);
        step(s);
    }
    if (s->at == s->end)
        finding_error(s->findings, line, "the string that begins here has no end, expected %c",
                      quote);
    else
        step(s);
    s->last = quote;
    s->is_in_word = false;
}

static void on_brace(struct scanner *s)
{
    if (*s->at == '{') {
        if (s->depth < DEPTH_MAX)
            s->open[s->depth] = (struct brace){s->line, s->last != '=' && s->last != '$'};
        s->depth++;
    } else if (s->depth > 0 && --s->depth < DEPTH_MAX && s->open[s->depth].is_section) {
        s->out->lines[s->out->n++] = s->open[s->depth].line;
    }
}

/* Anything else: a brace, a sign, white space, or part of a word. */
static void take_char(struct scanner *s)
{
    char c = *s->at;
    bool is_space = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    bool is_sign = c == '{' || c == '}' || c == '(' || c == ')' || c == '=' || c == ',' || c == '+';
    if (c == '{' || c == '}')
        on_brace(s);
    if (c == '\0')
        finding_error(s->findings, s->line, "a NUL byte, expected text");
    if (!is_space)
        s->last = c;
    s->is_in_word = !is_space && !is_sign;
    step(s);
}

void scan_text(char *text, size_t len, struct findings *f, struct scan *out)
{
    struct scanner s = {.line = 1, .findings = f, .out = out};
    s.at = text;
    s.end = text + len;
    out->n = 0;
    while (s.at < s.end) {
        bool is_comment_here = !s.is_in_word; /* "sip://x" has none */
        if (*s.at == '#' || (is_comment_here && is_next(&s, "//")))
            skip_line_comment(&s);
        else if (is_comment_here && is_next(&s, "/*"))
            skip_block_comment(&s);
        else if (*s.at == '"' || *s.at == '\'')
            skip_string(&s);
        else
            take_char(&s);
    }
    if (s.depth > 0 && s.depth <= DEPTH_MAX)
        finding_error(f, s.open[s.depth - 1].line, "the { that stands here has no end, expected }");
}
