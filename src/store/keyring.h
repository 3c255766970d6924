/* The secret that makes our tokens ours, kept in state-dir with mode 0600, so that they hold over a
 * restart. Main thread. */
#ifndef BW_STORE_KEYRING_H
#define BW_STORE_KEYRING_H

#include "core/token.h"

/* Reads the key of state_dir, or makes one and its directory. ERR_IO, ERR_BADCONF (a file of
 * another length or mode): logged with the path. */
int keyring_load(const char *state_dir, struct token_key *out);

#endif
