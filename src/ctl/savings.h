/* breakwaterctl savings: REGISTERs in and out. One thread. */
#ifndef BW_CTL_SAVINGS_H
#define BW_CTL_SAVINGS_H

#include "ctl/call.h"

call_fn savings_run;

#endif
