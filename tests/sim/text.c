#include "text.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/arena.h"

static const struct {
    struct str name, compact;
} compacts[] = {
    {{"Via", 3}, {"v", 1}},
    {{"From", 4}, {"f", 1}},
    {{"To", 2}, {"t", 1}},
    {{"Call-ID", 7}, {"i", 1}},
    {{"Contact", 7}, {"m", 1}},
    {{"Supported", 9}, {"k", 1}},
    {{"Content-Length", 14}, {"l", 1}},
    {{"Content-Type", 12}, {"c", 1}},
    {{"Subject", 7}, {"s", 1}},
};

static struct str until(struct str s, char c)
{
    const char *end = str_find(s, c);
    return end ? str_span(s.p, end) : s;
}

struct str text_word(struct str s, struct str *rest)
{
    struct str word = until(s, ' ');
    *rest = str_trim(str_skip(s, word.n));
    return word;
}

struct str text_first_line(struct str message)
{
    return str_trim(until(message, '\n'));
}

bool text_is_request(struct str message)
{
    return !str_has_prefix(message, STR("SIP/2.0 "));
}

unsigned text_status(struct str message)
{
    struct str rest;
    uint32_t status = 0;
    if (text_is_request(message))
        return 0;
    (void)text_word(text_first_line(message), &rest);
    return str_to_u32(until(rest, ' '), 999, &status) ? 0 : status;
}

struct str text_method(struct str message)
{
    struct str method;
    if (text_is_request(message))
        return until(text_first_line(message), ' ');
    (void)text_word(text_header(message, STR("CSeq"), 0), &method);
    return method;
}

struct str text_uri(struct str message)
{
    struct str rest;
    (void)text_word(text_first_line(message), &rest);
    return until(rest, ' ');
}

/* The next line goes on with this one. */
static bool is_fold(struct str next)
{
    return next.n && (*next.p == ' ' || *next.p == '\t');
}

bool text_next_line(struct str *rest, struct str *line)
{
    const char *end = str_find(*rest, '\n');
    while (end && end > rest->p + 1 && is_fold(str_span(end + 1, str_end(*rest))))
        end = str_find(str_span(end + 1, str_end(*rest)), '\n');
    if (!end)
        return false;
    *line = str_span(rest->p, end);
    if (line->n && line->p[line->n - 1] == '\r')
        line->n--;
    *rest = str_span(end + 1, str_end(*rest));
    return line->n > 0;
}

static bool is_name(struct str a, struct str name)
{
    if (str_ieq(a, name))
        return true;
    for (size_t i = 0; i < sizeof compacts / sizeof compacts[0]; i++)
        if (str_ieq(compacts[i].name, name))
            return str_ieq(compacts[i].compact, a);
    return false;
}

bool text_is_header(struct str line, struct str name, struct str *value)
{
    const char *colon = str_find(line, ':');
    if (!colon || !is_name(str_trim(str_span(line.p, colon)), name))
        return false;
    *value = str_trim(str_span(colon + 1, str_end(line)));
    return true;
}

struct str text_header(struct str message, struct str name, unsigned nth)
{
    struct str line, value;
    if (!text_next_line(&message, &line))
        return STR_NONE;
    while (text_next_line(&message, &line))
        if (text_is_header(line, name, &value) && nth-- == 0)
            return value;
    return STR_NONE;
}

struct str text_body(struct str message)
{
    struct str line;
    while (text_next_line(&message, &line))
        ;
    return message;
}

unsigned text_count_vias(struct str message)
{
    unsigned n = 0;
    struct str value = text_header(message, STR("Via"), 0);
    for (unsigned i = 0; value.p; value = text_header(message, STR("Via"), ++i)) {
        n++;
        for (size_t at = 0; at < value.n; at++)
            n += value.p[at] == ',';
    }
    return n;
}

struct str text_top_via(struct str message)
{
    return str_trim(until(text_header(message, STR("Via"), 0), ','));
}

struct str text_param(struct str value, struct str name)
{
    const char *close = str_find(value, '>');
    struct str rest = close ? str_span(close, str_end(value)) : value;
    for (const char *semi = str_find(rest, ';'); semi; semi = str_find(rest, ';')) {
        rest = str_span(semi + 1, str_end(rest));
        struct str param = str_trim(until(rest, ';'));
        struct str key = until(param, '=');
        if (str_ieq(key, name))
            return str_skip(param, key.n + 1);
    }
    return STR_NONE;
}

struct str text_branch(struct str message)
{
    return text_param(text_top_via(message), STR("branch"));
}

struct str text_to_tag(struct str message)
{
    return text_param(text_header(message, STR("To"), 0), STR("tag"));
}

struct str text_cseq(struct str message)
{
    struct str rest;
    return text_word(text_header(message, STR("CSeq"), 0), &rest);
}

/* ---------------------------------------------------------------- reason phrases */

static const struct {
    unsigned status;
    const char *reason;
} reasons[] = {
    {100, "Trying"},
    {180, "Ringing"},
    {183, "Session Progress"},
    {200, "OK"},
    {202, "Accepted"},
    {302, "Moved Temporarily"},
    {401, "Unauthorized"},
    {404, "Not Found"},
    {403, "Forbidden"},
    {407, "Proxy Authentication Required"},
    {423, "Interval Too Brief"},
    {486, "Busy Here"},
    {487, "Request Terminated"},
    {481, "Call/Transaction Does Not Exist"},
    {503, "Service Unavailable"},
};

const char *text_reason(unsigned status)
{
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Some Reason";
}

struct str text_format(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *text = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (!text)
        return STR_NONE;
    va_start(ap, fmt);
    (void)vsnprintf(text, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return (struct str){text, (size_t)n};
}

struct str text_until(struct str s, struct str what)
{
    const char *at = s.n ? memmem(s.p, s.n, what.p, what.n) : NULL;
    return at ? str_span(s.p, at) : s;
}
