#include "expect.h"

#include "base/buf.h"
#include "contacts.h"
#include "core/route.h"
#include "digest.h"
#include "proof.h"
#include "text.h"

/* A timer of the daemon may be late by one turn of its wheel, and after some repeats by some. */
enum { AT_SLACK_MS = 100 };

/* RFC 5658: one for each side of us. */
enum { OWN_ROUTES_MAX = 2 };

/* What was found where something else was expected; none: it is as expected. */
struct finding {
    struct run *run;
    const struct mail *mail;
    struct str value;
    struct str got;
    bool is_good;
};

static void compare(struct finding *f, struct str got)
{
    f->got = got;
    f->is_good = str_eq(got, f->value);
}

static void compare_number(struct finding *f, uint64_t got)
{
    struct buf b = buf_in(&f->run->arena, 24);
    buf_add_u64(&b, got);
    compare(f, buf_str(&b));
}

static const struct mail *label_of(struct finding *f)
{
    return run_find_label(f->run, f->value);
}

/* ---------------------------------------------------------------- one check each */

static void check_header(struct finding *f)
{
    const char *colon = str_find(f->value, ':');
    struct str name = colon ? str_span(f->value.p, colon) : f->value;
    struct str want = colon ? str_trim(str_span(colon + 1, str_end(f->value))) : STR_NONE;
    struct str got = text_header(f->mail->bytes, name, 0);
    for (unsigned i = 0; got.p; got = text_header(f->mail->bytes, name, ++i)) {
        f->got = got;
        if (!want.p || str_eq(got, want)) {
            f->is_good = true;
            return;
        }
    }
}

static void check_no_header(struct finding *f)
{
    f->got = text_header(f->mail->bytes, f->value, 0);
    f->is_good = !f->got.p;
}

static void check_contains(struct finding *f)
{
    f->got = f->mail->bytes;
    f->is_good = memmem(f->mail->bytes.p, f->mail->bytes.n, f->value.p, f->value.n) != NULL;
}

static void check_lacks(struct finding *f)
{
    check_contains(f);
    f->is_good = !f->is_good;
}

static void check_body(struct finding *f)
{
    compare(f, text_body(f->mail->bytes));
}

static void check_same(struct finding *f)
{
    const struct mail *other = label_of(f);
    f->got = f->mail->bytes;
    f->is_good = other && str_eq(f->mail->bytes, other->bytes);
}

static bool is_hop_header(struct str line)
{
    struct str value;
    return text_is_header(line, STR("Via"), &value) ||
           text_is_header(line, STR("Max-Forwards"), &value) ||
           text_is_header(line, STR("Max-Breadth"), &value) ||
           text_is_header(line, STR("Route"), &value);
}

static bool is_record_route(struct str line)
{
    struct str value;
    return text_is_header(line, STR("Record-Route"), &value);
}

static unsigned count_record_routes(struct str message)
{
    unsigned n = 0;
    while (text_header(message, STR("Record-Route"), n).p)
        n++;
    return n;
}

static bool is_identity(struct str line)
{
    struct str value;
    return text_is_header(line, STR("P-Asserted-Identity"), &value);
}

/* The lines from..to, but for what an answer gets on its way to a phone that calls: in the last
 * Record-Route of ours whom it speaks with (core/route.h). */
static void add_lines(struct buf *b, struct str lines)
{
    const char *at = str_find(lines, '@');
    bool is_signed = str_has_iprefix(lines, STR("Record-Route: <sip:rr")) && at;
    if (is_signed && at - lines.p > ROUTE_PEER_LEN && at[-ROUTE_PEER_LEN] == 'x') {
        buf_add(b, str_span(lines.p, at - ROUTE_PEER_LEN));
        lines = str_span(at, str_end(lines));
    }
    buf_add(b, lines);
}

/* All but what belongs to the hop: start line, header lines in their order, body. n_added: as many
 * of the first Record-Routes are left out, too; is_asserted: P-Asserted-Identity as well. ruri=
 * speaks of the start line itself. */
