/* Torture messages, whole files: ours for each class of RFC 4475 and 5118, and the RFC's own where
 * their folder is at hand (BREAKWATER_TORTURE, or beside the source). */
#include "unit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "sip/contact.h"
#include "sip/digest.h"
#include "sip/glue.h"
#include "sip/msg.h"
#include "sip/uri.h"

/* What a later layer has to say about a message that the index takes. */
enum later {
    TAKEN = 0,
    AOR = 1 << 0,           /* the To of a REGISTER is no AoR */
    CONTACT = 1 << 1,       /* malformed */
    STAR = 1 << 2,          /* with other contacts, or not with Expires: 0 (D11) */
    REQUEST_URI = 1 << 3,   /* malformed, or of a scheme that we do not route */
    URI_HEADERS = 1 << 4,   /* the Request-URI has some (RFC 3261 19.1.1) */
    FROM_URI = 1 << 5,      /* malformed */
    BRANCH = 1 << 6,        /* nothing behind the cookie: it tells no transactions apart */
    REQUIRE = 1 << 7,       /* there is Require or Proxy-Require */
    AUTHORIZATION = 1 << 8, /* of a scheme that we do not know */
    MAX_FORWARDS = 1 << 9   /* is 0 */
};

struct row {
    const char *name;
    unsigned status; /* 0: the index takes it */
    const char *text;
    unsigned later;
};

