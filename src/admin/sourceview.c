#include "admin/sourceview.h"

#include <stdlib.h>
#include <string.h>

#include "base/sys.h"
#include "service/noise.h"

enum { OF_A_WORKER = 2 * (NOISE_LOUD > NOISE_SLOW ? NOISE_LOUD : NOISE_SLOW) };

struct crowd {
    struct noise_entry *list;
    size_t n;
    uint64_t since_ms;
};

/* ---------------------------------------------------------------- gathering */

static int by_source(const void *a, const void *b)
{
    const struct noise_entry *x = a, *y = b;
    int order = (int)x->source.family - (int)y->source.family;
    return order ? order : memcmp(x->source.ip, y->source.ip, sizeof x->source.ip);
}

static int by_rank(const void *a, const void *b)
{
    const struct noise_entry *x = a, *y = b;
    if (x->n != y->n)
        return x->n < y->n ? 1 : -1;
    if (x->ms != y->ms)
        return x->ms < y->ms ? 1 : -1;
    return by_source(a, b);
}

/* One entry a source: requests are added, of times the longest counts. */
static void unite(struct crowd *c)
{
    size_t n = 0;
    if (c->n)
        qsort(c->list, c->n, sizeof *c->list, by_source);
    for (size_t i = 0; i < c->n; i++) {
        if (n == 0 || by_source(&c->list[n - 1], &c->list[i])) {
            c->list[n++] = c->list[i];
            continue;
        }
        c->list[n - 1].n += c->list[i].n;
        if (c->list[i].ms > c->list[n - 1].ms)
            c->list[n - 1].ms = c->list[i].ms;
    }
    c->n = n;
    if (n)
        qsort(c->list, n, sizeof *c->list, by_rank);
}

static void read_loudest(const struct sourceview *v, struct crowd *c, uint64_t now_ms)
{
    uint64_t since_ms;
    for (unsigned i = 0; i < v->n_workers; i++) {
        c->n += noise_loudest(v->noise(i, v->arg), c->list + c->n, now_ms, &since_ms);
        c->since_ms = since_ms < c->since_ms ? since_ms : c->since_ms;
    }
    unite(c);
}

static void read_slowest(const struct sourceview *v, struct crowd *c, uint64_t now_ms)
{
    c->n = 0;
    for (unsigned i = 0; i < v->n_workers; i++)
        c->n += noise_slowest(v->noise(i, v->arg), c->list + c->n, now_ms);
    unite(c);
}

/* ---------------------------------------------------------------- as JSON */

/* IPv6: the /64. */
static json_t *source_json(const struct noise_entry *e)
{
    char text[ADDR_TEXT];
    struct buf out = buf_over(text, sizeof text);
    addr_print_bare(&e->source, &out);
    buf_add(&out, e->source.family == 6 ? STR("/64") : STR(""));
    return json_stringn(text, out.len);
}

static bool is_upstream(const struct sourceview *v, const struct noise_entry *e)
{
    return conf_upstream_at(v->conf, &e->source, FLOW_TCP) ||
           conf_upstream_trusting(v->conf, &e->source);
}

static json_t *loud_json(const struct sourceview *v, const struct crowd *c, double seconds)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < c->n && i < SOURCEVIEW_MOST; i++)
        (void)json_array_append_new(list,
                                    json_pack("{s:o*,s:f,s:b}", "source", source_json(&c->list[i]),
                                              "requests_per_second", (double)c->list[i].n / seconds,
                                              "upstream", (int)is_upstream(v, &c->list[i])));
    return list;
}

static json_t *slow_json(const struct crowd *c)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < c->n && i < SOURCEVIEW_MOST; i++)
        (void)json_array_append_new(list,
                                    json_pack("{s:o*,s:f}", "source", source_json(&c->list[i]),
                                              "seconds", (double)c->list[i].ms / 1000));
    return list;
}

json_t *sourceview_json(const struct sourceview *v)
{
    uint64_t now_ms = sys_now_ms();
    struct crowd c = {.since_ms = now_ms};
    c.list = calloc((size_t)v->n_workers * OF_A_WORKER + 1, sizeof *c.list);
    if (!c.list)
        return NULL;
    read_loudest(v, &c, now_ms);
    double seconds = c.since_ms + 1000 < now_ms ? (double)(now_ms - c.since_ms) / 1000 : 1;
    json_t *loud = loud_json(v, &c, seconds);
    read_slowest(v, &c, now_ms);
    json_t *slow = slow_json(&c);
    free(c.list);
    return json_pack("{s:f,s:o*,s:o*}", "seconds", seconds, "loudest", loud, "slowest", slow);
}
