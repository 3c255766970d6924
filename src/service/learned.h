/* What the answers of each upstream have taught: the shortest expiry that it takes (423, D54), and
 * until when it wants to be left alone (503 with Retry-After, D56). By the upstream's name, so it
 * outlives a reload. The worker's thread. */
#ifndef BW_SERVICE_LEARNED_H
#define BW_SERVICE_LEARNED_H

#include <stdbool.h>
#include <stdint.h>

struct learned;

/* Seconds; 0: nothing was heard. */
uint32_t learned_min_s(const struct learned *list, const char *upstream);

/* Remembers a longer one; more than a day is nobody's wish. Without memory it is forgotten. */
void learned_raise(struct learned **list, const char *upstream, uint32_t min_s);

/* No REGISTER of a phone goes there until then; service clock. */
void learned_block(struct learned **list, const char *upstream, uint64_t until_s);
bool learned_is_blocked(const struct learned *list, const char *upstream, uint64_t now_s);

void learned_free(struct learned *list);

#endif
