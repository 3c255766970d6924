/* The statement dns: what the simulated DNS says. */
#ifndef BW_TESTS_SIM_RECORDS_H
#define BW_TESTS_SIM_RECORDS_H

#include "run.h"

/* dns NAME TYPE [ttl=TIME] RECORD…, dns NAME none, dns silent, dns back. */
void records_set(struct run *r);

/* route: from which address of ours the system's routes lead to a peer. */
void records_route(struct run *r);

#endif
