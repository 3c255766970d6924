/* Asks for a password. One thread; nobody else may handle signals meanwhile. */
#ifndef BW_CTL_PROMPT_H
#define BW_CTL_PROMPT_H

#include "base/str.h"

enum { PROMPT_MAX = 1024 };

/* Where standard input is a terminal: asks twice, without echo. Else takes one line from it. 0 and
 * a slice of text; ERR_* after a complaint on standard error: none came, it is empty or too long,
 * it has a control character, the two differ. The caller wipes text. */
int prompt_password(const char *user, char text[PROMPT_MAX], struct str *password);

#endif
