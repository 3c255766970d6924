#include "sip/msg.h"

#include "base/arena.h"
#include "base/err.h"
#include "sip/lex.h"
#include "sip/line.h"
#include "sip/param.h"

/* A datagram's most bytes; three times the lines of a call that has crossed thirty proxies; and in
 * one line thirty contacts of an AoR with eight parameters each, as registrars like to answer. */
const struct msg_limits msg_limits_default = {
    .max_len = 65535, .max_lines = 256, .max_separators = 256};

const struct msg_limits msg_limits_none = {UINT32_MAX, UINT16_MAX, UINT16_MAX};

enum { LINES_FIRST = 24 };

/* What an index in the making needs besides the message. */
struct scan {
    struct msg *m;
    const struct msg_limits *limits;
    struct msg_fault *fault;
    struct str start; /* the start line without its end */
    struct str rest;  /* what has not been looked at */
    size_t n_ends;    /* line ends behind header fields so far */
    size_t n_room;    /* lines that m->lines has room for */
    bool is_clean;    /* no control character but CRLFs as line ends: see struct msg_line */
};

/* What is wrong where a header stands twice or not at all; none: nothing. */
static const struct {
    const char *missing, *twice;
} rules[HDR_MAX] = {
    [HDR_VIA] = {"Missing Via", NULL},
    [HDR_FROM] = {"Missing From", "Duplicate From"},
    [HDR_TO] = {"Missing To", "Duplicate To"},
    [HDR_CALL_ID] = {"Missing Call-ID", "Duplicate Call-ID"},
    [HDR_CSEQ] = {"Missing CSeq", "Duplicate CSeq"},
    [HDR_MAX_FORWARDS] = {NULL, "Duplicate Max-Forwards"},
    [HDR_CONTENT_LENGTH] = {NULL, "Duplicate Content-Length"},
    [HDR_CONTENT_TYPE] = {NULL, "Duplicate Content-Type"},
};

static int refuse(const struct scan *s, unsigned status, const char *text)
{
    *s->fault = (struct msg_fault){status, text};
    return ERR_PARSE;
}

/* ---------------------------------------------------------------- the start line */

/* A first look only. */
static bool is_uri_sane(struct str uri)
{
    return uri.n > 0 && lex_span_not(uri, LEX_BREAK) == uri.n;
}

static int check_version(const struct scan *s, struct str version)
{
    if (str_eq(version, STR("SIP/2.0")) || str_ieq(version, STR("SIP/2.0")))
        return 0;
    if (str_has_iprefix(version, STR("SIP/")))
        return refuse(s, 505, "Version Not Supported");
    return refuse(s, 400, "Bad Start Line");
}

/* Method SP Request-URI SP SIP-Version, single spaces (RFC 3261 7.1). */
static int read_request_line(struct scan *s)
{
    struct msg *m = s->m;
    const char *sp = str_find(s->start, ' ');
    const char *last = s->start.n ? memrchr(s->start.p, ' ', s->start.n) : NULL;
    if (!sp || sp == last)
        return refuse(s, 400, "Bad Start Line");
    int err = check_version(s, str_span(last + 1, str_end(s->start)));
    if (err)
        return err;
    m->is_request = true;
    m->method_name = str_span(s->start.p, sp);
    m->method = hdr_method(m->method_name);
    m->uri = str_span(sp + 1, last);
    if (m->method == METHOD_OTHER && !hdr_is_token(m->method_name))
        return refuse(s, 400, "Bad Method");
    return is_uri_sane(m->uri) ? 0 : refuse(s, 400, "Bad Request-URI");
}

/* SIP-Version SP 3DIGIT [SP Reason-Phrase]. */
static int read_status_line(struct scan *s)
{
    const char *sp = str_find(s->start, ' ');
    if (!sp)
        return refuse(s, 400, "Bad Start Line");
    int err = check_version(s, str_span(s->start.p, sp));
    if (err)
        return err;
    struct str rest = str_span(sp + 1, str_end(s->start));
    uint32_t status = 0;
    if (rest.n < 3 || (rest.n > 3 && rest.p[3] != ' ') ||
        str_to_u32((struct str){rest.p, 3}, 699, &status) != 0 || status < 100)
        return refuse(s, 400, "Bad Start Line");
    s->m->status = status;
    s->m->reason = str_skip(rest, 4);
    return 0;
}

