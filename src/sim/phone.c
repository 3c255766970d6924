#include "sim/phone.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/list.h"
#include "sip/contact.h"
#include "sip/param.h"

enum { RUN_HEX = 16, NUMBER_HEX = 8, BOOTS_HEX = 4, USER_MAX = 256, CONTACT_MAX = 512 };

#define COOKIE STR("z9hG4bK")

/* What was learnt from the latest challenge; realm, nonce and opaque behind it. */
struct phone_auth {
    enum digest_algorithm algorithm;
    bool has_qop;
    uint32_t count; /* nc of the REGISTER under way */
    struct digest_hex ha1;
    struct str realm, nonce, opaque; /* opaque may be none */
    size_t room;
    char bytes[];
};

static const char *const fault_names[FAULT_MAX] = {
    [FAULT_MALFORMED] = "malformed",      [FAULT_OTHER_DIALOG] = "other-dialog",
    [FAULT_NOT_LISTED] = "not-listed",    [FAULT_STILL_LISTED] = "still-listed",
    [FAULT_NO_EXPIRY] = "without-expiry", [FAULT_FOREIGN] = "foreign-contact",
    [FAULT_MISDIRECTED] = "misdirected",  [FAULT_CALLED_TWICE] = "called-twice",
    [FAULT_NO_CALL] = "no-such-call",     [FAULT_NO_ACK] = "not-acknowledged",
};

const char *phone_fault_name(enum phone_fault fault)
{
    return fault_names[fault];
}

/* What stands before and behind the number may stand in a URI. */
static bool is_user(const char *text, const char *percent, struct str suffix)
{
    char room[USER_MAX + 16];
    struct uri uri;
    struct buf out = buf_over(room, sizeof room);
    buf_add(&out, STR("sip:"));
    buf_add(&out, str_span(text, percent));
    buf_add_char(&out, '0');
    buf_add(&out, suffix);
    buf_add(&out, STR("@h"));
    return !out.has_overflown && uri_parse(buf_str(&out), &uri) == 0;
}

int phone_set_user_format(struct phone_style *s, const char *text)
{
    const char *percent = strchr(text, '%');
    if (!percent)
        return ERR_PARSE;
    struct str rest = str_of(percent + 1);
    uint32_t digits = 0;
    if (rest.n > 1 && ascii_is_digit(*rest.p)) {
        digits = (uint32_t)(rest.p[1] - '0');
        if (*rest.p != '0' || digits < 1 || digits > 9)
            return ERR_PARSE;
        rest = str_skip(rest, 2);
    }
    if (rest.n == 0 || *rest.p != 'd' || str_find(rest, '%') || strlen(text) > USER_MAX - 16)
        return ERR_PARSE;
    if (!is_user(text, percent, str_skip(rest, 1)))
        return ERR_PARSE;
    s->user_prefix = str_span(text, percent);
    s->user_digits = digits;
    s->user_suffix = str_skip(rest, 1);
    return 0;
}

void phone_init(struct phone *p, const struct phone_style *s, uint32_t number)
{
    *p = (struct phone){.number = number, .source = number, .asked_s = s->expires_s};
    list_init(&p->node);
}

void phone_fini(struct phone *p)
{
    free(p->auth);
    p->auth = NULL;
}

void phone_reboot(struct phone *p)
{
    phone_fini(p);
    p->boots++;
}

void phone_start(struct phone *p, const struct phone_style *s, bool is_leaving)
{
    p->is_leaving = is_leaving;
    p->is_proven = false;
    if (is_leaving)
        p->asked_s = 0;
    else if (p->asked_s < s->expires_s)
        p->asked_s = s->expires_s;
}

void phone_advance(struct phone *p)
{
    p->cseq++;
    if (p->auth)
        p->auth->count++;
}

/* ---------------------------------------------------------------- printing */

static void add_hex(struct buf *out, uint64_t v, int digits)
{
    static const char hex[] = "0123456789abcdef";
    char text[RUN_HEX];
    for (int i = digits - 1; i >= 0; i--, v >>= 4)
        text[i] = hex[v & 15];
    buf_add(out, (struct str){text, (size_t)digits});
}

