#include "admin/exporter.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "admin/keysjson.h"
#include "admin/recordjson.h"
#include "base/err.h"
#include "base/log.h"
#include "base/sys.h"
#include "config.h"
#include "service/location.h"
#include "store/store.h"

/* Bytes of a piece; AoRs of one snapshot; of the arena. */
enum { PIECE = 32768, SLICE = 64, ARENA_MAX = 16 << 20, ARENA_KEEP = 256 << 10 };

/* What the next line is. */
enum stage { STAGE_HEAD, STAGE_KEYS, STAGE_AORS, STAGE_END, STAGE_OVER };

struct export
{
    const struct api_hooks *hooks;
    struct store_reader *reader;
    struct arena arena;
    struct recordjson by;
    enum stage stage;
    bool has_keys;
    bool has_failed;
    size_t n_aors, n_damaged;
    size_t at_len;
    char at[STORE_AOR_MAX]; /* the last AoR */
    char *line;             /* on its way, from `from` on; NULL: the next one is to be made */
    size_t len, from;
};

/* ---------------------------------------------------------------- lines */

static json_t *head_json(const struct export *e)
{
    struct keysjson keys;
    char name[KEYSJSON_NAME];
    e->hooks->keys(&keys, e->hooks->arg);
    bool is_named = keysjson_name(&keys.ring.token, name);
    OPENSSL_cleanse(&keys, sizeof keys);
    return is_named ? json_pack("{s:i,s:s,s:I,s:s,s:I}", "breakwater_export", RECORDJSON_FORMAT,
                                "version", PACKAGE_VERSION, "created_at",
                                (json_int_t)sys_service_s() + e->by.wall_ahead_s, "key", name,
                                "aors", (json_int_t)store_count(e->hooks->store))
                    : NULL;
}

static json_t *keys_json(const struct export *e)
{
    struct keysjson keys;
    e->hooks->keys(&keys, e->hooks->arg);
    json_t *json = json_pack("{s:o}", "keys", keysjson_of(&keys, e->by.wall_ahead_s));
    OPENSSL_cleanse(&keys, sizeof keys);
    return json;
}

static json_t *end_json(const struct export *e)
{
    return json_pack("{s:{s:I,s:I}}", "end", "aors", (json_int_t)e->n_aors, "damaged",
                     (json_int_t)e->n_damaged);
}

/* With what its leases say now. */
static json_t *record_json(struct export *e, const struct location *l)
{
    struct aor_record r = *l->record;
    r.bindings = arena_alloc(&e->arena, r.n_bindings * sizeof *r.bindings);
    if (!r.bindings)
        return NULL;
    for (size_t i = 0; i < r.n_bindings; i++) {
        r.bindings[i] = l->record->bindings[i];
        r.bindings[i].expires_at_s = location_expires_at_s(l, i);
        if (l->leases[i].is_held)
            r.bindings[i].cseq = l->leases[i].cseq;
    }
    return recordjson_of(&e->by, &r);
}

/* The next AoR's; NULL: there is none (the stage moves on), or *err says why. */
static json_t *aor_json(struct export *e, int *err)
{
    struct location l;
    struct str aor;
    for (;;) {
        *err = store_next(e->reader, &e->arena, (struct str){e->at, e->at_len}, &aor);
        if (*err)
            return NULL;
        memcpy(e->at, aor.p, aor.n);
        e->at_len = aor.n;
        aor.p = e->at;
        arena_reset(&e->arena, ARENA_KEEP); /* many in a row may be damaged */
        *err = location_load(e->hooks->store, e->reader, &e->arena, aor, &l);
        bool is_known = !*err && (l.record->n_bindings || l.record->n_upregs);
        json_t *json = is_known ? record_json(e, &l) : NULL;
        e->n_aors += json != NULL;
        e->n_damaged += *err == ERR_IO; /* said and counted where it was read */
        if (is_known && !json)
            *err = ERR_NOMEM;
        if (json || *err == ERR_NOMEM)
            return json;
    }
}

