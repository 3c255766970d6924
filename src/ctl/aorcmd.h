/* breakwaterctl aor show, aor remove. One thread. */
#ifndef BW_CTL_AORCMD_H
#define BW_CTL_AORCMD_H

#include "ctl/call.h"

call_fn aorcmd_show, aorcmd_remove;

#endif