static struct str kernel_of(struct run *r, struct str message, unsigned n_added, bool is_asserted)
{
    struct buf b = buf_in(&r->arena, message.n);
    struct str rest = message, before = message, line;
    if (script_value(r->step, STR("ruri")).p && text_next_line(&rest, &line))
        before = rest;
    while (text_next_line(&rest, &line)) {
        bool is_added = n_added && is_record_route(line);
        n_added -= is_added;
        if (!is_added && !is_hop_header(line) && !(is_asserted && is_identity(line)))
            add_lines(&b, str_span(before.p, rest.p));
        before = rest;
    }
    buf_add(&b, str_span(before.p, str_end(rest)));
    return buf_str(&b);
}

static void check_keeps(struct finding *f)
{
    const struct mail *other = label_of(f);
    f->got = f->mail->bytes;
    if (!other)
        return;
    unsigned n = count_record_routes(f->mail->bytes), n_old = count_record_routes(other->bytes);
    bool is_added = text_is_request(f->mail->bytes) && n > n_old && n <= n_old + OWN_ROUTES_MAX;
    bool is_asserted = text_is_request(f->mail->bytes) &&
                       !text_header(other->bytes, STR("P-Asserted-Identity"), 0).p;
    f->is_good = str_eq(kernel_of(f->run, f->mail->bytes, is_added ? n - n_old : 0, is_asserted),
                        kernel_of(f->run, other->bytes, 0, false));
}

static void check_record_routes(struct finding *f)
{
    compare_number(f, count_record_routes(f->mail->bytes));
}

static void check_vias(struct finding *f)
{
    compare_number(f, text_count_vias(f->mail->bytes));
}

static void check_top_via(struct finding *f)
{
    compare(f, text_top_via(f->mail->bytes));
}

static void check_branch(struct finding *f)
{
    compare(f, text_branch(f->mail->bytes));
}

static void check_branch_of(struct finding *f)
{
    const struct mail *other = label_of(f);
    f->got = text_branch(f->mail->bytes);
    f->is_good = other && str_eq(f->got, text_branch(other->bytes));
}

static void check_to_tag(struct finding *f)
{
    compare(f, text_to_tag(f->mail->bytes));
    if (str_eq(f->value, STR("some")))
        f->is_good = f->got.n > 0;
    if (str_eq(f->value, STR("none")))
        f->is_good = !f->got.p;
}

static void check_to_tag_of(struct finding *f)
{
    const struct mail *other = label_of(f);
    f->got = text_to_tag(f->mail->bytes);
    f->is_good = other && f->got.n && str_eq(f->got, text_to_tag(other->bytes));
}

static void check_reason(struct finding *f)
{
    struct str rest;
    (void)text_word(text_first_line(f->mail->bytes), &rest);
    (void)text_word(rest, &rest);
    compare(f, rest);
}

static void check_cseq(struct finding *f)
{
    compare(f, text_cseq(f->mail->bytes));
}

static void check_max_forwards(struct finding *f)
{
    compare(f, text_header(f->mail->bytes, STR("Max-Forwards"), 0));
}

static void check_ruri(struct finding *f)
{
    compare(f, text_uri(f->mail->bytes));
}

static void check_at(struct finding *f)
{
    uint64_t want_ms, got_ms = f->mail->at_ms - f->run->mark_ms;
    compare_number(f, got_ms);
    f->is_good =
        script_parse_ms(f->value, &want_ms) && got_ms >= want_ms && got_ms <= want_ms + AT_SLACK_MS;
}

static void check_came_from(struct finding *f)
{
    char text[ADDR_TEXT];
    compare(f, str_dup(&f->run->arena, str_of(addr_text(&f->mail->from, text))));
}

/* ---------------------------------------------------------------- registrations */

/* "60", "50-60" */
static bool is_in_range(struct str range, uint32_t n)
{
    const char *dash = str_find(range, '-');
    uint32_t low, high;
    if (str_to_u32(dash ? str_span(range.p, dash) : range, UINT32_MAX, &low))
        return false;
    high = low;
    if (dash && str_to_u32(str_span(dash + 1, str_end(range)), UINT32_MAX, &high))
        return false;
    return n >= low && n <= high;
}

/* contact="URI 50-60": it is listed, with so many seconds left. */
static void check_contact(struct finding *f)
{
    struct str range;
    struct str uri = text_word(f->value, &range);
    struct contacts_item c;
    uint32_t left;
    f->got = text_header(f->mail->bytes, STR("Contact"), 0);
    for (unsigned i = 0; contacts_nth(f->mail->bytes, i, &c); i++) {
        if (!str_eq(c.uri, uri))
            continue;
        f->got = c.value;
        f->is_good = !range.n || (contacts_expires(&c, &left) && is_in_range(range, left));
        return;
    }
}

