#include "net/dnscache.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/stats.h"

struct entry {
    struct dns_question question;
    uint64_t end_ms;
    enum dns_result result;
    size_t n;
    struct dns_record records[];
};

struct dnscache {
    struct entry *list[DNSCACHE_MAX];
    size_t n;
};

int dnscache_new(struct dnscache **out)
{
    struct dnscache *c = calloc(1, sizeof *c);
    if (!c)
        return ERR_NOMEM;
    *out = c;
    return 0;
}

static void drop(struct dnscache *c, size_t i)
{
    free(c->list[i]);
    c->list[i] = c->list[--c->n];
    stats_dec(STAT_DNS_CACHED);
}

void dnscache_free(struct dnscache *c)
{
    if (!c)
        return;
    while (c->n)
        drop(c, c->n - 1);
    free(c);
}

/* c->n: there is none. */
static size_t place_of(const struct dnscache *c, const struct dns_question *q)
{
    size_t i = 0;
    while (i < c->n && (c->list[i]->question.type != q->type ||
                        !str_ieq(str_of(c->list[i]->question.name), str_of(q->name))))
        i++;
    return i;
}

static void copy(const struct entry *e, uint32_t ttl_s, struct dns_answer *out)
{
    out->result = e->result;
    out->ttl_s = ttl_s;
    out->n = e->n;
    memcpy(out->list, e->records, e->n * sizeof *out->list);
}

bool dnscache_find(const struct dnscache *c, const struct dns_question *q, uint64_t now_ms,
                   uint64_t until_ms, struct dns_answer *out)
{
    size_t i = place_of(c, q);
    if (i == c->n || c->list[i]->end_ms <= until_ms)
        return false;
    copy(c->list[i], (uint32_t)((c->list[i]->end_ms - now_ms + 999) / 1000), out);
    return true;
}

bool dnscache_find_old(const struct dnscache *c, const struct dns_question *q,
                       struct dns_answer *out)
{
    size_t i = place_of(c, q);
    if (i == c->n || c->list[i]->result != DNS_FOUND)
        return false;
    copy(c->list[i], 0, out);
    return true;
}

static void make_room(struct dnscache *c)
{
    size_t first = 0;
    for (size_t i = 1; i < c->n; i++)
        if (c->list[i]->end_ms < c->list[first]->end_ms)
            first = i;
    if (c->n == DNSCACHE_MAX)
        drop(c, first);
}

static uint32_t bounded_ttl(const struct dns_answer *a)
{
    uint32_t most_s = a->result == DNS_FOUND ? DNSCACHE_MOST_S : DNSCACHE_NOTHING_S;
    uint32_t ttl_s = a->ttl_s < most_s ? a->ttl_s : most_s;
    return ttl_s > DNSCACHE_LEAST_S ? ttl_s : DNSCACHE_LEAST_S;
}

void dnscache_put(struct dnscache *c, const struct dns_question *q, uint64_t now_ms,
                  struct dns_answer *a)
{
    if (a->result == DNS_FAILED)
        return;
    size_t i = place_of(c, q);
    a->ttl_s = bounded_ttl(a);
    if (i < c->n)
        drop(c, i);
    struct entry *e = malloc(sizeof *e + a->n * sizeof *e->records);
    if (!e)
        return;
    make_room(c);
    e->question = *q;
    e->end_ms = now_ms + (uint64_t)a->ttl_s * 1000;
    e->result = a->result;
    e->n = a->n;
    memcpy(e->records, a->list, a->n * sizeof *e->records);
    c->list[c->n++] = e;
    stats_inc(STAT_DNS_CACHED);
}
