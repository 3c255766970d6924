/* How many calls each line has, and has begun in this second, as far as its domain limits them.
 * Shared by all workers, of fixed size and without a lock: a line has one word among the few of its
 * set, found by a keyed hash of its AoR, and gives it back when it has no call. Any thread. */
#ifndef BW_SERVICE_TALLY_H
#define BW_SERVICE_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tally;

/* 0 or ERR_NOMEM. */
int tally_new(struct tally **out);
void tally_free(struct tally *t); /* NULL is legal */

enum tally_result {
    TALLY_ENTERED, /* *seat is for tally_leave */
    TALLY_FULL,    /* the line has max of them, 65535 at most */
    TALLY_NO_ROOM  /* too many lines at one time: this call is not counted */
};

/* One more call of a line (a keyed hash of 64 bits). Never lets in more than max, whichever workers
 * ask at one moment; it may then refuse one that the next moment would let in. */
enum tally_result tally_enter(struct tally *t, uint64_t line, uint32_t max, size_t *seat);
void tally_leave(struct tally *t, size_t seat);

/* One more call begun in this second; false: there were per_s already. Lines without room are not
 * limited. */
bool tally_take(struct tally *t, uint64_t line, uint64_t now_s, uint32_t per_s);

/* What was taken in that second was none; later it does not matter. */
void tally_give_back(struct tally *t, uint64_t line, uint64_t then_s);

#endif
