#include "admin/recordjson.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/utf8.h"
#include "net/flow.h"
#include "sip/uri.h"

/* Seconds after 1970, and the longest text of one value; both far beyond what there is. */
enum { TEXT_MAX = 65535, ADDRESS_MAX = ADDR_TEXT + 12, ID_LEN = 16, FAMILY_LEN = 32 };
#define TIME_MAX (INT64_C(1) << 40)

/* The stream that a binding of the import had: none of ours is called so. */
enum { SOME_FLOW = 1 };

enum kind {
    KIND_ID,
    KIND_U32,
    KIND_TIME,
    KIND_TEXT,
    KIND_URI,
    KIND_ADDR,
    KIND_FAMILY,
    KIND_LISTENER,
    KIND_TRANSPORT,
    KIND_SERVER, /* the same, where UDP goes without saying */
    KIND_PROOF,
    KIND_STATE,
    KIND_FLAG,
    KIND_Q,
    KIND_STREAM
};

struct field {
    const char *name;
    uint8_t kind;
    bool is_needed;
    uint16_t offset;
};

static const struct field binding_fields[] = {
    {"id", KIND_ID, true, offsetof(struct binding, id)},
    {"contact", KIND_URI, true, offsetof(struct binding, contact)},
    {"params", KIND_TEXT, false, offsetof(struct binding, params)},
    {"instance", KIND_TEXT, false, offsetof(struct binding, instance)},
    {"reg_id", KIND_U32, false, offsetof(struct binding, reg_id)},
    {"q", KIND_Q, false, offsetof(struct binding, q)},
    {"call_id", KIND_TEXT, true, offsetof(struct binding, call_id)},
    {"cseq", KIND_U32, false, offsetof(struct binding, cseq)},
    {"path", KIND_TEXT, false, offsetof(struct binding, path)},
    {"user_agent", KIND_TEXT, false, offsetof(struct binding, user_agent)},
    {"methods", KIND_U32, false, offsetof(struct binding, methods)},
    {"transport", KIND_TRANSPORT, false, offsetof(struct binding, way.transport)},
    {"peer", KIND_ADDR, false, offsetof(struct binding, way.peer)},
    {"local", KIND_ADDR, false, offsetof(struct binding, way.local)},
    {"listener", KIND_LISTENER, false, offsetof(struct binding, way.listener)},
    {"stream", KIND_STREAM, false, offsetof(struct binding, way.flow_id)},
    {"proof", KIND_PROOF, false, offsetof(struct binding, proof.kind)},
    {"proof_at", KIND_TIME, false, offsetof(struct binding, proof.at_s)},
    {"family", KIND_FAMILY, false, offsetof(struct binding, proof.family)},
    {"granted", KIND_U32, false, offsetof(struct binding, granted_s)},
    {"expires_at", KIND_TIME, true, offsetof(struct binding, expires_at_s)},
    {"created_at", KIND_TIME, false, offsetof(struct binding, created_at_s)},
    {"registration", KIND_ID, false, offsetof(struct binding, upreg_id)},
};

static const struct field upreg_fields[] = {
    {"id", KIND_ID, true, offsetof(struct upreg, id)},
    {"state", KIND_STATE, true, offsetof(struct upreg, state)},
    {"contact", KIND_URI, false, offsetof(struct upreg, contact)},
    {"call_id", KIND_TEXT, false, offsetof(struct upreg, call_id)},
    {"cseq", KIND_U32, false, offsetof(struct upreg, cseq)},
    {"granted", KIND_U32, false, offsetof(struct upreg, granted_s)},
    {"dead_at", KIND_TIME, false, offsetof(struct upreg, dead_at_s)},
    {"service_route", KIND_TEXT, false, offsetof(struct upreg, service_route)},
    {"associated", KIND_TEXT, false, offsetof(struct upreg, associated)},
    {"form", KIND_ID, false, offsetof(struct upreg, form)},
    {"fixed", KIND_FLAG, false, offsetof(struct upreg, is_fixed)},
    {"bulk", KIND_FLAG, false, offsetof(struct upreg, is_bulk)},
    {"pub_gruu", KIND_TEXT, false, offsetof(struct upreg, pub_gruu)},
    {"temp_gruu", KIND_TEXT, false, offsetof(struct upreg, temp_gruu)},
    {"has_instance", KIND_FLAG, false, offsetof(struct upreg, has_instance)},
    {"server", KIND_ADDR, false, offsetof(struct upreg, server.addr)},
    {"server_transport", KIND_SERVER, false, offsetof(struct upreg, server.transport)},
};

