/* breakwaterctl top: what goes on now, anew each second, until it is ended. */
#ifndef BW_CTL_TOP_H
#define BW_CTL_TOP_H

#include "ctl/call.h"

int top_run(const struct call *c);

#endif
