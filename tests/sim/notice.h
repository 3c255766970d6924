/* What the admin API would show of a fixed line. */
#ifndef BW_TESTS_SIM_NOTICE_H
#define BW_TESTS_SIM_NOTICE_H

#include "run.h"

/* line AOR state=WORD error=WORD|none status=N expires=N-M next=N-M
 * alarm=none|unregistered|unreachable (with a comma: both) reach=unknown|reachable|silent (of its
 * first target); or line AOR absent. */
void notice_check(struct run *r);

#endif
