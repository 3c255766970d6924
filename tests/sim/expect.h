/* Compares what a peer got with what a step expects. The words: the table in expect.c and
 * docs/simulation.md. */
#ifndef BW_TESTS_SIM_EXPECT_H
#define BW_TESTS_SIM_EXPECT_H

#include "run.h"

/* The step's words from nth on: method or status, user. A mismatch fails the run. */
void expect_match(struct run *r, const struct mail *m, size_t nth);

#endif
