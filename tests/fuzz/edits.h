/* A message with random edits against a simple model of what must come out. */
#ifndef BW_TESTS_EDITS_H
#define BW_TESTS_EDITS_H

#include <stdint.h>

#include "sip/msg.h"

/* Aborts where build_finish gives anything else than the model. seed: not 0. */
void edits_check(const struct msg *m, uint64_t seed);

#endif