static const struct row ours[] = {
    {"accept-unknown", 0, "", TAKEN},
    {"ack", 0, "", TAKEN},
    {"all-transports", 0, "", TAKEN},
    {"aor-escaped-line-end", 0, "", AOR},
    {"authorization-unknown", 0, "", AUTHORIZATION},
    {"bare-cr", 400, "Bad Line End", TAKEN},
    {"bare-lf", 400, "Bad Line End", TAKEN},
    {"bare-lf-everywhere", 400, "Bad Start Line", TAKEN},
    {"blank-in-request-uri", 400, "Bad Request-URI", TAKEN},
    {"blanks-behind-start-line", 400, "Bad Start Line", TAKEN},
    {"blanks-in-brackets", 400, "Bad To", TAKEN},
    {"blanks-in-start-line", 400, "Bad Request-URI", TAKEN},
    {"body-with-nul", 0, "", TAKEN},
    {"brackets-around-request-uri", 400, "Bad Request-URI", TAKEN},
    {"branch-is-only-the-cookie", 0, "", BRANCH},
    {"call-id-empty", 400, "Bad Call-ID", TAKEN},
    {"call-id-twice", 400, "Duplicate Call-ID", TAKEN},
    {"call-id-two-words", 400, "Bad Call-ID", TAKEN},
    {"call-id-utf8", 400, "Bad Call-ID", TAKEN},
    {"cancel", 0, "", TAKEN},
    {"comma-in-bare-display", 400, "Bad To", TAKEN},
    {"comma-in-bare-from", 400, "Bad From", TAKEN},
    {"comma-via", 0, "", TAKEN},
    {"commas-256", 0, "", TAKEN},
    {"commas-257", 400, "Too Many List Elements", TAKEN},
    {"compact-forms", 0, "", TAKEN},
    {"contact-expires-negative", 0, "", TAKEN},
    {"contact-garbage", 0, "", CONTACT},
    {"contact-headers-bare", 0, "", CONTACT},
    {"contact-headers-in-brackets", 0, "", TAKEN},
    {"contact-many", 0, "", TAKEN},
    {"contact-param-inside", 0, "", TAKEN},
    {"contact-param-outside", 0, "", TAKEN},
    {"contact-q-bad", 0, "", CONTACT},
    {"contact-star-and-other", 0, "", STAR},
    {"contact-trailing-comma", 0, "", CONTACT},
    {"content-length-empty", 400, "Bad Content-Length", TAKEN},
    {"content-length-hex", 400, "Bad Content-Length", TAKEN},
    {"content-length-larger", 400, "Content-Length Beyond The End", TAKEN},
    {"content-length-negative", 400, "Bad Content-Length", TAKEN},
    {"content-length-plus", 400, "Bad Content-Length", TAKEN},
    {"content-length-shorter", 0, "", TAKEN},
    {"content-length-twice", 400, "Duplicate Content-Length", TAKEN},
    {"content-length-twice-equal", 400, "Duplicate Content-Length", TAKEN},
    {"content-length-wraps-32", 400, "Content-Length Beyond The End", TAKEN},
    {"content-length-wraps-64", 400, "Content-Length Beyond The End", TAKEN},
    {"content-length-zeros", 0, "", TAKEN},
    {"content-type-twice", 400, "Duplicate Content-Type", TAKEN},
    {"content-type-unknown", 0, "", TAKEN},
    {"cseq-glued", 400, "Bad CSeq", TAKEN},
    {"cseq-largest", 0, "", TAKEN},
    {"cseq-method-case", 400, "CSeq Method Mismatch", TAKEN},
    {"cseq-negative", 400, "Bad CSeq", TAKEN},
    {"cseq-no-method", 400, "Bad CSeq", TAKEN},
    {"cseq-other-method", 400, "CSeq Method Mismatch", TAKEN},
    {"cseq-other-unknown-method", 400, "CSeq Method Mismatch", TAKEN},
    {"cseq-twice", 400, "Duplicate CSeq", TAKEN},
    {"cseq-two-to-31", 400, "Bad CSeq", TAKEN},
    {"cseq-wraps-32", 400, "Bad CSeq", TAKEN},
    {"cseq-zero", 0, "", TAKEN},
    {"date-not-gmt", 0, "", TAKEN},
    {"empty-params", 400, "Bad Via", TAKEN},
    {"empty-user-aor", 0, "", AOR},
    {"end-bare-lf", 400, "Missing End Of Header Fields", TAKEN},
    {"end-missing", 400, "Missing End Of Header Fields", TAKEN},
    {"escaped-nul", 0, "", AOR},
    {"escapes-in-uris", 0, "", TAKEN},
    {"every-token-character", 0, "", TAKEN},
    {"everything-twice", 400, "Duplicate From", TAKEN},
    {"fold-at-start", 400, "Bad Header Field", TAKEN},
    {"folds-257", 400, "Too Many Header Lines", TAKEN},
    {"from-empty", 400, "Bad From", TAKEN},
    {"from-no-scheme", 0, "", FROM_URI},
    {"from-star", 400, "Bad From", TAKEN},
    {"from-twice", 400, "Duplicate From", TAKEN},
    {"garbage", 400, "Bad Start Line", TAKEN},
    {"header-blank-in-name", 400, "Bad Header Field", TAKEN},
    {"header-without-colon", 400, "Bad Header Field", TAKEN},
    {"header-without-name", 400, "Bad Header Field", TAKEN},
    {"headers-in-request-uri", 0, "", URI_HEADERS},
    {"keepalive-before", 0, "", TAKEN},
    {"lines-256", 0, "", TAKEN},
    {"lines-257", 400, "Too Many Header Lines", TAKEN},
    {"long-values", 0, "", TAKEN},
    {"lower-case-version", 0, "", TAKEN},
    {"max-forwards-300", 400, "Bad Max-Forwards", TAKEN},
    {"max-forwards-negative", 400, "Bad Max-Forwards", TAKEN},
    {"max-forwards-twice", 400, "Duplicate Max-Forwards", TAKEN},
    {"max-forwards-wraps", 400, "Bad Max-Forwards", TAKEN},
    {"max-forwards-zero", 0, "", MAX_FORWARDS},
    {"method-not-token", 400, "Bad Method", TAKEN},
    {"missing-call-id", 400, "Missing Call-ID", TAKEN},
    {"missing-cseq", 400, "Missing CSeq", TAKEN},
    {"missing-from", 400, "Missing From", TAKEN},
    {"missing-to", 400, "Missing To", TAKEN},
    {"missing-via", 400, "Missing Via", TAKEN},
    {"multipart-with-binary", 0, "", TAKEN},
    {"no-blank-before-bracket", 0, "", TAKEN},
    {"no-content-length", 0, "", TAKEN},
    {"nothing-but-line-ends", 400, "Bad Start Line", TAKEN},
    {"nul-in-header", 400, "Bad Header Field", TAKEN},
    {"nul-in-quotes", 400, "Bad Header Field", TAKEN},
    {"nul-in-start-line", 400, "Bad Request-URI", TAKEN},
    {"option-required", 0, "", REQUIRE},
    {"percent-in-method", 0, "", TAKEN},
    {"quote-open", 400, "Bad To", TAKEN},
    {"reason-empty", 0, "", TAKEN},
    {"reason-of-any-bytes", 0, "", TAKEN},
    {"reason-without-blank", 0, "", TAKEN},
    {"response-scalars-too-large", 400, "Bad CSeq", TAKEN},
    {"response-to-broadcast", 0, "", TAKEN},
    {"rfc2543-client", 0, "", TAKEN},
    {"scalars-too-large", 400, "Bad CSeq", TAKEN},
    {"scheme-unknown", 0, "", REQUEST_URI},
    {"scheme-unknown-in-headers", 0, "", AOR},
    {"scheme-with-dot", 0, "", REQUEST_URI},
    {"second-message-behind", 0, "", TAKEN},
    {"semicolon-in-user", 0, "", TAKEN},
    {"semicolons-257", 400, "Too Many List Elements", TAKEN},
    {"star-contact", 0, "", TAKEN},
    {"star-contact-folded", 0, "", TAKEN},
    {"start-line-only", 400, "Missing End Of Header Fields", TAKEN},
    {"status-099", 400, "Bad Start Line", TAKEN},
    {"status-700", 400, "Bad Start Line", TAKEN},
    {"status-negative", 400, "Bad Start Line", TAKEN},
    {"status-two-digits", 400, "Bad Start Line", TAKEN},
    {"status-wraps-32", 400, "Bad Start Line", TAKEN},
    {"tab-in-start-line", 400, "Bad Start Line", TAKEN},
    {"tags-empty-params", 0, "", TAKEN},
    {"to-list", 400, "Bad To", TAKEN},
    {"to-twice", 400, "Duplicate To", TAKEN},
    {"utf8-header", 0, "", TAKEN},
    {"v6-mapped", 0, "", TAKEN},
    {"v6-port-apart", 0, "", TAKEN},
    {"v6-port-glued", 0, "", TAKEN},
    {"v6-received-bare", 0, "", TAKEN},
    {"v6-received-brackets", 0, "", TAKEN},
    {"v6-register", 0, "", TAKEN},
    {"v6-three-colons", 0, "", REQUEST_URI},
    {"v6-upper-case", 0, "", TAKEN},
    {"v6-uri-without-brackets", 0, "", REQUEST_URI},
    {"v6-via-open-bracket", 400, "Bad Via", TAKEN},
    {"v6-via-without-brackets", 400, "Bad Via", TAKEN},
    {"v6-via-zone", 400, "Bad Via", TAKEN},
    {"v6-zone", 0, "", REQUEST_URI},
    {"version-glued", 505, "Version Not Supported", TAKEN},
    {"version-http", 400, "Bad Start Line", TAKEN},
    {"version-seven", 505, "Version Not Supported", TAKEN},
    {"via-empty", 400, "Bad Via", TAKEN},
    {"via-no-host", 400, "Bad Via", TAKEN},
    {"via-port-65536", 400, "Bad Via", TAKEN},
    {"via-port-zero", 400, "Bad Via", TAKEN},
    {"via-version", 400, "Bad Via", TAKEN},
    {"white-space-everywhere", 0, "", TAKEN},
};

