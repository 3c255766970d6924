/* Whether refreshes come in a surge: in this second or the last one far more than it is usual of
 * late. Who is answered in one gets his expiry from anywhere between the least and his own, so that
 * the next interval is flat. Pure; one thread. */
#ifndef BW_CORE_SURGE_H
#define BW_CORE_SURGE_H

#include <stdbool.h>
#include <stdint.h>

/* So many times what is usual, and so many in a second at least. */
enum { SURGE_TIMES = 4, SURGE_LEAST = 32 };

/* All zero: nothing has come yet. */
struct surge {
    uint64_t at_s;
    uint32_t n, last;
    uint64_t mean; /* of a second, in 256ths; over a minute or so */
};

/* One more has come. now_ms: never less than before. */
void surge_note(struct surge *s, uint64_t now_ms);

/* One that comes in its time counts: an eighth of what it was granted has passed.
 * Others do not: one device that comes again and again would make a surge alone. */
static inline bool surge_counts(uint64_t left_s, uint64_t granted_s)
{
    return 8 * left_s <= 7 * granted_s;
}

bool surge_is_on(const struct surge *s);

#endif