static void add_user(struct buf *out, const struct phone *p, const struct phone_style *s)
{
    char text[24];
    struct buf digits = buf_over(text, sizeof text);
    buf_add_u64(&digits, s->first_user + p->number / s->devices_per_line);
    buf_add(out, s->user_prefix);
    for (size_t i = digits.len; i < s->user_digits; i++)
        buf_add_char(out, '0');
    buf_add(out, buf_str(&digits));
    buf_add(out, s->user_suffix);
}

static void add_aor(struct buf *out, const struct phone *p, const struct phone_style *s)
{
    buf_add(out, STR("<sip:"));
    add_user(out, p, s);
    buf_add_char(out, '@');
    buf_add(out, s->domain);
    buf_add_char(out, '>');
}

static void add_contact_uri(struct buf *out, const struct phone *p, const struct phone_style *s,
                            const struct addr *local)
{
    buf_add(out, STR("sip:"));
    add_user(out, p, s);
    buf_add_char(out, '@');
    addr_print(local, out);
    if (s->devices_per_line == 1)
        return;
    /* Devices of a line may share an address: the parameter tells them apart. */
    buf_add(out, STR(";line="));
    add_hex(out, p->number, NUMBER_HEX);
}

void phone_print_contact(const struct phone_style *s, uint32_t number, const struct addr *local,
                         struct buf *out)
{
    const struct phone p = {.number = number};
    add_contact_uri(out, &p, s, local);
}

static void add_name(struct buf *out, const struct phone *p, const struct phone_style *s)
{
    add_hex(out, s->run, RUN_HEX);
    add_hex(out, p->number, NUMBER_HEX);
}

static void add_call_id(struct buf *out, const struct phone *p, const struct phone_style *s)
{
    add_name(out, p, s);
    if (p->boots)
        add_hex(out, p->boots, BOOTS_HEX);
}

static void add_tag(struct buf *out, const struct phone *p, const struct phone_style *s)
{
    add_hex(out, (s->run ^ p->number * 0x9e3779b1ULL) & UINT32_MAX, NUMBER_HEX);
}

static void add_branch(struct buf *out, const struct phone *p, const struct phone_style *s)
{
    buf_add(out, COOKIE);
    add_name(out, p, s);
    add_hex(out, p->cseq, NUMBER_HEX);
}

static void add_authorization(struct buf *out, const struct phone *p, const struct phone_style *s)
{
    const struct phone_auth *auth = p->auth;
    char user_text[USER_MAX], uri_text[USER_MAX], cnonce_text[NUMBER_HEX];
    struct buf user = buf_over(user_text, sizeof user_text);
    struct buf uri = buf_over(uri_text, sizeof uri_text);
    struct buf cnonce = buf_over(cnonce_text, sizeof cnonce_text);
    struct digest_hex response;
    add_user(&user, p, s);
    buf_add(&uri, STR("sip:"));
    buf_add(&uri, s->domain);
    add_hex(&cnonce, s->run + p->cseq, NUMBER_HEX);
    struct digest_credentials c = {
        .username = buf_str(&user),
        .realm = auth->realm,
        .nonce = auth->nonce,
        .uri = buf_str(&uri),
        .algorithm = digest_answer_algorithm_name(auth->algorithm),
        .opaque = auth->opaque,
        .qop = auth->has_qop ? STR("auth") : STR_NONE,
        .cnonce = buf_str(&cnonce),
        .nonce_count = auth->count,
    };
    const struct digest_secret secret = {auth->algorithm, {auth->ha1.text, auth->ha1.n}};
    const struct digest_request request = {.method = STR("REGISTER")};
    if (digest_answer_response(s->digest, &secret, &request, &c, &response))
        return;
    c.response = (struct str){response.text, response.n};
    buf_add(out, STR("Authorization: "));
    digest_answer_print(&c, out);
    buf_add(out, STR("\r\n"));
}

