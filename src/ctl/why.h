/* breakwaterctl why: the last decisions on a line, in words. One thread. */
#ifndef BW_CTL_WHY_H
#define BW_CTL_WHY_H

#include "ctl/call.h"

call_fn why_run;

#endif