static void check_contacts(struct finding *f)
{
    struct contacts_item c;
    unsigned n = 0;
    while (contacts_nth(f->mail->bytes, n, &c))
        n++;
    compare_number(f, n);
}

/* Both places of a request must say it; of a response the header, else the first Contact. */
static void check_expires(struct finding *f)
{
    struct contacts_item c;
    uint32_t in_param = 0, in_header = 0;
    bool has_param = contacts_nth(f->mail->bytes, 0, &c) && contacts_expires(&c, &in_param);
    struct str header = text_header(f->mail->bytes, STR("Expires"), 0);
    bool has_header = header.p && str_to_u32(header, UINT32_MAX, &in_header) == 0;
    bool is_param_good = !has_param || is_in_range(f->value, in_param);
    if (has_header && !text_is_request(f->mail->bytes))
        is_param_good = true;
    f->got = has_header ? header : has_param ? c.value : STR("nothing");
    f->is_good = (has_header || has_param) && is_param_good &&
                 (!has_header || is_in_range(f->value, in_header));
}

static void check_min_expires(struct finding *f)
{
    compare(f, text_header(f->mail->bytes, STR("Min-Expires"), 0));
}

static void check_retry_after(struct finding *f)
{
    uint32_t n;
    f->got = text_header(f->mail->bytes, STR("Retry-After"), 0);
    f->is_good = f->got.p && str_to_u32(f->got, UINT32_MAX, &n) == 0 && is_in_range(f->value, n);
}

/* Of the first Contact, else of Path. */
static struct str token_of(struct str message)
{
    struct contacts_item c;
    struct str token = contacts_nth(message, 0, &c) ? contacts_token(c.uri) : STR_NONE;
    struct str path = text_header(message, STR("Path"), 0);
    if (token.n || path.n < 2)
        return token;
    const char *close = str_find(path, '>');
    return close ? contacts_token(str_span(path.p + 1, close)) : STR_NONE;
}

static void check_token(struct finding *f)
{
    f->got = token_of(f->mail->bytes);
    f->is_good = str_eq(f->value, STR("some")) ? f->got.n > 0 : !f->got.n;
}

static void check_token_of(struct finding *f)
{
    const struct mail *other = label_of(f);
    f->got = token_of(f->mail->bytes);
    f->is_good = other && f->got.n && str_eq(f->got, token_of(other->bytes));
}

static void check_token_not_of(struct finding *f)
{
    const struct mail *other = label_of(f);
    f->got = token_of(f->mail->bytes);
    f->is_good = other && f->got.n && !str_eq(f->got, token_of(other->bytes));
}

static void check_call_id(struct finding *f)
{
    compare(f, text_header(f->mail->bytes, STR("Call-ID"), 0));
}

static void check_call_id_of(struct finding *f)
{
    const struct mail *other = label_of(f);
    f->got = text_header(f->mail->bytes, STR("Call-ID"), 0);
    f->is_good = other && str_eq(f->got, text_header(other->bytes, STR("Call-ID"), 0));
}

static void check_call_id_not_of(struct finding *f)
{
    const struct mail *other = label_of(f);
    f->got = text_header(f->mail->bytes, STR("Call-ID"), 0);
    f->is_good = other && !str_eq(f->got, text_header(other->bytes, STR("Call-ID"), 0));
}

static struct str from_tag(struct str message)
{
    return text_param(text_header(message, STR("From"), 0), STR("tag"));
}

static void check_from_tag_of(struct finding *f)
{
    const struct mail *other = label_of(f);
    f->got = from_tag(f->mail->bytes);
    f->is_good = other && f->got.n && str_eq(f->got, from_tag(other->bytes));
}

static void check_cseq_above(struct finding *f)
{
    const struct mail *other = label_of(f);
    uint32_t n, old;
    f->got = text_cseq(f->mail->bytes);
    f->is_good = other && str_to_u32(f->got, INT32_MAX, &n) == 0 &&
                 str_to_u32(text_cseq(other->bytes), INT32_MAX, &old) == 0 && n > old;
}