/* By the RFC's names of its messages. */
static const struct row rfc4475[] = {
    {"badaspec", 400, "Bad To", TAKEN},
    {"badbranch", 0, "", BRANCH},
    {"baddate", 0, "", TAKEN},
    {"baddn", 400, "Bad From", TAKEN},
    {"badinv01", 400, "Bad Via", TAKEN},
    {"badvers", 505, "Version Not Supported", TAKEN},
    {"bcast", 0, "", TAKEN},
    {"bext01", 0, "", REQUIRE},
    {"bigcode", 400, "Bad Start Line", TAKEN},
    {"clerr", 400, "Content-Length Beyond The End", TAKEN},
    {"cparam01", 0, "", TAKEN},
    {"cparam02", 0, "", TAKEN},
    {"dblreq", 0, "", TAKEN},
    {"esc01", 0, "", TAKEN},
    {"esc02", 0, "", TAKEN},
    {"escnull", 0, "", AOR},
    {"escruri", 0, "", URI_HEADERS},
    {"insuf", 400, "Missing From", TAKEN},
    {"intmeth", 0, "", TAKEN},
    {"inv2543", 0, "", TAKEN},
    {"invut", 0, "", TAKEN},
    {"longreq", 0, "", TAKEN},
    {"ltgtruri", 400, "Bad Request-URI", TAKEN},
    {"lwsdisp", 0, "", TAKEN},
    {"lwsruri", 400, "Bad Request-URI", TAKEN},
    {"lwsstart", 400, "Bad Request-URI", TAKEN},
    {"mcl01", 400, "Duplicate Content-Length", TAKEN},
    {"mismatch01", 400, "CSeq Method Mismatch", TAKEN},
    {"mismatch02", 400, "CSeq Method Mismatch", TAKEN},
    {"mpart01", 0, "", TAKEN},
    {"multi01", 400, "Duplicate CSeq", TAKEN},
    {"ncl", 400, "Bad Content-Length", TAKEN},
    {"noreason", 0, "", TAKEN},
    {"novelsc", 0, "", REQUEST_URI},
    {"quotbal", 400, "Bad To", TAKEN},
    {"regaut01", 0, "", AUTHORIZATION},
    {"regbadct", 0, "", CONTACT},
    {"regescrt", 0, "", TAKEN},
    {"scalar02", 400, "Bad CSeq", TAKEN},
    {"scalarlg", 400, "Bad CSeq", TAKEN},
    {"sdp01", 0, "", TAKEN},
    {"semiuri", 0, "", TAKEN},
    {"transports", 0, "", TAKEN},
    {"trws", 400, "Bad Start Line", TAKEN},
    {"unkscm", 0, "", REQUEST_URI},
    {"unksm2", 0, "", AOR},
    {"unreason", 0, "", TAKEN},
    {"wsinv", 0, "", TAKEN},
    {"zeromf", 0, "", MAX_FORWARDS},
};

