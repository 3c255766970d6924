#include "service/tally.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/err.h"

/* 131072 lines with calls at one time; one in a thousand has no room at half of that. */
enum { WAYS = 16, SETS = 8192, SLOTS = WAYS * SETS, COUNT_BITS = 16, COUNT_MAX = 0xffff };

struct tally {
    atomic_ullong calls[SLOTS];  /* tag:48, count:16; 0: free */
    atomic_ullong begins[SLOTS]; /* tag:32, second:16, count + 1:16; of another second: free */
};

typedef unsigned long long word;

int tally_new(struct tally **out)
{
    *out = calloc(1, sizeof **out);
    return *out ? 0 : ERR_NOMEM;
}

void tally_free(struct tally *t)
{
    free(t);
}

static size_t first_way(uint64_t line)
{
    return line % SETS * WAYS;
}

static word count_of(word w)
{
    return w & COUNT_MAX;
}

/* ---------------------------------------------------------------- calls at one time */

static word tag_of_line(uint64_t line)
{
    word tag = line >> COUNT_BITS;
    return (tag ? tag : 1) << COUNT_BITS;
}

static bool is_of(word w, word tag)
{
    return w && w - count_of(w) == tag;
}

/* The word of the line, else a free one; SLOTS: there is none. *now: what it says. */
static size_t find(struct tally *t, uint64_t line, word *now)
{
    size_t first = first_way(line), found = SLOTS;
    *now = 0;
    for (size_t i = first; i < first + WAYS; i++) {
        word w = atomic_load(&t->calls[i]);
        if (is_of(w, tag_of_line(line))) {
            *now = w;
            return i;
        }
        if (w == 0 && found == SLOTS)
            found = i;
    }
    return found;
}

static bool is_alone(struct tally *t, uint64_t line, size_t seat)
{
    size_t first = first_way(line);
    for (size_t i = first; i < first + WAYS; i++)
        if (i != seat && is_of(atomic_load(&t->calls[i]), tag_of_line(line)))
            return false;
    return true;
}

/* Two workers may take two words for one line at one moment. Who then sees another word of his line
 * gives his own back and begins again. One of two always sees the other's, as each looks after it
 * has written; so of two that have looked and stayed, both are at one word. */
enum tally_result tally_enter(struct tally *t, uint64_t line, uint32_t max, size_t *seat)
{
    for (;;) {
        word now;
        size_t at = find(t, line, &now);
        if (at == SLOTS)
            return TALLY_NO_ROOM;
        if (count_of(now) >= max || count_of(now) == COUNT_MAX)
            return TALLY_FULL;
        word next = now ? now + 1 : tag_of_line(line) + 1;
        if (!atomic_compare_exchange_strong(&t->calls[at], &now, next))
            continue;
        *seat = at;
        if (is_alone(t, line, at))
            return TALLY_ENTERED;
        tally_leave(t, at);
    }
}

void tally_leave(struct tally *t, size_t seat)
{
    word now = atomic_load(&t->calls[seat]), next;
    do {
        BUG_ON(count_of(now) == 0);
        next = count_of(now) == 1 ? 0 : now - 1;
    } while (!atomic_compare_exchange_weak(&t->calls[seat], &now, next));
}

/* ---------------------------------------------------------------- calls begun in a second */

static word begin_of(uint64_t line, uint64_t second)
{
    return (word)(line >> 32) << 32 | (second & COUNT_MAX) << COUNT_BITS;
}

static bool is_same_line(word a, word b)
{
    return a >> 32 == b >> 32;
}

static bool is_free(word w, word now)
{
    return count_of(w) == 0 || (uint32_t)w >> COUNT_BITS != (uint32_t)now >> COUNT_BITS;
}

/* The line's own word, be it of another second, else a free one; SLOTS: there is none. Within a
 * second no word becomes free, so all who look for one line come to the same. */
static size_t find_begin(struct tally *t, uint64_t line, word now, word *found)
{
    size_t first = first_way(line), at = SLOTS;
    for (size_t i = first; i < first + WAYS; i++) {
        word w = atomic_load(&t->begins[i]);
        if (is_same_line(w, now) && !is_free(w, now)) {
            *found = w;
            return i;
        }
        if (at == SLOTS && is_free(w, now)) {
            *found = w;
            at = i;
        }
    }
    return at;
}

bool tally_take(struct tally *t, uint64_t line, uint64_t now_s, uint32_t per_s)
{
    const word now = begin_of(line, now_s);
    word old;
    for (;;) {
        size_t at = find_begin(t, line, now, &old);
        if (at == SLOTS)
            return true;
        bool is_own = is_same_line(old, now) && !is_free(old, now);
        if (is_own && (count_of(old) > per_s || count_of(old) == COUNT_MAX))
            return false;
        if (atomic_compare_exchange_strong(&t->begins[at], &old, is_own ? old + 1 : now + 2))
            return true;
    }
}

void tally_give_back(struct tally *t, uint64_t line, uint64_t then_s)
{
    const word then = begin_of(line, then_s);
    word old;
    size_t at = find_begin(t, line, then, &old);
    while (at < SLOTS && is_same_line(old, then) && !is_free(old, then) && count_of(old) > 1)
        if (atomic_compare_exchange_strong(&t->begins[at], &old, old - 1))
            return;
}
