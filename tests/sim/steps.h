/* The statements of the language: a table of words and what each does. */
#ifndef BW_TESTS_SIM_STEPS_H
#define BW_TESTS_SIM_STEPS_H

#include "run.h"

/* Does r->step; what goes wrong fails the run. */
void steps_do(struct run *r);

/* The number after "random", at the script's front: how many seeds it wants; 1 without. */
unsigned steps_random_runs(const struct script *s);

#endif
