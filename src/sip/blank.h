/* Takes what gives access out of a SIP message that is shown to people: the digests and nonces of
 * challenges and of their answers, all of what other schemes than Digest say, and the keys of media
 * (SDES) in a body. Each of their characters becomes an 'x', so that every length stays right.
 * Pure; any thread. */
#ifndef BW_SIP_BLANK_H
#define BW_SIP_BLANK_H

#include <stddef.h>

/* Any bytes, in place; what is no SIP is looked through all the same. */
void blank_secrets(char *bytes, size_t n);

#endif
