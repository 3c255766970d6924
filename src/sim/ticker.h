/* A beat of less than the timer wheel's tick, for sending at an even rate. On the loop's thread. */
#ifndef BW_SIM_TICKER_H
#define BW_SIM_TICKER_H

#include <stdint.h>

#include "net/loop.h"

struct ticker;

/* 0, ERR_NOMEM, ERR_IO. A beat that comes late stands for those that it missed. */
int ticker_new(struct loop *l, uint32_t period_us, loop_fn *fn, void *arg, struct ticker **out);

/* NULL is legal. */
void ticker_free(struct ticker *t);

#endif