enum {
    N_BINDING_FIELDS = sizeof binding_fields / sizeof binding_fields[0],
    N_UPREG_FIELDS = sizeof upreg_fields / sizeof upreg_fields[0]
};

static const char *const transports[] = {"udp", "tcp", "tls", "ws", "wss", NULL},
                         *const proofs[] = {"none",    "upstream", "upstream-unchallenged",
                                            "trusted", "digest",   NULL},
                         *const states[] = {"live", "leaving", "orphan", "ended", NULL};

_Static_assert(sizeof transports / sizeof transports[0] == FLOW_TRANSPORT_MAX + 1, "a word each");
_Static_assert(sizeof proofs / sizeof proofs[0] == PROOF_DIGEST + 2, "a word each");
_Static_assert(sizeof states / sizeof states[0] == UPREG_ENDED + 2, "a word each");

/* ---------------------------------------------------------------- writing */

static json_t *hex_json(const void *bytes, size_t n)
{
    char *text = malloc(2 * n + 1);
    struct buf b = buf_over(text, 2 * n);
    if (!text)
        return NULL;
    buf_add_hex(&b, bytes, n);
    json_t *json = json_stringn(text, b.len);
    free(text);
    return json;
}

static json_t *id_json(uint64_t id)
{
    char text[ID_LEN + 1];
    (void)snprintf(text, sizeof text, "%016llx", (unsigned long long)id);
    return json_string(text);
}

static json_t *text_json(struct str s)
{
    if (utf8_is_text(s) && !(s.n && memchr(s.p, '\0', s.n)))
        return json_stringn(s.n ? s.p : "", s.n);
    json_t *hex = hex_json(s.p, s.n);
    return hex ? json_pack("{s:o}", "hex", hex) : NULL;
}

/* The zone is a number of this machine; behind all else, so that the rest can be read without. */
static json_t *addr_json(const struct addr *a)
{
    char text[ADDRESS_MAX];
    struct buf b = buf_over(text, sizeof text);
    addr_print(a, &b);
    if (a->scope_id)
        buf_addf(&b, "%%%u", a->scope_id);
    return json_stringn(text, b.len);
}

static json_t *family_json(const struct family *f)
{
    char text[FAMILY_LEN + 1];
    (void)snprintf(text, sizeof text, "%016llx%016llx", (unsigned long long)f->a,
                   (unsigned long long)f->b);
    return json_string(text);
}

static json_t *listener_json(const struct recordjson *by, uint8_t index)
{
    return index < by->names->n_listeners ? json_string(by->names->listeners[index]) : json_null();
}

static json_t *value_json(const struct recordjson *by, const struct field *f, const void *at)
{
    switch ((enum kind)f->kind) {
    case KIND_ID:
        return id_json(*(const uint64_t *)at);
    case KIND_U32:
        return json_integer(*(const uint32_t *)at);
    case KIND_TIME:
        return json_integer((json_int_t) * (const uint64_t *)at + by->wall_ahead_s);
    case KIND_TEXT:
    case KIND_URI:
        return text_json(*(const struct str *)at);
    case KIND_ADDR:
        return addr_json(at);
    case KIND_FAMILY:
        return family_json(at);
    case KIND_LISTENER:
        return listener_json(by, *(const uint8_t *)at);
    case KIND_TRANSPORT:
    case KIND_SERVER:
        return json_string(transports[*(const uint8_t *)at]);
    case KIND_PROOF:
        return json_string(proofs[*(const enum proof_kind *)at]);
    case KIND_STATE:
        return json_string(states[*(const enum upreg_state *)at]);
    case KIND_Q:
        return json_integer(*(const int *)at);
    case KIND_FLAG:
    case KIND_STREAM:
        break;
    }
    return json_true();
}

