/* The identities that a message shows, on its way over the border between phones, who are believed
 * nothing, and upstreams, who trust us and whom we trust (RFC 3325 5, 7). Requests and responses
 * alike. No state; the worker's thread. */
#ifndef BW_SERVICE_IDENTITY_H
#define BW_SERVICE_IDENTITY_H

#include <stdbool.h>

#include "base/str.h"
#include "sip/build.h"

/* Where a copy of a message comes from and goes to. */
struct identity {
    bool is_from_phone;  /* or from anybody else whom the upstream does not trust */
    bool is_to_phone;    /* the same */
    struct str asserted; /* from a phone: whole P-Asserted-Identity lines in place of its own, or
                            none */
};

/* For the answers to a request. */
struct identity identity_of_answers(const struct identity *request);

/* What a phone says of itself goes: P-Asserted-Identity, P-Preferred-Identity and
 * Remote-Party-ID. A phone does not get them either where Privacy asks for "id", or
 * Remote-Party-ID itself for privacy=full. */
void identity_edit(struct build *b, const struct identity *way);

#endif