static void add_instance(struct buf *out, const struct phone *p, const struct phone_style *s)
{
    buf_add(out, STR(";+sip.instance=\"<urn:uuid:"));
    add_hex(out, s->run >> 32, 8);
    buf_add(out, STR("-0000-4000-8000-"));
    add_hex(out, p->number, 12);
    buf_add(out, STR(">\""));
}

static void add_contact(struct buf *out, const struct phone *p, const struct phone_style *s,
                        const struct addr *local)
{
    buf_add(out, STR("\r\nContact: <"));
    add_contact_uri(out, p, s, local);
    buf_add_char(out, '>');
    if (s->has_instance)
        add_instance(out, p, s);
}

void phone_print(const struct phone *p, const struct phone_style *s, const struct addr *local,
                 struct buf *out)
{
    buf_add(out, STR("REGISTER sip:"));
    buf_add(out, s->domain);
    buf_add(out, STR(" SIP/2.0\r\nVia: SIP/2.0/UDP "));
    addr_print(local, out);
    buf_add(out, STR(";branch="));
    add_branch(out, p, s);
    buf_add(out, STR(";rport\r\nMax-Forwards: 70\r\nFrom: "));
    add_aor(out, p, s);
    buf_add(out, STR(";tag="));
    add_tag(out, p, s);
    buf_add(out, STR("\r\nTo: "));
    add_aor(out, p, s);
    buf_add(out, STR("\r\nCall-ID: "));
    add_call_id(out, p, s);
    buf_add(out, STR("\r\nCSeq: "));
    buf_add_u64(out, p->cseq);
    buf_add(out, STR(" REGISTER"));
    add_contact(out, p, s, local);
    buf_add(out, STR("\r\nExpires: "));
    buf_add_u64(out, p->asked_s);
    buf_add(out, STR("\r\n"));
    if (p->auth)
        add_authorization(out, p, s);
    buf_add(out, STR("Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY, REFER, MESSAGE, INFO\r\n"
                     "Supported: path, replaces\r\nUser-Agent: breakwater-sim\r\n"
                     "Content-Length: 0\r\n\r\n"));
}

/* ---------------------------------------------------------------- whose answer */

static bool take_hex(struct str *s, size_t digits, uint64_t *out)
{
    uint64_t v = 0;
    if (s->n < digits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        int digit = ascii_hex(s->p[i]);
        if (digit < 0)
            return false;
        v = v << 4 | (uint64_t)digit;
    }
    *s = str_skip(*s, digits);
    *out = v;
    return true;
}

bool phone_find(const struct phone_style *s, struct str branch, uint32_t *number, uint32_t *cseq)
{
    const struct str cookie = COOKIE;
    uint64_t run, n, c;
    if (!str_has_prefix(branch, cookie))
        return false;
    branch = str_skip(branch, cookie.n);
    if (!take_hex(&branch, RUN_HEX, &run) || run != s->run || !take_hex(&branch, NUMBER_HEX, &n) ||
        !take_hex(&branch, NUMBER_HEX, &c) || branch.n)
        return false;
    *number = (uint32_t)n;
    *cseq = (uint32_t)c;
    return true;
}

/* The line that a user is. */
static bool take_user(const struct phone_style *s, struct str user, uint32_t *line)
{
    const size_t n = s->user_prefix.n + s->user_suffix.n;
    uint32_t number;
    if (user.n <= n || !str_has_prefix(user, s->user_prefix))
        return false;
    const struct str digits = {user.p + s->user_prefix.n, user.n - n};
    if (!str_eq(str_skip(user, user.n - s->user_suffix.n), s->user_suffix) ||
        str_to_u32(digits, UINT32_MAX, &number) || number < s->first_user)
        return false;
    *line = number - s->first_user;
    return true;
}

