#include "admin/importer.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/keysjson.h"
#include "admin/recordjson.h"
#include "base/err.h"
#include "base/log.h"
#include "base/sys.h"
#include "conf/conf.h"
#include "service/intake.h"
#include "service/regview.h"
#include "store/store.h"

/* Bytes of the records of one request; errors that are told of; logged most a second. */
enum { ARENA_MAX = 256 << 20, ERRORS_MAX = 100, LOGS_MOST = 1 };

/* A line of an AoR. */
struct item {
    const struct aor_record *record;
    const struct conf_domain *domain;
    size_t line;
};

struct batch {
    const struct api_hooks *hooks;
    struct conf *conf;
    struct store_reader *reader;
    struct arena arena;
    struct recordjson by;
    json_t *lines; /* what the records' slices point into */
    json_t *errors, *foreign;
    struct item *items;
    size_t n_items;
    size_t line; /* the one that is read */
    uint64_t exported_at_s;
    bool is_same_key;
    bool has_keys;
    struct keysjson keys;
    int err; /* ERR_NOMEM, ERR_IO */
};

/* ---------------------------------------------------------------- complaints */

static void complain(struct batch *b, const char *text)
{
    if (json_array_size(b->errors) < ERRORS_MAX &&
        json_array_append_new(b->errors,
                              json_pack("{s:I,s:s}", "line", (json_int_t)b->line, "message", text)))
        b->err = ERR_NOMEM;
}

static void answer_errors(const struct batch *b, struct answer *out)
{
    const json_t *first = json_array_get(b->errors, 0);
    char text[300];
    (void)snprintf(text, sizeof text, "line %lld: %s; nothing was changed",
                   (long long)json_integer_value(json_object_get(first, "line")),
                   json_string_value(json_object_get(first, "message")));
    json_t *json = answer_error("bad-lines", text);
    if (json && json_object_set(json, "errors", b->errors)) {
        json_decref(json);
        json = NULL;
    }
    answer_json(out, 422, json);
}

/* ---------------------------------------------------------------- the head */

static bool read_key_name(struct batch *b, const char *name)
{
    struct keysjson keys;
    char own[KEYSJSON_NAME];
    b->hooks->keys(&keys, b->hooks->arg);
    bool is_named = keysjson_name(&keys.ring.token, own);
    OPENSSL_cleanse(&keys, sizeof keys);
    b->is_same_key = is_named && strcmp(own, name) == 0;
    return is_named;
}

static void read_head(struct batch *b, const json_t *json)
{
    const json_t *format = json_object_get(json, "breakwater_export");
    const char *name = json_string_value(json_object_get(json, "key"));
    int64_t at_s = (int64_t)json_integer_value(json_object_get(json, "created_at"));
    int64_t now_s = (int64_t)sys_service_s() + b->by.wall_ahead_s;
    char text[160];
    if (!json_is_integer(format) || json_integer_value(format) < 1) {
        complain(b, "expected the head of an export, with breakwater_export, created_at and key");
    } else if (json_integer_value(format) > RECORDJSON_FORMAT) {
        (void)snprintf(text, sizeof text,
                       "the export has format %lld and was made by a newer version; this one reads "
                       "formats up to %d",
                       (long long)json_integer_value(format), RECORDJSON_FORMAT);
        complain(b, text);
    } else if (!name || at_s <= 0) {
        complain(b, "expected created_at, seconds after 1970, and key");
    } else if (!read_key_name(b, name)) {
        b->err = ERR_NOMEM;
    }
    /* One from the future comes by a clock that is ahead: it is as old as can be known. */
    at_s = (at_s < now_s ? at_s : now_s) - b->by.wall_ahead_s;
    b->exported_at_s = at_s > 0 ? (uint64_t)at_s : 0;
}

/* ---------------------------------------------------------------- lines */

/* It would be found by nobody in another spelling than its domain's. */
static bool is_canonical(struct batch *b, struct str aor)
{
    struct buf to = buf_in(&b->arena, aor.n + 8);
    struct str found;
    buf_add(&to, str_find(aor, '@') ? STR("<sip:") : STR("<tel:"));
    buf_add(&to, aor);
    buf_add_char(&to, '>');
    return !to.has_overflown && regview_aor(&b->arena, b->conf, buf_str(&to), &found) &&
           str_eq(found, aor);
}

/* The index from a registration to its AoR has one place for each. */
static bool is_anothers(struct batch *b, const struct aor_record *r)
{
    struct str aor;
    for (size_t i = 0; i < r->n_upregs; i++) {
        int err = store_find_upreg(b->reader, &b->arena, r->upregs[i].id, &aor);
        if (!err && !str_eq(aor, r->aor))
            return true;
        if (err && err != ERR_ABSENT)
            b->err = err;
    }
    return false;
}

struct tie {
    uint64_t id;
    size_t item;
};

