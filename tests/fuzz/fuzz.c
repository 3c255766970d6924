#include "fuzz.h"

enum { ARENA_MAX = 64 << 20, ARENA_KEPT = 1 << 20 };

struct arena *fuzz_arena(void)
{
    static struct arena arena;
    if (!arena.limit)
        arena_init(&arena, ARENA_MAX);
    arena_reset(&arena, ARENA_KEPT);
    return &arena;
}

bool fuzz_is_inside(struct str part, struct str whole)
{
    return str_is_none(part) || (part.p >= whole.p && str_end(part) <= str_end(whole));
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* One character off the front; a run with a line end in it is a blank. */
static int take_unfolded(struct str *s)
{
    size_t n = 0;
    bool has_end = false;
    while (n < s->n && is_space(s->p[n])) {
        has_end = has_end || s->p[n] == '\n';
        n++;
    }
    char c = has_end ? ' ' : *s->p;
    *s = str_skip(*s, has_end ? n : 1);
    return (unsigned char)c;
}

bool fuzz_is_same_unfolded(struct str folded, struct str unfolded)
{
    if (str_is_none(folded) || str_is_none(unfolded))
        return str_is_none(folded) && str_is_none(unfolded);
    while (folded.n && unfolded.n) {
        if (take_unfolded(&folded) != (unsigned char)*unfolded.p)
            return false;
        unfolded = str_skip(unfolded, 1);
    }
    return folded.n == 0 && unfolded.n == 0;
}

void fuzz_cut(struct str *s, struct str *head)
{
    const char *end = str_find(*s, '\n');
    *head = end ? str_span(s->p, end) : *s;
    *s = str_skip(*s, head->n + (end != NULL));
}

uint64_t fuzz_hash(struct str s)
{
    uint64_t h = 0xcbf29ce484222325U;
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3U;
    return h;
}

uint32_t fuzz_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 32);
}
