/* breakwaterctl cluster: status of the nodes, and the SQL that makes the database. */
#ifndef BW_CTL_CLUSTERCMD_H
#define BW_CTL_CLUSTERCMD_H

#include "ctl/call.h"

call_fn clustercmd_status;
call_fn clustercmd_init;
call_fn clustercmd_restored;

#endif
