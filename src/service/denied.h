/* Accounts that an upstream has refused several times in a row, whoever they were used for: a
 * password of a whole domain that is wrong is not tried for each of its lines. But one that was
 * taken before is judged by lines that upstream holds alone: whoever may register under any name
 * must not end its use for others. One of a worker, its thread. */
#ifndef BW_SERVICE_DENIED_H
#define BW_SERVICE_DENIED_H

#include <stdbool.h>

#include "base/hmap.h"

struct denied {
    struct hmap map; /* by a keyed hash of the account */
};

void denied_init(struct denied *d);
void denied_fini(struct denied *d);

/* Refused, and maybe one time too often: then it is left alone for wait_s. Without memory nobody
 * remembers. */
struct denied_refusal {
    uint64_t account;
    uint32_t wait_s;
    bool is_held; /* of a line that upstream holds */
};
void denied_add(struct denied *d, const struct denied_refusal *what, uint64_t now_s);

/* Taken: what was is forgotten. is_shared: it is a whole domain's. */
void denied_clear(struct denied *d, uint64_t account, bool is_shared);

/* Seconds for which it is still left alone; 0: it is not. */
uint64_t denied_for_s(const struct denied *d, uint64_t account, uint64_t now_s);

#endif
