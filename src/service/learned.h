/* What is known of each upstream: the shortest expiry that it takes, as its answers have taught
 * (423, D54). By the upstream's name, so it outlives a reload. The
 * worker's thread. */
#ifndef BW_SERVICE_LEARNED_H
#define BW_SERVICE_LEARNED_H

#include <stdint.h>

struct learned;

/* Seconds; 0: nothing was heard. */
uint32_t learned_min_s(const struct learned *list, const char *upstream);

/* Remembers a longer one; more than a day is nobody's wish. Without memory it is forgotten. */
void learned_raise(struct learned **list, const char *upstream, uint32_t min_s);

void learned_free(struct learned *list);

#endif
