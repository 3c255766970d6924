#include "ladder.h"

#include <stdio.h>

#include "base/hash.h"
#include "fake.h"
#include "text.h"

struct rung {
    struct rung *next;
    uint64_t at_ms;
    enum world_event what;
    struct addr from, to;
    struct str line;
};

void ladder_init(struct ladder *l, struct arena *a)
{
    *l = (struct ladder){.arena = a, .end = &l->first};
}

/* The sum hangs on the order, on time and on every byte. */
static void add_to_sum(struct ladder *l, uint64_t now_ms, const struct world_packet *p)
{
    const struct hash_key key = {l->sum, now_ms};
    l->sum = hash_str(&key, p->bytes);
}

void ladder_add(struct ladder *l, uint64_t now_ms, enum world_event what,
                const struct world_packet *p)
{
    add_to_sum(l, now_ms, p);
    struct rung *r = what == WORLD_ARRIVED ? NULL : arena_alloc(l->arena, sizeof *r);
    if (!r)
        return;
    *r = (struct rung){.at_ms = now_ms,
                       .what = what,
                       .from = p->from,
                       .to = p->to,
                       .line = str_dup(l->arena, text_first_line(p->bytes))};
    *l->end = r;
    l->end = &r->next;
}

void ladder_print(const struct ladder *l)
{
    static const char *const notes[] = {
        [WORLD_LOST] = "  (lost)", [WORLD_REFUSED] = "  (nobody listens there)", [WORLD_SENT] = ""};
    char from[ADDR_TEXT], to[ADDR_TEXT];
    for (const struct rung *r = l->first; r; r = r->next) {
        uint64_t ms = r->at_ms - FAKE_BOOT_MS;
        printf("  %5u.%03u  %s -> %s  %.*s%s\n", (unsigned)(ms / 1000), (unsigned)(ms % 1000),
               addr_text(&r->from, from), addr_text(&r->to, to), STR_FMT(r->line), notes[r->what]);
    }
}
