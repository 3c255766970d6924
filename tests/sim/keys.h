/* The values that a step names by key, read or refused with run_fail. */
#ifndef BW_TESTS_SIM_KEYS_H
#define BW_TESTS_SIM_KEYS_H

#include "run.h"

bool keys_parse_time(struct run *r, struct str text, uint64_t *ms);
bool keys_parse_number(struct run *r, struct str text, uint32_t *n);

/* Of an optional key: *out stays as it is where there is none. False: what stands there is none. */
bool keys_take_time(struct run *r, struct str key, uint64_t *ms);
bool keys_take_number(struct run *r, struct str key, uint32_t *n);
bool keys_take_percent(struct run *r, struct str key, uint32_t *n);
bool keys_take_addr(struct run *r, struct str key, struct addr *out);

/* False: a key that is not in the list (with blanks between), for a misspelt one must not go
 * unnoticed. */
bool keys_are_only(struct run *r, struct str keys);

#endif
