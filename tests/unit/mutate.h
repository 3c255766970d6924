/* Mutations with a fixed seed: each run of a test sees the same damaged inputs. */
#ifndef BW_TESTS_MUTATE_H
#define BW_TESTS_MUTATE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static inline uint32_t mutate_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 32);
}

/* A byte that matters to a SIP parser, or any. */
static inline char mutate_byte(uint64_t *state)
{
    static const char special[] = "\"\"<>;;,,=\\ \t\r\n%:@?&[]*/.09aA-+";
    uint32_t r = mutate_random(state);
    return r & 1 ? special[(r >> 1) % (sizeof special - 1)] : (char)(r >> 8);
}

/* s with up to four bytes replaced, dropped or doubled, in a heap block of just its size, so that
 * the address sanitizer sees a read beyond it. The caller frees .p. */
static inline struct str mutate(struct str s, uint64_t *state)
{
    char work[4096];
    size_t n = s.n < sizeof work - 8 ? s.n : sizeof work - 8;
    memcpy(work, s.p, n);
    for (uint32_t rounds = mutate_random(state) % 5; rounds && n; rounds--) {
        size_t at = mutate_random(state) % n;
        switch (mutate_random(state) % 4) {
        case 0:
            memmove(work + at, work + at + 1, --n - at);
            break;
        case 1:
            memmove(work + at + 1, work + at, n++ - at);
            break;
        case 2:
            n = at;
            break;
        default:
            work[at] = mutate_byte(state);
        }
    }
    char *p = malloc(n ? n : 1);
    if (!p)
        abort();
    memcpy(p, work, n);
    return (struct str){p, n};
}

static inline bool mutate_is_inside(struct str part, struct str whole)
{
    return !part.p || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

#endif
