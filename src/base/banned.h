/* Included before every file by the compiler's command line: functions without a bound, or that
 * hide a bad number, do not compile. */
#ifndef BW_BASE_BANNED_H
#define BW_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#pragma GCC poison strcpy strcat strncat sprintf vsprintf strtok atoi atol atoll gets

#endif
