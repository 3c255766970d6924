/* By what an address is known again: keyed hashes of the parts of a URI that tell where a request
 * to it goes. How it is written makes no difference as far as others rewrite it on its way: the
 * case of its host, escapes, the order of its parameters and the case of these. Pure; any thread.
 */
#ifndef BW_SERVICE_REMOTE_H
#define BW_SERVICE_REMOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "sip/msg.h"
#include "sip/uri.h"

/* All of it, parameters, too; never 0. */
uint64_t remote_target(const struct hash_key *key, const struct uri *u);

/* Who it is: user and host. Text that is no URI is taken as it is. */
uint32_t remote_name(const struct hash_key *key, struct str uri);

/* The URI of the one Contact; false: there is none that can be read. */
bool remote_contact(const struct msg *m, struct uri *out);

#endif
