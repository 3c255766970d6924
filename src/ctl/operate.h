/* breakwaterctl status, drain, reload, log-level, and the orders of an upstream. One thread. */
#ifndef BW_CTL_OPERATE_H
#define BW_CTL_OPERATE_H

#include "ctl/call.h"

call_fn operate_status, operate_drain, operate_reload, operate_log_level, operate_resync,
    operate_hold, operate_release;

#endif
