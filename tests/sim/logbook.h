/* What the daemon logs, kept in memory: for the statement "log", and for whoever watches. There is
 * one log, so its state is the process's. */
#ifndef BW_TESTS_SIM_LOGBOOK_H
#define BW_TESTS_SIM_LOGBOOK_H

#include <stdbool.h>

#include "run.h"

/* Opens the log: what a scenario may ask for, or everything. */
bool logbook_open(bool is_verbose);

/* A run begins with an empty book. */
void logbook_clear(void);

/* Prints on standard error what is new: all of it, or warnings and errors. */
void logbook_show(void);

/* log WORD…: of the lines since the last such step one has all these words; fails the run else. */
void logbook_find(struct run *r);

#endif
