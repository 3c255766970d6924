/* The users of a credentials file with their hashes, as an immutable table: read once, then shared
 * by all threads with the configuration that it is part of. A user is kept as a keyed hash of its
 * name and realm, so a line costs the same whatever its length. credentials_load on the main
 * thread, the others on any. */
#ifndef BW_CONF_CREDENTIALS_H
#define BW_CONF_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/finding.h"
#include "sip/digest_answer.h"

struct credentials;

/* The option that names the file, for messages. */
struct credentials_place {
    unsigned line;
    const char *domain;
};

/* Reads a file: a line each as sip/htdigest.h has it, one for each user and algorithm. ERR_BADCONF
 * after what is wrong was said, with file and line; ERR_NOMEM. */
int credentials_load(struct findings *f, const struct credentials_place *place, const char *path,
                     struct credentials **out);

/* Wipes it. NULL is legal. */
void credentials_free(struct credentials *c);

const char *credentials_path(const struct credentials *c);
size_t credentials_size(const struct credentials *c); /* lines */

struct credentials_ha1 {
    uint8_t bytes[DIGEST_HEX_MAX / 2];
    size_t n;
};

/* The H(A1) of a user; false: there is no such line, and *out is as it was. */
bool credentials_find(const struct credentials *c, struct str user, struct str realm,
                      enum digest_algorithm algorithm, struct credentials_ha1 *out);

/* Sets of algorithms: 1 << enum digest_algorithm. Those that a user has a line for; 0: nobody knows
 * him. */
unsigned credentials_set(const struct credentials *c, struct str user, struct str realm);

/* The set of one who is not known, so that asking for it tells nothing: that of some user of the
 * realm, each set as often as there are users with it. draw: what a secret makes of his name. All,
 * where the realm has no users. */
unsigned credentials_draw(const struct credentials *c, struct str realm, uint64_t draw);

/* What every user of the realm has; all, where it has no users. */
unsigned credentials_common(const struct credentials *c, struct str realm);

/* The realm's users, and how many of them have none of a set of algorithms. */
uint64_t credentials_count(const struct credentials *c, struct str realm, unsigned algorithms,
                           uint64_t *without);

#endif