/* What is not there is left out. */
static bool is_absent(const struct field *f, const void *at)
{
    switch ((enum kind)f->kind) {
    case KIND_ID:
    case KIND_TIME:
    case KIND_STREAM:
        return *(const uint64_t *)at == 0;
    case KIND_U32:
        return *(const uint32_t *)at == 0;
    case KIND_TEXT:
    case KIND_URI:
        return str_is_none(*(const struct str *)at);
    case KIND_ADDR:
        return ((const struct addr *)at)->family == 0;
    case KIND_FAMILY:
        return family_is_none(at);
    case KIND_FLAG:
    case KIND_SERVER:
        return *(const uint8_t *)at == 0;
    case KIND_Q:
        return *(const int *)at < 0;
    default:
        return false;
    }
}

static json_t *group_json(const struct recordjson *by, const struct field *fields, size_t n,
                          const void *base)
{
    json_t *json = json_object();
    for (size_t i = 0; json && i < n; i++) {
        const void *at = (const char *)base + fields[i].offset;
        if (is_absent(&fields[i], at) ||
            json_object_set_new_nocheck(json, fields[i].name, value_json(by, &fields[i], at)) == 0)
            continue;
        json_decref(json);
        json = NULL;
    }
    return json;
}

json_t *recordjson_of(const struct recordjson *by, const struct aor_record *r)
{
    json_t *bindings = json_array(), *upregs = json_array();
    bool is_whole = bindings && upregs;
    for (size_t i = 0; is_whole && i < r->n_bindings; i++)
        is_whole = json_array_append_new(bindings, group_json(by, binding_fields, N_BINDING_FIELDS,
                                                              &r->bindings[i])) == 0;
    for (size_t i = 0; is_whole && i < r->n_upregs; i++)
        is_whole = json_array_append_new(
                       upregs, group_json(by, upreg_fields, N_UPREG_FIELDS, &r->upregs[i])) == 0;
    json_t *json =
        is_whole ? json_pack("{s:o,s:I,s:O,s:O}", "aor", text_json(r->aor), "revision",
                             (json_int_t)r->revision, "bindings", bindings, "registrations", upregs)
                 : NULL;
    json_decref(bindings);
    json_decref(upregs);
    return json;
}

/* ---------------------------------------------------------------- reading */

/* Where the value stands that is being read. */
struct place {
    const struct recordjson *by;
    struct arena *arena;
    const char *list; /* NULL: the record itself */
    size_t at;        /* in the list */
    struct recordjson_fault *fault;
};

static int refuse(const struct place *p, const char *name, const char *expected)
{
    if (p->list)
        (void)snprintf(p->fault->text, sizeof p->fault->text, "%s[%zu].%.64s: expected %.100s",
                       p->list, p->at, name, expected);
    else
        (void)snprintf(p->fault->text, sizeof p->fault->text, "%.64s: expected %.100s", name,
                       expected);
    return ERR_PARSE;
}

