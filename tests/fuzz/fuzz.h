/* What the fuzzers have in common: one arena, a random stream that is drawn from the input, and a
 * check that ends the process. A fuzzer is linked with libFuzzer, or with replay.c, which runs its
 * corpus. */
#ifndef BW_TESTS_FUZZ_H
#define BW_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A folder of further inputs for the replay, relative to the source's root; NULL: none. */
extern const char *const fuzz_more_seeds;

/* What must hold for every input. */
#define MUST(cond) BUG_ON(!(cond))

static inline struct str fuzz_str(const uint8_t *data, size_t size)
{
    return (struct str){(const char *)data, size};
}

/* The process's arena, empty. */
struct arena *fuzz_arena(void);

/* None, or all of it inside. */
bool fuzz_is_inside(struct str part, struct str whole);

/* The same bytes when each run of white space that holds a line end counts as one blank. */
bool fuzz_is_same_unfolded(struct str folded, struct str unfolded);

/* Cuts s at its first '\n': *head without it. */
void fuzz_cut(struct str *s, struct str *head);

/* An FNV-1a hash, for choices that depend on the input only. */
uint64_t fuzz_hash(struct str s);

/* The next of a stream of numbers; the state starts as anything but 0. */
uint32_t fuzz_random(uint64_t *state);

#endif