static int read_start(struct scan *s)
{
    if (!line_start(&s->rest, &s->start) || *str_end(s->start) != '\r')
        return refuse(s, 400, "Bad Start Line");
    s->is_clean = line_find_low(s->start.p, str_end(s->start)) == str_end(s->start);
    return str_has_iprefix(s->start, STR("SIP/")) ? read_status_line(s) : read_request_line(s);
}

/* ---------------------------------------------------------------- the header fields */

static bool has_too_many(const struct scan *s, struct str raw)
{
    const size_t max = s->limits->max_separators;
    return raw.n > max && (line_count(raw, ',') > max || line_count(raw, ';') > max);
}

/* Each fold with the white space around it becomes one space, in a copy; a value that only began
 * or ended with one is trimmed of it already. */
static struct str unfold(struct arena *a, struct str value)
{
    if (!str_find(value, '\n'))
        return value;
    char *out = arena_alloc(a, value.n + 1); /* one more: no two copies touch */
    if (!out)
        return STR_NONE;
    size_t n = 0;
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] != '\r' && value.p[i] != '\n') {
            out[n++] = value.p[i];
            continue;
        }
        while (n && (out[n - 1] == ' ' || out[n - 1] == '\t'))
            n--;
        i = (size_t)(str_trim(str_skip(value, i)).p - value.p) - 1;
        out[n++] = ' ';
    }
    return (struct str){out, n};
}

/* Twice the room, so that all moves together cost no more than the lines themselves. */
static int grow(struct scan *s)
{
    size_t room = s->n_room ? 2 * s->n_room : LINES_FIRST;
    struct msg_line *lines = arena_alloc(s->m->arena, room * sizeof *lines);
    if (!lines)
        return ERR_NOMEM;
    if (s->m->n_lines)
        memcpy(lines, s->m->lines, s->m->n_lines * sizeof *lines);
    s->m->lines = lines;
    s->n_room = room;
    return 0;
}

static int check_field(struct scan *s, const struct msg_line *l)
{
    const bool is_clean = l->is_clean, has_bare_lf = l->has_bare_lf, is_bad = str_is_none(l->name);
    const bool is_long = has_too_many(s, l->raw);
    s->n_ends += l->n_ends;
    s->is_clean &= is_clean;
    if (s->n_ends > s->limits->max_lines)
        return refuse(s, 400, "Too Many Header Lines");
    if (has_bare_lf)
        return refuse(s, 400, "Bad Line End");
    if (is_bad)
        return refuse(s, 400, "Bad Header Field");
    return is_long ? refuse(s, 400, "Too Many List Elements") : 0;
}

/* A second one of some is an error. */
static int note_field(struct scan *s, struct msg_line *l)
{
    struct msg *m = s->m;
    m->n_lines++;
    if (l->n_ends > 1) {
        l->value = unfold(m->arena, l->value);
        if (str_is_none(l->value))
            return ERR_NOMEM;
    }
    if (!m->first[l->id]) {
        m->first[l->id] = m->n_lines;
        return 0;
    }
    m->repeated |= (uint64_t)1 << l->id;
    return rules[l->id].twice ? refuse(s, 400, rules[l->id].twice) : 0;
}

static int read_fields(struct scan *s)
{
    struct msg *m = s->m;
    const char *p = s->rest.p, *end = str_end(s->rest), *next;
    for (;; p = next) {
        int err = m->n_lines == s->n_room ? grow(s) : 0;
        if (err)
            return err;
        struct msg_line *l = &m->lines[m->n_lines];
        next = line_read(p, end, l);
        if (!next)
            break;
        err = check_field(s, l);
        if (!err)
            err = note_field(s, l);
        if (err)
            return err;
    }
    if (line_blank_len(str_span(p, end)) != 2)
        return refuse(s, 400, "Missing End Of Header Fields");
    m->end_of_headers = p;
    s->rest = str_span(p + 2, end);
    return 0;
}

