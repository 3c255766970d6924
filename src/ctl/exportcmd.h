/* breakwaterctl export: all that the daemon knows, as JSON Lines in a file. One thread. */
#ifndef BW_CTL_EXPORTCMD_H
#define BW_CTL_EXPORTCMD_H

#include "ctl/call.h"

call_fn exportcmd_run;

#endif
