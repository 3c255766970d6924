/* What every unit test includes: cmocka with its own includes, and the sweep that lets every
 * allocation of a test fail in turn. */
#ifndef BW_TESTS_UNIT_H
#define BW_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/str.h"

/* Runs body with the first, second, … allocation (malloc, calloc, realloc, strdup) failing, until
 * a run in which none had to fail. body must leave nothing allocated behind and must not assert
 * success. The number of runs. */
int oom_sweep(void (*body)(void *arg), void *arg);

/* Asserts that a slice has these bytes. */
#define assert_str(s, literal)                                                                     \
    do {                                                                                           \
        struct str s_ = (s), l_ = STR(literal);                                                    \
        if (!str_eq(s_, l_))                                                                       \
            fail_msg("\"%.*s\" is not \"%s\"", STR_FMT(s_), literal);                              \
    } while (0)

#endif