static int order_by_id(const void *a, const void *b)
{
    const struct tie *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* In one request no two AoRs have the same registration. */
static void check_ids(struct batch *b)
{
    struct tie *ties;
    size_t n = 0;
    for (size_t i = 0; i < b->n_items; i++)
        n += b->items[i].record->n_upregs;
    ties = arena_alloc(&b->arena, n * sizeof *ties);
    if (!ties) {
        b->err = ERR_NOMEM;
        return;
    }
    n = 0;
    for (size_t i = 0; i < b->n_items; i++)
        for (size_t k = 0; k < b->items[i].record->n_upregs; k++)
            ties[n++] = (struct tie){b->items[i].record->upregs[k].id, i};
    qsort(ties, n, sizeof *ties, order_by_id);
    for (size_t i = 1; i < n; i++) {
        const struct item *one = &b->items[ties[i - 1].item], *other = &b->items[ties[i].item];
        b->line = one->line > other->line ? one->line : other->line;
        if (ties[i].id == ties[i - 1].id && !str_eq(one->record->aor, other->record->aor))
            complain(b, "registrations: expected ids that no other AoR has");
    }
}

static void add_item(struct batch *b, const struct aor_record *r)
{
    const struct conf_domain *d = regview_domain(b->conf, r->aor);
    struct str text = r->aor;
    if (r->aor.n == 0 || r->aor.n > STORE_AOR_MAX)
        complain(b, "aor: expected 1 to 511 bytes");
    else if (!d && json_array_append_new(b->foreign, json_stringn(text.p, text.n)))
        b->err = json_array_append_new(b->foreign, json_string("?")) ? ERR_NOMEM : b->err;
    else if (d && !is_canonical(b, r->aor))
        complain(b, "aor: expected it as it is stored: user@domain, of a domain's name");
    else if (d && is_anothers(b, r))
        complain(b, "registrations: expected ids that no other AoR has");
    else if (d)
        b->items[b->n_items++] = (struct item){r, d, b->line};
}

static void read_record(struct batch *b, const json_t *json)
{
    struct recordjson_fault f;
    struct aor_record *r;
    int err = recordjson_parse(&b->by, &b->arena, json, &r, &f);
    if (err == ERR_PARSE)
        complain(b, f.text);
    else if (err)
        b->err = err;
    else
        add_item(b, r);
}

/* Takes the JSON, whose text the records point into. */
static void read_line(struct batch *b, json_t *json)
{
    const json_t *keys = json_object_get(json, "keys");
    if (json_array_append_new(b->lines, json))
        b->err = ERR_NOMEM;
    else if (b->line == 1)
        read_head(b, json);
    else if (keys && b->line == 2)
        b->has_keys = keysjson_parse(keys, b->by.wall_ahead_s, &b->keys);
    else if (!json_object_get(json, "end"))
        read_record(b, json);
    if (keys && !b->has_keys)
        complain(b, "keys: expected the keys of an export, in the second line");
}

static void parse_line(struct batch *b, struct str text)
{
    json_error_t e;
    char message[256];
    b->line++;
    json_t *json = json_loadb(text.n ? text.p : "", text.n, JSON_REJECT_DUPLICATES, &e);
    if (json) {
        read_line(b, json);
        return;
    }
    (void)snprintf(message, sizeof message, "column %d: %.160s", e.column, e.text);
    complain(b, message);
}

static void read_lines(struct batch *b, struct str body)
{
    while (body.n && !b->err) {
        const char *lf = str_find(body, '\n');
        struct str text = lf ? str_span(body.p, lf) : body;
        body = str_skip(body, text.n + (lf != NULL));
        if (b->line == IMPORTER_LINES_MAX) {
            complain(b, "expected at most 4096 lines a request");
            return;
        }
        parse_line(b, text);
        if (b->line == 1 && json_array_size(b->errors)) /* the rest means nothing */
            return;
        if (b->line % 64 == 0)
            store_reader_reset(b->reader);
    }
    if (b->line == 0) {
        b->line = 1;
        complain(b, "expected the head of an export");
    }
    if (!b->err)
        check_ids(b);
}

/* ---------------------------------------------------------------- taking them */

static json_t *counts_json(const struct batch *b, const struct intake_counts *n)
{
    return json_pack("{s:s,s:I,s:I,s:I,s:I,s:O}", "key", b->is_same_key ? "same" : "other", "taken",
                     (json_int_t)n->n_taken, "same", (json_int_t)n->n_same, "kept",
                     (json_int_t)n->n_kept, "failed", (json_int_t)n->n_failed, "foreign",
                     b->foreign);
}

static void take(struct batch *b, struct answer *out)
{
    struct intake *t;
    struct intake_counts n = {0};
    const struct intake_conf conf = {b->hooks->store, b->exported_at_s, b->is_same_key};
    int err = intake_new(&conf, &t);
    if (err) {
        b->err = err;
        return;
    }
    for (size_t i = 0; i < b->n_items && !err; i++) {
        err =
            intake_add(t, &(struct intake_record){b->items[i].record, &b->items[i].domain->absorb});
    }
    intake_wait(t, &n);
    intake_free(t);
    if (n.n_taken)
        log_info_most(LOGS_MOST, "admin: an import has brought %zu AoRs", n.n_taken);
    if (err || n.n_failed)
        answer_fail(out, 503, "store-failed",
                    "the store could not take all of it; what it took stays, send it again");
    else
        answer_json(out, 200, counts_json(b, &n));
}

/* Before anything rests on the keys that are here. */
static void install(const struct batch *b, struct answer *out)
{
    if (store_count(b->hooks->store)) {
        answer_fail(out, 409, "other-keys",
                    "this node has other keys, and AoRs that rest on them; without the keys each "
                    "device is relayed once");
    } else if (b->hooks->install_keys(&b->keys, b->hooks->arg)) {
        answer_fail(out, 500, "keys-failed", "the keys cannot be written: see the log");
    } else {
        log_warn("admin: other keys are in state-dir now; they hold from the next start, which "
                 "should be at once");
        answer_json(out, 200, json_pack("{s:s,s:s}", "key", "other", "keys", "installed"));
    }
}

static void take_keys(const struct batch *b, bool is_check, struct answer *out)
{
    struct keysjson own;
    b->hooks->keys(&own, b->hooks->arg);
    bool is_same = keysjson_is_same(&own, &b->keys);
    OPENSSL_cleanse(&own, sizeof own);
    if (is_same || is_check)
        answer_json(out, 200,
                    json_pack("{s:s,s:s}", "key", b->is_same_key ? "same" : "other", "keys",
                              is_same ? "same" : "other"));
    else
        install(b, out);
}

static void serve(struct batch *b, bool is_check, bool may_have_keys, struct answer *out)
{
    const struct intake_counts none = {0};
    if (json_array_size(b->errors))
        answer_errors(b, out);
    else if (b->has_keys && !may_have_keys)
        answer_fail(out, 403, "socket-only", "the keys are taken over the Unix socket only");
    else if (b->has_keys && b->n_items)
        answer_fail(out, 400, "bad-request", "the keys come in a request of their own");
    else if (b->has_keys)
        take_keys(b, is_check, out);
    else if (is_check)
        answer_json(out, 200, counts_json(b, &none));
    else
        take(b, out);
}

/* ---------------------------------------------------------------- a request */

static bool read_wish(const struct query *q, bool *is_check)
{
    static const char *const names[] = {"check"};
    struct str check = query_find(q, STR("check"));
    *is_check = str_eq(check, STR("yes"));
    return query_is_of(q, names, 1) &&
           (str_is_none(check) || *is_check || str_eq(check, STR("no")));
}

static bool begin(struct batch *b, const struct api_hooks *hooks)
{
    *b = (struct batch){.hooks = hooks,
                        .conf = hooks->conf(hooks->arg),
                        .lines = json_array(),
                        .errors = json_array(),
                        .foreign = json_array(),
                        .items = calloc(IMPORTER_LINES_MAX, sizeof *b->items)};
    b->by = (struct recordjson){store_names(hooks->store),
                                (int64_t)(sys_wall_ms() / 1000) - (int64_t)sys_service_s()};
    arena_init(&b->arena, ARENA_MAX);
    return b->lines && b->errors && b->foreign && b->items &&
           store_reader_new(hooks->store, &b->reader) == 0;
}

static void end_batch(struct batch *b)
{
    store_reader_free(b->reader);
    json_decref(b->lines);
    json_decref(b->errors);
    json_decref(b->foreign);
    free(b->items);
    arena_fini(&b->arena);
    conf_unref(b->conf);
    OPENSSL_cleanse(&b->keys, sizeof b->keys);
}

void importer_serve(const struct api_hooks *hooks, const struct api_request *q, bool may_have_keys,
                    struct answer *out)
{
    struct batch b;
    bool is_check;
    *out = (struct answer){0};
    if (!read_wish(q->query, &is_check)) {
        answer_fail(out, 400, "bad-request", "expected check=yes or check=no, or nothing");
        return;
    }
    if (begin(&b, hooks))
        read_lines(&b, q->body);
    else
        b.err = ERR_NOMEM;
    if (b.reader)
        store_reader_reset(b.reader);
    if (!b.err)
        serve(&b, is_check, may_have_keys, out);
    if (b.err == ERR_NOMEM)
        answer_fail(out, 503, "no-memory", "out of memory");
    else if (b.err)
        answer_fail(out, 500, "store-failed", "the store cannot be read: see the log");
    end_batch(&b);
}
