#include "admin/aors.h"

#include <string.h>

#include "admin/aorfilter.h"
#include "admin/aorview.h"
#include "base/err.h"
#include "base/sys.h"
#include "service/location.h"
#include "service/regview.h"
#include "store/store.h"

/* Of one request: AoRs that are looked at, and bindings that are shown. A slice is what is read
 * in one snapshot. */
enum { LOOKS_MAX = 20000, BINDINGS_MAX = 4096, SLICE = 64 };

enum { ARENA_MAX = 16 << 20, ARENA_KEEP = 256 << 10 };

static const struct fault no_memory = {503, "no-memory", "out of memory"};
static const struct fault unreadable = {500, "store-failed",
                                        "the store cannot be read: see the log"};

/* ---------------------------------------------------------------- reading */

struct walk {
    const struct aors *from;
    struct store_reader *reader;
    struct arena arena; /* of one slice */
    uint64_t now_s;
    size_t at_len;
    char at[STORE_AOR_MAX + 1]; /* the last one that was looked at */
};

static bool begin(struct walk *w, const struct aors *from, struct fault *f)
{
    *w = (struct walk){.from = from, .now_s = sys_service_s()};
    arena_init(&w->arena, ARENA_MAX);
    if (store_reader_new(from->store, &w->reader) == 0)
        return true;
    *f = no_memory;
    return false;
}

static void end_walk(struct walk *w)
{
    store_reader_free(w->reader);
    arena_fini(&w->arena);
}

/* The snapshot and all that was read with it goes. */
static void turn(struct walk *w)
{
    store_reader_reset(w->reader);
    arena_reset(&w->arena, ARENA_KEEP);
}

static struct str at(const struct walk *w)
{
    return (struct str){w->at, w->at_len};
}

static void note(struct walk *w, struct str aor)
{
    w->at_len = aor.n < sizeof w->at ? aor.n : sizeof w->at;
    if (w->at_len)
        memcpy(w->at, aor.p, w->at_len);
}

static int read_view(struct walk *w, struct str aor, struct aorview *out)
{
    struct location now;
    int err = location_load(w->from->store, w->reader, &w->arena, aor, &now);
    if (err)
        return err;
    *out = (struct aorview){
        .record = now.record, .leases = now.leases, .conf = w->from->conf, .now_s = w->now_s};
    return 0;
}

static bool is_known(const struct aor_record *r)
{
    return r->n_bindings > 0 || r->n_upregs > 0;
}

/* ---------------------------------------------------------------- one */

/* As it would be registered: alias, case and escapes are one. */
static struct str canonical(const struct aors *from, struct arena *a, struct str text)
{
    bool has_scheme = str_has_iprefix(text, STR("sip:")) || str_has_iprefix(text, STR("sips:")) ||
                      str_has_iprefix(text, STR("tel:"));
    struct buf to = buf_in(a, text.n + 8);
    struct str aor;
    buf_add(&to, has_scheme ? STR("<") : STR("<sip:"));
    buf_add(&to, text);
    buf_add_char(&to, '>');
    if (to.has_overflown || !regview_aor(a, from->conf, buf_str(&to), &aor))
        return STR_NONE;
    return aor;
}

/* Reads it; none: *f says why. */
static struct str find(struct walk *w, struct str text, struct aorview *out, struct fault *f)
{
    struct str aor = text;
    int err = read_view(w, aor, out);
    if (!err && !is_known(out->record)) {
        aor = canonical(w->from, &w->arena, text);
        err = str_is_none(aor) ? 0 : read_view(w, aor, out);
    }
    if (err)
        *f = err == ERR_NOMEM ? no_memory : unreadable;
    else if (str_is_none(aor))
        *f = (struct fault){400, "bad-request",
                            "expected an address of record, user@domain, of a "
                            "domain that is served"};
    return err ? STR_NONE : aor;
}

json_t *aors_one(const struct aors *from, struct str text, struct fault *f)
{
    struct walk w;
    struct aorview v;
    json_t *json = NULL;
    if (!begin(&w, from, f))
        return NULL;
    struct str aor = find(&w, text, &v, f);
    if (!str_is_none(aor) && !is_known(v.record)) {
        *f = (struct fault){404, "no-aor", "nothing is known of this address of record"};
    } else if (!str_is_none(aor)) {
        json = aorview_json(&v);
        *f = json ? *f : no_memory;
    }
    end_walk(&w);
    return json;
}

