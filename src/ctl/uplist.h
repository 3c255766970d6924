/* breakwaterctl upstream list. One thread. */
#ifndef BW_CTL_UPLIST_H
#define BW_CTL_UPLIST_H

#include "ctl/call.h"

call_fn uplist_run;

#endif
