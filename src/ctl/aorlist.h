/* breakwaterctl aor list: a page after the other, with filters. One thread. */
#ifndef BW_CTL_AORLIST_H
#define BW_CTL_AORLIST_H

#include "ctl/call.h"

call_fn aorlist_run;

#endif