static struct arena arena;

static int open_arena(void **state)
{
    (void)state;
    glue_init();
    arena_init(&arena, 4 << 20);
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

/* ---------------------------------------------------------------- the later layers */

static bool is_aor(struct str text)
{
    char key[4096];
    struct buf out = buf_over(key, sizeof key);
    struct uri u;
    return uri_parse(text, &u) == 0 && uri_to_aor(&u, true, &out) == URI_OK;
}

static unsigned judge_contacts(const struct msg *m)
{
    uint32_t expires = 1;
    size_t n = 0, n_stars = 0;
    for (const struct msg_line *l = msg_first(m, HDR_CONTACT); l; l = msg_next(m, l)) {
        struct str rest = l->value;
        struct contact c;
        int got;
        for (; (got = contact_next(&rest, &c)) == 1; n++)
            n_stars += c.addr.is_star;
        if (got)
            return CONTACT;
    }
    if (n_stars == 0)
        return 0;
    int err = contact_expires(msg_value(m, HDR_EXPIRES), &expires);
    return n == 1 && !err && expires == 0 ? 0 : STAR;
}

static unsigned judge_request_uri(const struct msg *m)
{
    struct uri u;
    if (uri_parse(m->uri, &u) != 0 || u.scheme == URI_OTHER)
        return REQUEST_URI;
    return str_is_none(u.headers) ? 0 : URI_HEADERS;
}

static unsigned judge_authorization(const struct msg *m)
{
    struct digest_credentials ignored;
    const struct msg_line *l = msg_first(m, HDR_AUTHORIZATION);
    return l && digest_parse_credentials(&arena, l->value, &ignored) ? AUTHORIZATION : 0;
}

static unsigned judge(const struct msg *m)
{
    struct uri u;
    unsigned later = judge_contacts(m) | judge_authorization(m);
    if (uri_parse(m->from.uri, &u) != 0)
        later |= FROM_URI;
    if (via_has_cookie(&m->via) && m->via.branch.n == strlen("z9hG4bK"))
        later |= BRANCH;
    if (msg_first(m, HDR_REQUIRE) || msg_first(m, HDR_PROXY_REQUIRE))
        later |= REQUIRE;
    if (m->max_forwards == 0)
        later |= MAX_FORWARDS;
    if (m->method == METHOD_REGISTER && !is_aor(m->to.uri))
        later |= AOR;
    return m->is_request ? later | judge_request_uri(m) : later;
}

/* ---------------------------------------------------------------- running a folder */

static const char *source_root(void)
{
    const char *root = getenv("srcdir");
    return root ? root : ".";
}

static struct str read_file(const char *path)
{
    static char bytes[1 << 17];
    FILE *f = fopen(path, "rbe");
    if (!f)
        fail_msg("%s is not there", path);
    struct str s = {bytes, fread(bytes, 1, sizeof bytes, f)};
    assert_true(s.n < sizeof bytes);
    assert_int_equal(fclose(f), 0);
    return s;
}

/* A copy of just its size, so that a sanitizer sees a read beyond it. */
static void assert_row(const char *path, const struct row *row)
{
    struct str file = read_file(path);
    struct str bytes = {malloc(file.n), file.n};
    struct msg *m = NULL;
    struct msg_fault fault;
    assert_non_null(bytes.p);
    memcpy((char *)(uintptr_t)bytes.p, file.p, file.n);
    arena_reset(&arena, SIZE_MAX);
    int err = msg_index(&arena, bytes, &msg_limits_default, &m, &fault);
    if (err != (row->status ? ERR_PARSE : 0) || fault.status != row->status ||
        strcmp(fault.text, row->text) != 0)
        fail_msg("%s: %d, %u %s", row->name, err, fault.status, fault.text);
    if (m && judge(m) != row->later)
        fail_msg("%s: what is left to later layers is 0x%x", row->name, judge(m));
    free((char *)(uintptr_t)bytes.p);
}

static void assert_rows(const char *folder, const char *ending, const struct row *rows, size_t n)
{
    char path[4096];
    for (size_t i = 0; i < n; i++) {
        assert_true(snprintf(path, sizeof path, "%s/%s%s", folder, rows[i].name, ending) <
                    (int)sizeof path);
        assert_row(path, &rows[i]);
    }
}

static bool has_row(struct str name, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(name, str_of(rows[i].name)))
            return true;
    return false;
}

