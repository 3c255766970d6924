/* Shadow mode: in a domain that mirrors, what another mode would have made of each REGISTER,
 * counted without acting. The policy itself is asked, with a record whose one registration upstream
 * is as old as it would be then; how old is remembered by a hash, in a table of fixed size, and
 * found out anew from the record where its place was taken. What the devices would do otherwise, as
 * they would be told other expiries, nobody knows: it is counted as they behave. One table a
 * worker, on its thread, for the AoRs that it owns. */
#ifndef BW_SERVICE_SHADOW_H
#define BW_SERVICE_SHADOW_H

#include "service/context.h"
#include "service/regview.h"

struct shadow;

int shadow_new(const struct hash_key *key, struct shadow **out); /* ERR_NOMEM */
void shadow_free(struct shadow *s);                              /* NULL is legal */

/* A REGISTER that is about to be relayed. in: as the policy was asked. Nothing where the domain has
 * no shadow. */
void shadow_judge(struct context *c, const struct regview *v, const struct absorb_input *in);

/* Upstream has accepted it. */
void shadow_on_accepted(struct context *c, const struct regview *v);

#endif
