/* Whether the credentials in a request are right, reckoned apart from src/sip on purpose: a second
 * opinion. Pure. */
#ifndef BW_TESTS_SIM_PROOF_H
#define BW_TESTS_SIM_PROOF_H

#include <stdbool.h>

#include "base/str.h"

/* An Authorization or Proxy-Authorization header of the request is that of an account
 * "USER:REALM:PASSWORD", for the Request-URI, by its own nonce, cnonce and count. */
bool proof_is_right(struct str request, struct str account);

#endif