static void check_challenges(struct finding *f)
{
    compare(f, digest_offer(f->run, f->mail->bytes));
}

static void check_digest(struct finding *f)
{
    f->got = f->mail->bytes;
    f->is_good = proof_is_right(f->mail->bytes, f->value);
}

/* ---------------------------------------------------------------- the table */

/* What the step itself sees to. */
static void check_nothing(struct finding *f)
{
    f->is_good = true;
}

static const struct {
    struct str key;
    void (*check)(struct finding *f);
} checks[] = {
    {{"header", 6}, check_header},
    {{"no-header", 9}, check_no_header},
    {{"contains", 8}, check_contains},
    {{"lacks", 5}, check_lacks},
    {{"body", 4}, check_body},
    {{"same", 4}, check_same},
    {{"keeps", 5}, check_keeps},
    {{"record-routes", 13}, check_record_routes},
    {{"vias", 4}, check_vias},
    {{"top-via", 7}, check_top_via},
    {{"branch", 6}, check_branch},
    {{"branch-of", 9}, check_branch_of},
    {{"to-tag", 6}, check_to_tag},
    {{"to-tag-of", 9}, check_to_tag_of},
    {{"reason", 6}, check_reason},
    {{"cseq", 4}, check_cseq},
    {{"max-forwards", 12}, check_max_forwards},
    {{"ruri", 4}, check_ruri},
    {{"at", 2}, check_at},
    {{"came-from", 9}, check_came_from},
    {{"as", 2}, check_nothing},
    {{"contact", 7}, check_contact},
    {{"contacts", 8}, check_contacts},
    {{"expires", 7}, check_expires},
    {{"min-expires", 11}, check_min_expires},
    {{"retry-after", 11}, check_retry_after},
    {{"token", 5}, check_token},
    {{"token-of", 8}, check_token_of},
    {{"token-not-of", 12}, check_token_not_of},
    {{"call-id", 7}, check_call_id},
    {{"call-id-of", 10}, check_call_id_of},
    {{"call-id-not-of", 14}, check_call_id_not_of},
    {{"from-tag-of", 11}, check_from_tag_of},
    {{"cseq-above", 10}, check_cseq_above},
    {{"challenges", 10}, check_challenges},
    {{"digest", 6}, check_digest},
    {{"times", 5}, check_nothing},
    {{"within", 6}, check_nothing},
};

/* ---------------------------------------------------------------- the step */

static void check_word(struct run *r, const struct mail *m, const struct word *w)
{
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        if (!str_eq(checks[i].key, w->key))
            continue;
        struct finding f = {.run = r, .mail = m, .value = w->value};
        checks[i].check(&f);
        if (!f.is_good)
            run_fail(r, "%.*s=%.*s is expected, but there is \"%.*s\"", STR_FMT(w->key),
                     STR_FMT(w->value), STR_FMT(f.got));
        return;
    }
    run_fail(r, "nothing can be expected of %.*s=", STR_FMT(w->key));
}

/* The user part of a URI. */
static struct str user_of(struct str uri)
{
    const char *colon = str_find(uri, ':'), *at = str_find(uri, '@');
    return colon && at && colon < at ? str_span(colon + 1, at) : STR_NONE;
}

static bool is_head(const struct mail *m, struct str head)
{
    struct str first, rest;
    if (text_is_request(m->bytes))
        return str_eq(text_method(m->bytes), head);
    (void)text_word(text_first_line(m->bytes), &rest);
    first = text_word(rest, &rest);
    return str_eq(first, head);
}

void expect_match(struct run *r, const struct mail *m, size_t nth)
{
    struct str head = script_word(r->step, nth), user = script_word(r->step, nth + 1);
    if (!is_head(m, head)) {
        run_fail(r, "%.*s is expected, but this came: %.*s", STR_FMT(head),
                 STR_FMT(text_first_line(m->bytes)));
        return;
    }
    if (user.p && !str_eq(user, user_of(text_uri(m->bytes))))
        run_fail(r, "a request for %.*s is expected, but it is for %.*s", STR_FMT(user),
                 STR_FMT(text_uri(m->bytes)));
    for (size_t i = 0; i < r->step->n_words; i++)
        if (!str_is_none(r->step->words[i].key))
            check_word(r, m, &r->step->words[i]);
}
