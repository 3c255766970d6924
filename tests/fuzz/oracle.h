/* What libosip2's own message parser makes of a message: a second opinion. */
#ifndef BW_TESTS_ORACLE_H
#define BW_TESTS_ORACLE_H

#include <stdbool.h>

#include "base/str.h"
#include "sip/msg.h"

/* Aborts where the two of them took a message and read something else from it. */
void oracle_check(const struct msg *m);

#endif