struct str aors_find(const struct aors *from, struct arena *a, struct str text, struct fault *f)
{
    struct walk w;
    struct aorview v;
    if (!begin(&w, from, f))
        return STR_NONE;
    struct str aor = find(&w, text, &v, f);
    struct str copy = str_is_none(aor) ? STR_NONE : str_dup(a, aor);
    if (!str_is_none(aor) && str_is_none(copy))
        *f = no_memory;
    end_walk(&w);
    return copy;
}

/* ---------------------------------------------------------------- a list */

struct list_page {
    struct aorfilter filter;
    json_t *aors;
    size_t n_looks, n_bindings;
    int err; /* ERR_ABSENT: that was all */
};

static bool is_full(const struct list_page *p)
{
    return json_array_size(p->aors) >= p->filter.limit || p->n_bindings >= BINDINGS_MAX ||
           p->n_looks >= LOOKS_MAX;
}

static int show(struct walk *w, struct list_page *p, struct str aor)
{
    struct aorview v;
    if (!aorfilter_takes_aor(&p->filter, w->from->conf, aor))
        return 0;
    int err = read_view(w, aor, &v);
    if (err == ERR_IO) /* damaged: said and counted; it is no reason to hide the others */
        return 0;
    if (err || !is_known(v.record) || !aorfilter_takes_record(&p->filter, v.record))
        return err;
    p->n_bindings += v.record->n_bindings + 1;
    return json_array_append_new(p->aors, aorview_json(&v)) ? ERR_NOMEM : 0;
}

/* What has the prefix stands together. */
static bool is_behind_prefix(const struct list_page *p, struct str aor)
{
    struct str prefix = p->filter.prefix;
    return !str_has_prefix(aor, prefix) && str_cmp(aor, prefix) > 0;
}

static int step(struct walk *w, struct list_page *p)
{
    struct str aor;
    int err = store_next(w->reader, &w->arena, at(w), &aor);
    if (err || is_behind_prefix(p, aor))
        return err ? err : ERR_ABSENT;
    note(w, aor);
    p->n_looks++;
    return show(w, p, aor);
}

/* Begins before the first one that has the prefix, or behind the cursor. The prefix itself may be
 * one. */
static void start(struct walk *w, struct list_page *p)
{
    struct str prefix = p->filter.prefix, cursor = p->filter.cursor;
    if (!str_is_none(cursor) && str_cmp(cursor, prefix) >= 0) {
        note(w, cursor);
        return;
    }
    note(w, prefix);
    if (prefix.n)
        p->err = show(w, p, prefix);
}

static json_t *cursor_json(const struct walk *w, const struct list_page *p)
{
    return p->err == ERR_ABSENT ? json_null() : json_stringn(w->at, w->at_len);
}

static json_t *list(struct walk *w, struct list_page *p, struct fault *f)
{
    p->aors = json_array();
    p->err = p->aors ? 0 : ERR_NOMEM;
    if (!p->err)
        start(w, p);
    for (size_t n = 1; !p->err && !is_full(p); n++) {
        p->err = step(w, p);
        if (n % SLICE == 0)
            turn(w);
    }
    if (!p->err || p->err == ERR_ABSENT) {
        json_t *json = json_pack("{s:o*,s:o*}", "aors", p->aors, "cursor", cursor_json(w, p));
        *f = json ? *f : no_memory;
        return json;
    }
    json_decref(p->aors);
    *f = p->err == ERR_NOMEM ? no_memory : unreadable;
    return NULL;
}

json_t *aors_list(const struct aors *from, const struct query *q, struct fault *f)
{
    struct walk w;
    struct list_page p = {.n_looks = 0};
    if (!aorfilter_parse(from->conf, q, &p.filter, f) || !begin(&w, from, f))
        return NULL;
    json_t *json = list(&w, &p, f);
    end_walk(&w);
    return json;
}
