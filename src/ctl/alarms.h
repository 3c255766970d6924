/* breakwaterctl alarms: what is wrong now. One thread. */
#ifndef BW_CTL_ALARMS_H
#define BW_CTL_ALARMS_H

#include "ctl/call.h"

int alarms_run(const struct call *c);

#endif
