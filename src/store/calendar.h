/* When each AoR is to be looked at next: a wheel of seconds. An AoR is filed under the earliest
 * date that was known of it; when that comes and its leases have moved on, it is filed again. So
 * the work is with what is due, never with the size of the table (D76). The store thread; the
 * count may be read by any. */
#ifndef BW_STORE_CALENDAR_H
#define BW_STORE_CALENDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hmap.h"
#include "base/list.h"
#include "base/str.h"

struct calendar;

struct calendar_entry {
    struct hmap_node by_aor;
    struct list in_wheel;
    uint64_t due_s;
    uint64_t told_s; /* dates up to here have been told to the owner */
    bool must_tell;  /* at the next look, whatever the dates say */
    uint16_t aor_len;
    char aor[];
};

int calendar_new(uint64_t now_s, struct calendar **out);
void calendar_free(struct calendar *c); /* NULL is legal */

/* So many are to come, before the first. */
void calendar_reserve(struct calendar *c, size_t n);

/* The AoR's entry, made if there is none: not filed, told_s is now_s of calendar_new or of the last
 * calendar_next. NULL: no memory. */
struct calendar_entry *calendar_add(struct calendar *c, struct str aor);
/* The same for an AoR that is known to have none: does not look. */
struct calendar_entry *calendar_add_first(struct calendar *c, struct str aor);
struct calendar_entry *calendar_find(const struct calendar *c, struct str aor);
void calendar_del(struct calendar *c, struct calendar_entry *e); /* NULL is legal */

/* Files it under a date, the past included. */
void calendar_file(struct calendar *c, struct calendar_entry *e, uint64_t due_s);

/* An entry that is due, taken out of the wheel; NULL: none any more. */
struct calendar_entry *calendar_next(struct calendar *c, uint64_t now_s);

size_t calendar_count(const struct calendar *c);

static inline struct str calendar_aor(const struct calendar_entry *e)
{
    return (struct str){e->aor, e->aor_len};
}

#endif
