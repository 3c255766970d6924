/* The secrets that make what we hand out ours, kept in state-dir with mode 0600, so that it holds
 * over a restart. Main thread. */
#ifndef BW_STORE_KEYRING_H
#define BW_STORE_KEYRING_H

#include "core/token.h"

struct keyring {
    struct token_key token; /* of our Contacts and Routes */
    struct token_key nonce; /* of our challenges */
};

/* Reads the keys of state_dir, or makes them and its directory. ERR_IO, ERR_BADCONF (a file of
 * another length or mode): logged with the path. */
int keyring_load(const char *state_dir, struct keyring *out);

/* The key of this node alone, which names it in a cluster; likewise. */
int keyring_load_node(const char *state_dir, struct token_key *out);

/* Puts these in the place of the keys of state_dir, for the next start. Any thread. ERR_IO: logged
 * with the path; one of the two may be in place. */
int keyring_save(const char *state_dir, const struct keyring *keys);

#endif
