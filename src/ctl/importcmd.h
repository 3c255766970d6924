/* breakwaterctl import: the lines of an export, checked first, then sent in pieces. One thread. */
#ifndef BW_CTL_IMPORTCMD_H
#define BW_CTL_IMPORTCMD_H

#include "ctl/call.h"

call_fn importcmd_run;

#endif
