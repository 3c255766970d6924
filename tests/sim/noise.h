/* Spoils messages: bytes changed, left out, doubled, put in. What hostile or broken senders might
 * send, near enough to SIP to get far. */
#ifndef BW_TESTS_SIM_NOISE_H
#define BW_TESTS_SIM_NOISE_H

#include "base/arena.h"
#include "base/str.h"
#include "dice.h"

/* A spoilt copy in the arena. */
struct str noise_spoil(struct arena *a, struct dice *d, struct str message);

#endif