static json_t *next_json(struct export *e)
{
    json_t *json = NULL;
    int err = 0;
    if (e->stage == STAGE_AORS) {
        json = aor_json(e, &err);
        e->stage = err == ERR_ABSENT ? STAGE_END : e->stage;
        e->has_failed = err && err != ERR_ABSENT;
        if (err != ERR_ABSENT)
            return json;
    }
    switch (e->stage) {
    case STAGE_HEAD:
        json = head_json(e);
        e->stage = e->has_keys ? STAGE_KEYS : STAGE_AORS;
        break;
    case STAGE_KEYS:
        json = keys_json(e);
        e->stage = STAGE_AORS;
        break;
    default:
        json = end_json(e);
        e->stage = STAGE_OVER;
        break;
    }
    return json;
}

static void drop_line(struct export *e)
{
    if (e->line)
        OPENSSL_cleanse(e->line, e->len);
    free(e->line);
    e->line = NULL;
}

/* False: it is over, or has failed. */
static bool make_line(struct export *e)
{
    if (e->stage == STAGE_OVER)
        return false;
    json_t *json = next_json(e);
    e->line = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    arena_reset(&e->arena, ARENA_KEEP);
    e->has_failed |= !e->line;
    if (!e->line)
        return false;
    e->len = strlen(e->line);
    e->line[e->len++] = '\n'; /* in the place of the NUL */
    e->from = 0;
    return true;
}

/* ---------------------------------------------------------------- the stream */

static size_t copy_piece(struct export *e, char *out, size_t max)
{
    size_t n = e->len - e->from < max ? e->len - e->from : max;
    memcpy(out, e->line + e->from, n);
    e->from += n;
    if (e->from == e->len)
        drop_line(e);
    return n;
}

static ssize_t on_read(void *arg, uint64_t position, char *out, size_t max)
{
    struct export *e = arg;
    size_t n = 0;
    (void)position;
    for (int i = 0; n < max && i < SLICE; i++) {
        if (!e->line && !make_line(e))
            break;
        n += copy_piece(e, out + n, max - n);
    }
    store_reader_reset(e->reader);
    if (n)
        return (ssize_t)n;
    if (e->has_failed)
        log_error("admin: an export could not be finished: out of memory, or the store cannot be "
                  "read");
    return e->has_failed ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
}

static void on_free(void *arg)
{
    struct export *e = arg;
    drop_line(e);
    store_reader_free(e->reader);
    arena_fini(&e->arena);
    free(e);
}

/* ---------------------------------------------------------------- beginning */

static bool read_wish(const struct query *q, bool may_have_keys, bool *has_keys, struct fault *f)
{
    static const char *const names[] = {"keys"};
    struct str keys = query_find(q, STR("keys"));
    *has_keys = str_eq(keys, STR("yes"));
    if (!query_is_of(q, names, 1) || !(str_is_none(keys) || *has_keys || str_eq(keys, STR("no")))) {
        *f = (struct fault){400, "bad-request", "expected keys=yes or keys=no, or nothing"};
        return false;
    }
    *f = (struct fault){403, "socket-only", "the keys are given over the Unix socket only"};
    return !*has_keys || may_have_keys;
}

struct MHD_Response *exporter_start(const struct api_hooks *hooks, const struct query *q,
                                    bool may_have_keys, struct fault *f)
{
    bool has_keys;
    if (!read_wish(q, may_have_keys, &has_keys, f))
        return NULL;
    *f = (struct fault){503, "no-memory", "out of memory"};
    struct export *e = calloc(1, sizeof *e);
    if (!e || store_reader_new(hooks->store, &e->reader)) {
        free(e);
        return NULL;
    }
    e->hooks = hooks;
    e->has_keys = has_keys;
    e->by = (struct recordjson){store_names(hooks->store),
                                (int64_t)(sys_wall_ms() / 1000) - (int64_t)sys_service_s()};
    arena_init(&e->arena, ARENA_MAX);
    struct MHD_Response *r =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE, on_read, e, on_free);
    if (!r)
        on_free(e);
    else
        log_info("admin: an export begins%s", has_keys ? ", with the keys" : "");
    return r;
}
