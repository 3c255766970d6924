/* breakwaterctl trace: the messages of a line or a source as they come and go, until it is ended.
 */
#ifndef BW_CTL_TRACE_H
#define BW_CTL_TRACE_H

#include "ctl/call.h"

int trace_run(const struct call *c);

#endif
