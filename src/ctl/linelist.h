/* breakwaterctl line list: the fixed lines and the state of their registrations. One thread. */
#ifndef BW_CTL_LINELIST_H
#define BW_CTL_LINELIST_H

#include <jansson.h>
#include <stdio.h>

#include "ctl/call.h"

int linelist_run(const struct call *c);

/* The API's answer as a table, a row a line. False: it is none. */
bool linelist_print(const json_t *answer, FILE *out);

#endif