bool phone_find_called(const struct phone_style *s, struct str uri, uint32_t *number)
{
    struct uri u;
    struct str device;
    uint64_t n;
    uint32_t line;
    if (uri_parse(uri, &u) || !take_user(s, u.user, &line))
        return false;
    *number = line;
    if (s->devices_per_line == 1)
        return true;
    if (!uri_param(&u, STR("line"), &device) || !take_hex(&device, NUMBER_HEX, &n) || device.n)
        return false;
    *number = (uint32_t)n;
    return n / s->devices_per_line == line;
}

static bool is_same_dialog(const struct phone *p, const struct phone_style *s, const struct msg *m)
{
    char text[64];
    struct buf call_id = buf_over(text, 32), tag = buf_over(text + 32, 32);
    add_call_id(&call_id, p, s);
    add_tag(&tag, p, s);
    const bool needs_to_tag = m->status > 100;
    return str_eq(m->call_id, buf_str(&call_id)) && str_eq(m->from_tag, buf_str(&tag)) &&
           m->cseq == p->cseq && m->method == METHOD_REGISTER && (m->to_tag.n || !needs_to_tag);
}

/* ---------------------------------------------------------------- challenges */

static bool offers_auth(struct str qop)
{
    struct str element;
    while (param_split(&qop, &element))
        if (str_ieq(element, STR("auth")))
            return true;
    return false;
}

/* The first challenge that can be answered: they stand in order of preference (RFC 8760 2.4). */
static bool find_challenge(const struct msg *m, struct digest_challenge *out,
                           enum digest_algorithm *algorithm)
{
    const struct msg_line *l = msg_first(m, HDR_WWW_AUTHENTICATE);
    for (; l; l = msg_next(m, l))
        if (digest_parse_challenge(m->arena, l->value, out) == 0 &&
            digest_answer_algorithm(out->algorithm, algorithm) &&
            (str_is_none(out->qop) || offers_auth(out->qop)))
            return true;
    return false;
}

static struct str keep(struct buf *room, struct str s)
{
    if (str_is_none(s))
        return s;
    const struct str copy = {room->p + room->len, s.n};
    buf_add(room, s);
    return copy;
}

static int set_ha1(struct phone *p, const struct phone_style *s)
{
    char text[USER_MAX];
    struct buf user = buf_over(text, sizeof text);
    add_user(&user, p, s);
    const struct digest_account account = {buf_str(&user), p->auth->realm, s->password};
    return digest_answer_ha1(s->digest, p->auth->algorithm, &account, &p->auth->ha1);
}

/* 0, ERR_NOMEM, ERR_ABSENT. */
static int learn(struct phone *p, const struct phone_style *s, const struct digest_challenge *c,
                 enum digest_algorithm algorithm)
{
    struct phone_auth *auth = p->auth;
    const size_t n = c->realm.n + c->nonce.n + c->opaque.n;
    const bool is_known = auth && auth->algorithm == algorithm && str_eq(auth->realm, c->realm);
    if (!auth || n > auth->room) {
        auth = realloc(auth, sizeof *auth + n);
        if (!auth)
            return ERR_NOMEM;
        auth->room = n;
        p->auth = auth;
    }
    struct buf room = buf_over(auth->bytes, auth->room);
    auth->algorithm = algorithm;
    auth->has_qop = !str_is_none(c->qop);
    auth->count = 0;
    auth->realm = keep(&room, c->realm);
    auth->nonce = keep(&room, c->nonce);
    auth->opaque = keep(&room, c->opaque);
    if (is_known)
        return 0;
    auth->ha1.n = 0;
    return set_ha1(p, s);
}

static enum phone_event on_challenge(struct phone *p, const struct phone_style *s,
                                     const struct msg *m)
{
    struct digest_challenge c;
    enum digest_algorithm algorithm;
    if (str_is_none(s->password) || !find_challenge(m, &c, &algorithm))
        return PHONE_REFUSED;
    /* Who has answered this attempt's challenge and is asked again has the wrong password. */
    if (p->is_proven && !c.is_stale)
        return PHONE_REFUSED;
    if (learn(p, s, &c, algorithm))
        return PHONE_REFUSED;
    p->is_proven = true;
    return PHONE_AGAIN;
}

