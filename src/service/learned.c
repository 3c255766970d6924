#include "service/learned.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_S = 86400 };

/* Few registrars ever answer 423. */
struct learned {
    struct learned *next;
    uint32_t min_s;
    char upstream[];
};

static const struct learned *find(const struct learned *l, const char *upstream)
{
    while (l && strcmp(l->upstream, upstream) != 0)
        l = l->next;
    return l;
}

uint32_t learned_min_s(const struct learned *list, const char *upstream)
{
    const struct learned *l = find(list, upstream);
    return l ? l->min_s : 0;
}

static struct learned *add(struct learned **list, const char *upstream)
{
    size_t n = strlen(upstream) + 1;
    struct learned *l = calloc(1, sizeof *l + n);
    if (!l)
        return NULL;
    memcpy(l->upstream, upstream, n);
    l->next = *list;
    *list = l;
    return l;
}

static struct learned *get(struct learned **list, const char *upstream)
{
    struct learned *l = *list;
    while (l && strcmp(l->upstream, upstream) != 0)
        l = l->next;
    return l ? l : add(list, upstream);
}

void learned_raise(struct learned **list, const char *upstream, uint32_t min_s)
{
    struct learned *l = get(list, upstream);
    if (l && min_s > l->min_s && min_s <= MAX_S)
        l->min_s = min_s;
}

void learned_free(struct learned *list)
{
    while (list) {
        struct learned *next = list->next;
        free(list);
        list = next;
    }
}
