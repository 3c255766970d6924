/* The index of a message: its slices, its agreement with the peek and with libosip2, a copy, and
 * what is built from it: nothing changed, random edits, an answer. */
#include "fuzz.h"

#include "edits.h"
#include "oracle.h"
#include "sip/build.h"
#include "sip/glue.h"
#include "sip/peek.h"

const char *const fuzz_more_seeds = "tests/torture/messages";

/* In the message, or in the copy of a folded value. */
static void check_slice(const struct msg *m, struct str s)
{
    bool is_inside = fuzz_is_inside(s, m->bytes);
    for (size_t i = 0; i < m->n_lines && !is_inside; i++)
        is_inside = fuzz_is_inside(s, m->lines[i].value);
    MUST(is_inside);
}

static void check_lines(const struct msg *m)
{
    const char *at = m->n_lines ? m->lines[0].raw.p : m->end_of_headers;
    MUST(fuzz_is_inside(str_span(at, m->end_of_headers), m->bytes));
    for (size_t i = 0; i < m->n_lines; i++) {
        const struct msg_line *l = &m->lines[i];
        struct str value = str_trim(str_skip(l->raw, (size_t)(str_find(l->raw, ':') + 1 - at)));
        MUST(l->raw.p == at);
        MUST(l->name.p == at && l->name.n > 0 && l->name.n < l->raw.n);
        MUST(l->id == hdr_find(l->name));
        MUST(str_eq(l->value, str_trim(l->value)) && !str_find(l->value, '\n'));
        MUST(fuzz_is_same_unfolded(value, l->value));
        at = str_end(l->raw);
    }
    MUST(at == m->end_of_headers);
}

/* Each line is found once by its id. */
static void check_ids(const struct msg *m)
{
    size_t n = 0;
    for (int id = 0; id < HDR_MAX; id++)
        for (const struct msg_line *l = msg_first(m, (enum hdr_id)id); l; l = msg_next(m, l)) {
            MUST(l->id == (enum hdr_id)id);
            n++;
        }
    MUST(n == m->n_lines);
}

static void check_parts(const struct msg *m, struct str bytes)
{
    MUST(fuzz_is_inside(m->bytes, bytes));
    MUST(fuzz_is_inside(m->body, m->bytes) && str_end(m->body) == str_end(m->bytes));
    MUST(m->end_of_headers + 2 == m->body.p);
    const struct str parts[] = {
        m->method_name, m->uri,        m->reason,   m->call_id,    m->from_tag,  m->to_tag,
        m->from.text,   m->from.uri,   m->to.text,  m->to.uri,     m->to.params, m->from.display,
        m->via.text,    m->via.branch, m->via.host, m->via.params, m->via.rport, m->via.received};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        check_slice(m, parts[i]);
    MUST(m->call_id.n > 0 && m->cseq <= INT32_MAX);
    MUST(m->max_forwards >= -1 && m->max_forwards <= 255);
    MUST(m->is_request ? m->uri.n > 0 : m->status >= 100 && m->status <= 699);
}

static struct str without_quotes(struct str s)
{
    if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
        return (struct str){s.p + 1, s.n - 2};
    return s;
}

/* What the index takes the peek takes, and reads the same from it. */
static void check_peek(const struct msg *m, struct str bytes)
{
    struct peek p;
    MUST(peek_parse(bytes, &p) == 0);
    MUST(p.bytes.p == m->bytes.p);
    MUST(p.is_request == m->is_request && p.method == m->method && p.status == m->status);
    MUST(fuzz_is_same_unfolded(p.via, msg_value(m, HDR_VIA)));
    MUST(fuzz_is_same_unfolded(p.from, msg_value(m, HDR_FROM)));
    MUST(fuzz_is_same_unfolded(p.to, msg_value(m, HDR_TO)));
    MUST(fuzz_is_same_unfolded(p.cseq, msg_value(m, HDR_CSEQ)));
    MUST(fuzz_is_same_unfolded(p.call_id, m->call_id));
    MUST(fuzz_is_same_unfolded(p.branch, without_quotes(m->via.branch)));
}

static void check_copy(struct arena *a, const struct msg *m)
{
    const struct msg *c = msg_copy(a, m);
    MUST(c && c->bytes.p != m->bytes.p && str_eq(c->bytes, m->bytes));
    MUST(c->n_lines == m->n_lines && c->method == m->method && c->cseq == m->cseq);
    MUST(str_eq(c->call_id, m->call_id) && str_eq(c->via.branch, m->via.branch));
    MUST(memcmp(c->first, m->first, sizeof m->first) == 0);
    check_parts(c, c->bytes);
}

static void check_unchanged(struct arena *a, const struct msg *m)
{
    struct build b;
    struct str out;
    build_init(&b, a, m);
    MUST(build_finish(&b, &out) == 0);
    MUST(str_eq(out, m->bytes));
}

/* Our answer is a response of the same transaction. */
static void check_answer(struct arena *a, const struct msg *m)
{
    static const struct addr source = {.ip = {192, 0, 2, 9}, .port = 5099, .family = 4};
    static const struct msg_limits wide = {UINT32_MAX, UINT16_MAX, UINT16_MAX};
    struct build_reply reply = {.status = 404, .to_tag = STR("ours")};
    struct msg_fault fault = {0};
    struct msg *answer;
    struct str out;
    if (!m->is_request)
        return;
    MUST(build_response(a, m, &source, &reply, &out) == 0);
    MUST(msg_index(a, out, &wide, &answer, &fault) == 0);
    MUST(!answer->is_request && answer->status == 404 && answer->body.n == 0);
    MUST(str_eq(answer->call_id, m->call_id) && answer->cseq == m->cseq);
    MUST(str_eq(answer->method_name, m->method_name));
    MUST(str_eq(answer->via.branch, m->via.branch) && str_eq(answer->from_tag, m->from_tag));
    MUST(str_eq(answer->to_tag, str_is_none(m->to_tag) ? STR("ours") : m->to_tag));
}

static void check_refused(struct str bytes, int err, const struct msg_fault *fault)
{
    MUST(err == ERR_PARSE || err == ERR_TOOBIG);
    MUST(fault->status >= 400 && fault->status < 600 && fault->text[0]);
    MUST((err == ERR_TOOBIG) == (bytes.n > msg_limits_default.max_len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = fuzz_str(data, size);
    struct arena *a = fuzz_arena();
    struct msg *m = NULL;
    struct msg_fault fault;
    glue_init();
    int err = msg_index(a, bytes, &msg_limits_default, &m, &fault);
    if (err) {
        check_refused(bytes, err, &fault);
        return 0;
    }
    check_lines(m);
    check_ids(m);
    check_parts(m, bytes);
    check_peek(m, bytes);
    check_copy(a, m);
    check_unchanged(a, m);
    edits_check(m, fuzz_hash(bytes) | 1);
    check_answer(a, m);
    oracle_check(m);
    return 0;
}