/* ---------------------------------------------------------------- 200 */

/* What a 200 lists. */
struct listing {
    bool has_own, has_foreign;
    int64_t own_expires_s;
};

static void note_contact(struct listing *l, const struct contact *c, const struct uri *own)
{
    if (str_eq(c->uri.text, own->text) || uri_is_equal(&c->uri, own)) {
        l->has_own = true;
        l->own_expires_s = c->expires_s;
    } else if (!str_eq(c->uri.user, own->user)) {
        l->has_foreign = true;
    }
}

/* False: malformed. */
static bool read_listing(const struct msg *m, const struct uri *own, struct listing *out)
{
    *out = (struct listing){.own_expires_s = CONTACT_NO_EXPIRES};
    for (const struct msg_line *l = msg_first(m, HDR_CONTACT); l; l = msg_next(m, l)) {
        struct str rest = l->value;
        struct contact c;
        int got;
        while ((got = contact_next(&rest, &c)) == 1)
            note_contact(out, &c, own);
        if (got)
            return false;
    }
    uint32_t header_s;
    const struct str header = msg_value(m, HDR_EXPIRES);
    if (out->own_expires_s == CONTACT_NO_EXPIRES && !str_is_none(header) &&
        contact_expires(header, &header_s) == 0)
        out->own_expires_s = header_s;
    return true;
}

static struct phone_answer wrong(enum phone_fault fault)
{
    return (struct phone_answer){.event = PHONE_WRONG, .fault = fault};
}

static struct phone_answer on_ok(struct phone *p, const struct phone_style *s,
                                 const struct addr *local, const struct msg *m)
{
    char text[CONTACT_MAX];
    struct buf contact = buf_over(text, sizeof text);
    struct uri own;
    struct listing l;
    add_contact_uri(&contact, p, s, local);
    BUG_ON(uri_parse(buf_str(&contact), &own));
    if (!read_listing(m, &own, &l))
        return wrong(FAULT_MALFORMED);
    if (l.has_foreign)
        return wrong(FAULT_FOREIGN);
    if (p->is_leaving)
        return l.has_own ? wrong(FAULT_STILL_LISTED)
                         : (struct phone_answer){.event = PHONE_REMOVED};
    if (!l.has_own)
        return wrong(FAULT_NOT_LISTED);
    if (l.own_expires_s <= 0)
        return wrong(FAULT_NO_EXPIRY);
    return (struct phone_answer){.event = PHONE_REGISTERED, .granted_s = (uint32_t)l.own_expires_s};
}

/* ---------------------------------------------------------------- the rest */

/* The number that a header's value begins with; 0: none. */
static uint32_t leading_number(struct str value)
{
    uint32_t v = 0;
    size_t n = 0;
    while (n < value.n && ascii_is_digit(value.p[n]))
        n++;
    (void)str_to_u32((struct str){value.p, n}, UINT32_MAX, &v);
    return v;
}

static enum phone_event on_too_brief(struct phone *p, const struct msg *m)
{
    const uint32_t least = leading_number(msg_value(m, HDR_MIN_EXPIRES));
    if (p->is_leaving || least <= p->asked_s)
        return PHONE_REFUSED;
    p->asked_s = least;
    return PHONE_AGAIN;
}

struct phone_answer phone_take(struct phone *p, const struct phone_style *s,
                               const struct addr *local, const struct msg *m)
{
    if (!is_same_dialog(p, s, m))
        return wrong(FAULT_OTHER_DIALOG);
    if (m->status < 200)
        return (struct phone_answer){.event = PHONE_PROVISIONAL};
    if (m->status < 300)
        return on_ok(p, s, local, m);
    struct phone_answer answer = {.event = PHONE_REFUSED};
    if (m->status == 401)
        answer.event = on_challenge(p, s, m);
    else if (m->status == 423)
        answer.event = on_too_brief(p, m);
    answer.retry_after_s = leading_number(msg_value(m, HDR_RETRY_AFTER));
    return answer;
}
