/* A licensed refresh whose way upstream has failed at once is answered here (D56a): no connection,
 * no server that could be asked, or one that says 503. The worker's thread. */
#ifndef BW_SERVICE_POSTPONE_H
#define BW_SERVICE_POSTPONE_H

#include <stdbool.h>

struct reg;

/* True: it has its answer, or the store is about to give it. False: no licence covers it; it has
 * left its leg, and is to be refused. */
bool postpone_reg(struct reg *r);

#endif