/* True when a NUL stands elsewhere than behind a backslash in a quoted string. */
static bool has_naked_nul(struct str s)
{
    bool is_quoted = false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\0')
            return true;
        if (s.p[i] == '"')
            is_quoted = !is_quoted;
        i += is_quoted && s.p[i] == '\\';
    }
    return false;
}

/* Each line end was seen to be CRLF: as many CRs as line ends means that none stands alone. */
static int check_bytes(struct scan *s)
{
    struct str head = str_span(s->start.p, s->m->end_of_headers);
    if (s->is_clean)
        return 0;
    if (line_count(head, '\r') != s->n_ends + 1)
        return refuse(s, 400, "Bad Line End");
    if (!str_find(head, '\0'))
        return 0;
    if (str_find(s->start, '\0'))
        return refuse(s, 400, "Bad Start Line");
    for (size_t i = 0; i < s->m->n_lines; i++)
        if (has_naked_nul(s->m->lines[i].raw))
            return refuse(s, 400, "Bad Header Field");
    return 0;
}

static int check_missing(struct scan *s)
{
    static const uint8_t must[] = {HDR_VIA, HDR_FROM, HDR_TO, HDR_CALL_ID, HDR_CSEQ};
    for (size_t i = 0; i < sizeof must; i++)
        if (!s->m->first[must[i]])
            return refuse(s, 400, rules[must[i]].missing);
    return 0;
}

/* ---------------------------------------------------------------- values */

/* A word with, perhaps, an @ and another: here only one that white space does not part. */
static int read_call_id(struct scan *s)
{
    struct str id = msg_value(s->m, HDR_CALL_ID);
    if (lex_span_not(id, LEX_BLIND) != id.n)
        return refuse(s, 400, "Bad Call-ID");
    s->m->call_id = id;
    return id.n ? 0 : refuse(s, 400, "Bad Call-ID");
}

static int read_cseq(struct scan *s)
{
    struct msg *m = s->m;
    struct str value = msg_value(m, HDR_CSEQ);
    const char *end = str_end(value), *p = value.p;
    uint64_t number = 0;
    while (p < end && ascii_is_digit(*p) && number <= INT32_MAX)
        number = number * 10 + (uint64_t)(*p++ - '0');
    struct str method = str_span(lex_behind_space(p, end), end);
    if (p == value.p || number > INT32_MAX || method.n == 0 || method.p == p)
        return refuse(s, 400, "Bad CSeq");
    m->cseq = (uint32_t)number;
    if (m->is_request)
        return str_eq(method, m->method_name) ? 0 : refuse(s, 400, "CSeq Method Mismatch");
    m->method_name = method;
    m->method = hdr_method(method);
    return hdr_is_token(method) ? 0 : refuse(s, 400, "Bad CSeq");
}

static int read_max_forwards(struct scan *s)
{
    struct str value = msg_value(s->m, HDR_MAX_FORWARDS);
    uint32_t n = 0;
    s->m->max_forwards = -1;
    if (str_is_none(value))
        return 0;
    if (str_to_u32(value, 255, &n) != 0)
        return refuse(s, 400, "Bad Max-Forwards");
    s->m->max_forwards = (int)n;
    return 0;
}

static int read_parties(struct scan *s)
{
    struct msg *m = s->m;
    if (nameaddr_parse(msg_value(m, HDR_FROM), &m->from) != 0 || m->from.is_star)
        return refuse(s, 400, "Bad From");
    if (nameaddr_parse(msg_value(m, HDR_TO), &m->to) != 0 || m->to.is_star)
        return refuse(s, 400, "Bad To");
    m->from_tag = m->from.tag;
    m->to_tag = m->to.tag;
    return 0;
}

static int read_via(struct scan *s)
{
    struct str rest = msg_value(s->m, HDR_VIA);
    return via_next(&rest, &s->m->via) == 1 ? 0 : refuse(s, 400, "Bad Via");
}