/* Digits of lower or upper case; false: others, or not 2 * n of them. */
static bool read_hex(struct str text, uint8_t *out, size_t n)
{
    if (text.n != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        int high = ascii_hex(text.p[2 * i]), low = ascii_hex(text.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool read_u64(struct str text, uint64_t *out)
{
    uint8_t bytes[8];
    if (!read_hex(text, bytes, sizeof bytes))
        return false;
    *out = 0;
    for (size_t i = 0; i < sizeof bytes; i++)
        *out = *out << 8 | bytes[i];
    return true;
}

static struct str str_of_json(const json_t *v)
{
    return (struct str){json_string_value(v), json_string_length(v)};
}

/* Could not stand in a header field: NUL, and an end of line that no fold follows. */
static bool is_torn(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        bool is_fold = s.p[i] == '\r' && i + 2 < s.n && s.p[i + 1] == '\n' &&
                       (s.p[i + 2] == ' ' || s.p[i + 2] == '\t');
        if (is_fold)
            i += 2;
        else if (s.p[i] == '\r' || s.p[i] == '\n' || s.p[i] == '\0')
            return true;
    }
    return false;
}

static int read_text(const struct place *p, const char *name, const json_t *v, struct str *out)
{
    const json_t *hex =
        json_is_object(v) && json_object_size(v) == 1 ? json_object_get(v, "hex") : NULL;
    struct str s = str_of_json(hex ? hex : v);
    if (!json_is_string(hex ? hex : v) || s.n > 2 * (size_t)TEXT_MAX)
        return refuse(p, name, "a string, or {\"hex\": a string}");
    if (hex) {
        uint8_t *bytes = arena_alloc(p->arena, s.n / 2 + 1);
        if (!bytes)
            return ERR_NOMEM;
        if (!read_hex(s, bytes, s.n / 2))
            return refuse(p, name, "an even number of hexadecimal digits");
        s = (struct str){(const char *)bytes, s.n / 2};
    }
    if (s.n > TEXT_MAX || is_torn(s))
        return refuse(p, name, "at most 65535 bytes without NUL and without an end of line");
    *out = s;
    return 0;
}

static int read_uri(const struct place *p, const char *name, const json_t *v, struct str *out)
{
    struct uri u;
    int err = read_text(p, name, v, out);
    if (err)
        return err;
    return uri_parse(*out, &u) ? refuse(p, name, "a URI") : 0;
}

static int read_integer(const struct place *p, const struct field *f, const json_t *v,
                        json_int_t max, json_int_t *out)
{
    *out = json_integer_value(v);
    if (json_is_integer(v) && *out >= 0 && *out <= max)
        return 0;
    char expected[64];
    (void)snprintf(expected, sizeof expected, "a whole number from 0 to %lld", (long long)max);
    return refuse(p, f->name, expected);
}

static int read_time(const struct place *p, const struct field *f, const json_t *v, uint64_t *out)
{
    json_int_t n;
    int err = read_integer(p, f, v, TIME_MAX, &n);
    int64_t service_s = (int64_t)n - p->by->wall_ahead_s;
    if (!err)
        *out = service_s > 0 ? (uint64_t)service_s : 1;
    return err;
}

static int read_addr(const struct place *p, const struct field *f, const json_t *v,
                     struct addr *out)
{
    struct str text = str_of_json(v);
    struct addr a = {.family = 0};
    uint32_t zone = 0;
    const char *percent = str_find(text, '%');
    struct str host = percent ? str_span(text.p, percent) : text;
    bool is_right = json_is_string(v) && addr_parse(host, 0, &a) == 0 &&
                    (!percent || (a.family == 6 && str_to_u32(str_span(percent + 1, str_end(text)),
                                                              UINT32_MAX, &zone) == 0));
    a.scope_id = zone;
    *out = a;
    return is_right ? 0 : refuse(p, f->name, "an IP address with its port");
}

static int read_word(const struct place *p, const struct field *f, const json_t *v,
                     const char *const *words, uint8_t *out)
{
    for (uint8_t i = 0; json_is_string(v) && words[i]; i++)
        if (str_eq(str_of_json(v), str_of(words[i]))) {
            *out = i;
            return 0;
        }
    char expected[128];
    struct buf b = buf_over(expected, sizeof expected - 1);
    for (size_t i = 0; words[i]; i++)
        buf_addf(&b, "%s%s", i ? " or " : "", words[i]);
    expected[b.len] = '\0';
    return refuse(p, f->name, expected);
}

static int read_family(const struct place *p, const struct field *f, const json_t *v,
                       struct family *out)
{
    struct str text = str_of_json(v);
    bool is_right = json_is_string(v) && text.n == FAMILY_LEN &&
                    read_u64((struct str){text.p, ID_LEN}, &out->a) &&
                    read_u64(str_skip(text, ID_LEN), &out->b);
    return is_right ? 0 : refuse(p, f->name, "32 hexadecimal digits");
}

/* One that is not configured here any more is none. */
static int read_listener(const struct place *p, const struct field *f, const json_t *v,
                         uint8_t *out)
{
    const struct codec_names *names = p->by->names;
    *out = CODEC_NO_LISTENER;
    for (size_t i = 0; json_is_string(v) && i < names->n_listeners && i < CODEC_NO_LISTENER; i++)
        if (str_eq(str_of_json(v), str_of(names->listeners[i])))
            *out = (uint8_t)i;
    return json_is_string(v) || json_is_null(v)
               ? 0
               : refuse(p, f->name, "the name of a listen section");
}

static int read_number(const struct place *p, const struct field *f, const json_t *v, void *at)
{
    json_int_t n;
    int err = read_integer(p, f, v, f->kind == KIND_Q ? 1000 : UINT32_MAX, &n);
    if (f->kind == KIND_Q)
        *(int *)at = (int)n;
    else
        *(uint32_t *)at = (uint32_t)n;
    return err;
}

static int read_choice(const struct place *p, const struct field *f, const json_t *v, void *at)
{
    uint8_t word = 0;
    int err;
    switch ((enum kind)f->kind) {
    case KIND_PROOF:
        err = read_word(p, f, v, proofs, &word);
        *(enum proof_kind *)at = (enum proof_kind)word;
        return err;
    case KIND_STATE:
        err = read_word(p, f, v, states, &word);
        *(enum upreg_state *)at = (enum upreg_state)word;
        return err;
    case KIND_TRANSPORT:
    case KIND_SERVER:
        return read_word(p, f, v, transports, at);
    case KIND_STREAM:
        *(uint64_t *)at = json_is_true(v) ? SOME_FLOW : 0;
        break;
    default:
        *(uint8_t *)at = json_is_true(v);
        break;
    }
    return json_is_boolean(v) ? 0 : refuse(p, f->name, "true or false");
}

static int read_id(const struct place *p, const struct field *f, const json_t *v, uint64_t *out)
{
    bool is_right = json_is_string(v) && read_u64(str_of_json(v), out) && *out;
    return is_right ? 0 : refuse(p, f->name, "16 hexadecimal digits that are not 0");
}

static int read_value(const struct place *p, const struct field *f, const json_t *v, void *at)
{
    switch ((enum kind)f->kind) {
    case KIND_ID:
        return read_id(p, f, v, at);
    case KIND_TIME:
        return read_time(p, f, v, at);
    case KIND_TEXT:
        return read_text(p, f->name, v, at);
    case KIND_URI:
        return read_uri(p, f->name, v, at);
    case KIND_ADDR:
        return read_addr(p, f, v, at);
    case KIND_FAMILY:
        return read_family(p, f, v, at);
    case KIND_LISTENER:
        return read_listener(p, f, v, at);
    case KIND_U32:
    case KIND_Q:
        return read_number(p, f, v, at);
    default:
        return read_choice(p, f, v, at);
    }
}

static int read_group(const struct place *p, const struct field *fields, size_t n,
                      const json_t *json, void *base)
{
    size_t n_read = 0;
    if (!json_is_object(json))
        return refuse(p, "", "an object");
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_object_get(json, fields[i].name);
        int err = 0;
        if (v)
            err = read_value(p, &fields[i], v, (char *)base + fields[i].offset);
        else if (fields[i].is_needed)
            err = refuse(p, fields[i].name, "it to be there");
        if (err)
            return err;
        n_read += v != NULL;
    }
    return n_read == json_object_size(json) ? 0 : refuse(p, "", "no member that is not known");
}

/* ---------------------------------------------------------------- the whole record */

static int read_bindings(struct place *p, const json_t *list, struct aor_record *r)
{
    p->list = "bindings";
    for (p->at = 0; p->at < json_array_size(list); p->at++) {
        struct binding *b = &r->bindings[p->at];
        *b = (struct binding){.q = -1, .way.listener = CODEC_NO_LISTENER};
        int err = read_group(p, binding_fields, N_BINDING_FIELDS, json_array_get(list, p->at), b);
        if (!err && binding_find_id(r, b->id))
            err = refuse(p, "id", "another one than an earlier binding's");
        if (err)
            return err;
        r->n_bindings++;
    }
    return 0;
}

static int read_upregs(struct place *p, const json_t *list, struct aor_record *r)
{
    p->list = "registrations";
    for (p->at = 0; p->at < json_array_size(list); p->at++) {
        struct upreg *u = &r->upregs[p->at];
        *u = (struct upreg){.state = UPREG_LIVE};
        int err = read_group(p, upreg_fields, N_UPREG_FIELDS, json_array_get(list, p->at), u);
        if (!err && binding_upreg(r, u->id))
            err = refuse(p, "id", "another one than an earlier registration's");
        if (err)
            return err;
        r->n_upregs++;
    }
    return 0;
}

static int check_ties(struct place *p, const struct aor_record *r)
{
    p->list = "bindings";
    for (p->at = 0; p->at < r->n_bindings; p->at++) {
        uint64_t id = r->bindings[p->at].upreg_id;
        if (id && !binding_upreg(r, id))
            return refuse(p, "registration", "the id of one in registrations");
    }
    return 0;
}

static int read_head(const struct place *p, const json_t *json, struct aor_record *r)
{
    const json_t *revision = json_object_get(json, "revision");
    int err = read_text(p, "aor", json_object_get(json, "aor"), &r->aor);
    if (err)
        return err;
    if (!json_is_integer(revision) || json_integer_value(revision) < 0)
        return refuse(p, "revision", "a whole number");
    r->revision = (uint64_t)json_integer_value(revision);
    return json_object_size(json) == 4 ? 0 : refuse(p, "", "no member that is not known");
}

int recordjson_parse(const struct recordjson *by, struct arena *a, const json_t *json,
                     struct aor_record **out, struct recordjson_fault *f)
{
    struct place p = {.by = by, .arena = a, .fault = f};
    const json_t *bindings = json_object_get(json, "bindings"),
                 *upregs = json_object_get(json, "registrations");
    if (!json_is_object(json))
        return refuse(&p, "the line", "an object");
    if (!json_is_array(bindings) || json_array_size(bindings) > RECORD_BINDINGS_MAX)
        return refuse(&p, "bindings", "a list of at most 64");
    if (!json_is_array(upregs) || json_array_size(upregs) > RECORD_UPREGS_MAX)
        return refuse(&p, "registrations", "a list of at most 64");
    struct aor_record *r = arena_calloc(a, 1, sizeof *r);
    if (!r)
        return ERR_NOMEM;
    r->bindings = arena_alloc(a, json_array_size(bindings) * sizeof *r->bindings);
    r->upregs = arena_alloc(a, json_array_size(upregs) * sizeof *r->upregs);
    if (!r->bindings || !r->upregs)
        return ERR_NOMEM;
    int err = read_head(&p, json, r);
    if (!err)
        err = read_bindings(&p, bindings, r);
    if (!err)
        err = read_upregs(&p, upregs, r);
    if (!err)
        err = check_ties(&p, r);
    *out = r;
    return err;
}