/* No file without a row. */
static void assert_all_expected(const char *folder, struct str ending, const struct row *rows,
                                size_t n)
{
    DIR *d = opendir(folder);
    struct dirent *e;
    assert_non_null(d);
    while ((e = readdir(d))) {
        struct str name = str_of(e->d_name);
        if (name.p[0] == '.' || name.n < ending.n)
            continue;
        name.n -= ending.n;
        if (!has_row(name, rows, n))
            fail_msg("%s/%s: nothing is expected of it", folder, e->d_name);
    }
    assert_int_equal(closedir(d), 0);
}

static void our_messages(void **state)
{
    (void)state;
    const size_t n = sizeof ours / sizeof *ours;
    char folder[4096];
    snprintf(folder, sizeof folder, "%s/tests/torture/messages", source_root());
    assert_rows(folder, "", ours, n);
    assert_all_expected(folder, STR(""), ours, n);
}

static void the_messages_of_rfc_4475(void **state)
{
    (void)state;
    const size_t n = sizeof rfc4475 / sizeof *rfc4475;
    char folder[4096];
    const char *given = getenv("BREAKWATER_TORTURE");
    if (given)
        snprintf(folder, sizeof folder, "%s", given);
    else
        snprintf(folder, sizeof folder, "%s/../shared/torture/rfc4475", source_root());
    if (access(folder, R_OK) != 0) {
        print_message("the RFC's messages are not at hand\n");
        return;
    }
    assert_rows(folder, ".dat", rfc4475, n);
    assert_all_expected(folder, STR(".dat"), rfc4475, n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_messages),
        cmocka_unit_test(the_messages_of_rfc_4475),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
