/* Which sources send most, and which wait longest for the answer to a REGISTER that was not
 * absorbed: of the last half minute to a minute, as one worker sees them. Two windows of fixed
 * size, the one being filled and the one before. The loudest are found by the Space-Saving
 * algorithm (Metwally, Agrawal, El Abbadi, 2005) from samples: each request while there are few,
 * else one of 64 on average, so a storm pays a subtraction a packet. One thread notes, without a
 * lock or an allocation; any thread reads, and may see a window while it changes. */
#ifndef BW_SERVICE_NOISE_H
#define BW_SERVICE_NOISE_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct noise;

enum { NOISE_LOUD = 64, NOISE_SLOW = 32, NOISE_WINDOW_MS = 30000 };

/* Of a source: an IPv4 address, or an IPv6 /64 with its last 64 bits zero. */
struct noise_entry {
    struct addr source;
    uint64_t n;  /* of the loudest: requests, as estimated from the samples */
    uint64_t ms; /* of the slowest: the longest time */
};

int noise_new(uint64_t seed, struct noise **out); /* ERR_NOMEM */
void noise_free(struct noise *n);                 /* NULL is legal */

/* The worker's thread. A request has come; a device has its answer so late. now_ms: any clock that
 * rises. */
void noise_on_packet(struct noise *n, const struct addr *from, uint64_t now_ms);
void noise_on_answer(struct noise *n, const struct addr *from, uint64_t ms, uint64_t now_ms);

/* Any thread: 2 * NOISE_LOUD and 2 * NOISE_SLOW entries at most, in no order, a source once or
 * twice; how many. *since_ms: the time that they are of. */
size_t noise_loudest(const struct noise *n, struct noise_entry *out, uint64_t now_ms,
                     uint64_t *since_ms);
size_t noise_slowest(const struct noise *n, struct noise_entry *out, uint64_t now_ms);

#endif