static int read_body(struct scan *s)
{
    struct str value = msg_value(s->m, HDR_CONTENT_LENGTH);
    uint64_t n = s->rest.n;
    switch (str_is_none(value) ? 0 : str_to_u64(value, s->rest.n, &n)) {
    case 0:
        s->m->body = (struct str){s->rest.p, (size_t)n};
        s->m->bytes = str_span(s->start.p, str_end(s->m->body));
        return 0;
    case ERR_TOOBIG:
        return refuse(s, 400, "Content-Length Beyond The End");
    default:
        return refuse(s, 400, "Bad Content-Length");
    }
}

/* ---------------------------------------------------------------- together */

static int run(struct scan *s)
{
    static int (*const steps[])(struct scan * s) = {
        read_start, read_fields,       check_bytes,  check_missing, read_call_id,
        read_cseq,  read_max_forwards, read_parties, read_via,      read_body,
    };
    int err = 0;
    for (size_t i = 0; !err && i < sizeof steps / sizeof *steps; i++)
        err = steps[i](s);
    return err;
}

int msg_index(struct arena *a, struct str bytes, const struct msg_limits *limits, struct msg **out,
              struct msg_fault *fault)
{
    *fault = (struct msg_fault){0, ""};
    if (bytes.n > limits->max_len) {
        *fault = (struct msg_fault){513, "Message Too Large"};
        return ERR_TOOBIG;
    }
    struct msg *m = arena_calloc(a, 1, sizeof *m);
    if (!m)
        return ERR_NOMEM;
    m->arena = a;
    struct scan s = {.m = m, .limits = limits, .fault = fault, .rest = bytes};
    int err = run(&s);
    if (!err)
        *out = m;
    return err;
}

struct msg *msg_copy(struct arena *a, const struct msg *m)
{
    struct msg *copy = NULL;
    struct msg_fault fault;
    struct str bytes = str_dup(a, m->bytes);
    if (str_is_none(bytes))
        return NULL;
    int err = msg_index(a, bytes, &msg_limits_none, &copy, &fault);
    BUG_ON(err && err != ERR_NOMEM);
    return copy;
}

const struct msg_line *msg_next(const struct msg *m, const struct msg_line *line)
{
    if (!(m->repeated >> line->id & 1))
        return NULL;
    for (const struct msg_line *l = line + 1; l < m->lines + m->n_lines; l++)
        if (l->id == line->id)
            return l;
    return NULL;
}

const struct msg_line *msg_find(const struct msg *m, struct str name)
{
    for (const struct msg_line *l = m->lines; l < m->lines + m->n_lines; l++)
        if (str_ieq(l->name, name))
            return l;
    return NULL;
}

bool msg_has_token(const struct msg *m, enum hdr_id id, struct str token)
{
    for (const struct msg_line *l = msg_first(m, id); l; l = msg_next(m, l)) {
        struct str element, rest = l->value;
        while (param_split(&rest, &element))
            if (str_ieq(element, token))
                return true;
    }
    return false;
}

static uint32_t find_token(struct str element, const struct str *tokens, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (element.n == tokens[i].n && str_ieq(element, tokens[i]))
            return (uint32_t)1 << i;
    return 0;
}

uint32_t msg_tokens(const struct msg *m, enum hdr_id id, const struct str *tokens, size_t n)
{
    uint32_t set = 0;
    if (!m->first[id])
        return 0;
    for (const struct msg_line *l = msg_first(m, id); l; l = msg_next(m, l)) {
        struct str element, rest = l->value;
        while (param_split(&rest, &element))
            set |= find_token(element, tokens, n);
    }
    return set;
}

uint32_t msg_methods(const struct msg *m, enum hdr_id id)
{
    uint32_t set = 0;
    for (const struct msg_line *l = msg_first(m, id); l; l = msg_next(m, l)) {
        struct str name, rest = l->value;
        while (param_split(&rest, &name))
            set |= (uint32_t)1 << hdr_method(name);
    }
    return set & ~((uint32_t)1 << METHOD_OTHER);
}
