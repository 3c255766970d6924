/* How long the NATs of a network keep a UDP mapping, as far as devices behind them have shown it:
 * where one was lost between two keepalives, the whole network (IPv4: the /24, IPv6: the /48) gets
 * them more often, and after long calm less often again. One table for all workers, of fixed size
 * and without a lock; where a place is needed, the network goes that was changed the longest ago.
 * Any thread. */
#ifndef BW_SERVICE_NATLIFE_H
#define BW_SERVICE_NATLIFE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/hash.h"

enum { NATLIFE_SETS = 1024, NATLIFE_WAYS = 4 };

/* No interval is learned below this, and each calm time lengthens one by a quarter. */
enum { NATLIFE_MIN_S = 10, NATLIFE_CALM_S = 6 * 3600 };

struct natlife_entry {
    _Atomic uint64_t network; /* 0: free */
    _Atomic uint64_t learned; /* interval in seconds:16, when it was last changed:48 */
};

/* Zero but for the key before any thread starts. */
struct natlife {
    struct hash_key key;
    struct natlife_entry sets[NATLIFE_SETS][NATLIFE_WAYS];
};

/* The interval for a device there whose domain wants wanted_s: never more than that. now_s: service
 * clock. */
uint32_t natlife_interval_s(struct natlife *n, const struct addr *device, uint32_t wanted_s,
                            uint64_t now_s);

/* A device that was heard at heard_s has lost its mapping since, whatever was sent to it. What its
 * network has learned later than that may have come too late for it, and is not doubted. True: the
 * interval is shorter now, by a quarter. */
bool natlife_on_loss(struct natlife *n, const struct addr *device, uint32_t wanted_s,
                     uint64_t heard_s, uint64_t now_s);

#endif
