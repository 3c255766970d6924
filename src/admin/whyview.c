#include "admin/whyview.h"

#include <stdlib.h>

#include "base/sys.h"
#include "service/trail.h"

static json_t *figure(int32_t n)
{
    return n == TRAIL_NONE ? json_null() : json_integer(n);
}

static json_t *source_json(const struct addr *a)
{
    char text[ADDR_TEXT];
    return a->family ? json_string(addr_text(a, text)) : json_null();
}

/* In real time. */
static json_int_t wall_s(uint64_t at_s)
{
    return (json_int_t)(sys_wall_ms() / 1000) - ((json_int_t)sys_service_s() - (json_int_t)at_s);
}

static json_t *entry_json(const struct trail_entry *e)
{
    const struct trail_figures *f = &e->last;
    return json_pack("{s:s,s:s,s:I,s:I,s:I,s:o*,s:o*,s:o*,s:o*,s:o*,s:o*}", "reason",
                     reason_word((enum reason)e->reason), "meaning",
                     reason_help((enum reason)e->reason), "times", (json_int_t)e->times, "first",
                     wall_s(e->first_s), "last", wall_s(e->last_s), "source",
                     source_json(&f->source), "status",
                     f->status ? json_integer(f->status) : json_null(), "granted",
                     figure(f->granted_s), "upstream_expires_in", figure(f->upstream_left_s),
                     "refresh_in", figure(f->refresh_in_s), "proof_age", figure(f->proof_age_s));
}

/* The newest first, of whichever worker. */
static int compare(const void *a, const void *b)
{
    const struct trail_entry *x = a, *y = b;
    return x->order < y->order ? 1 : -1;
}

json_t *whyview_json(const struct whyview *v, struct str aor)
{
    struct trail_entry *list = calloc((size_t)v->n_workers * TRAIL_WAYS + 1, sizeof *list);
    json_t *json = list ? json_array() : NULL;
    size_t n = 0;
    bool is_whole = json != NULL;
    for (unsigned i = 0; is_whole && i < v->n_workers; i++)
        n += v->trail(i, aor, list + n, v->arg);
    if (n)
        qsort(list, n, sizeof *list, compare);
    for (size_t i = 0; is_whole && i < n; i++)
        is_whole = json_array_append_new(json, entry_json(&list[i])) == 0;
    free(list);
    if (is_whole)
        return json;
    json_decref(json);
    return NULL;
}
