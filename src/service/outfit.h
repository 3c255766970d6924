/* What a worker does its work with, made from its context: the tables and helpers of registration,
 * calls and trust. They know one another by the context alone. The worker's thread. */
#ifndef BW_SERVICE_OUTFIT_H
#define BW_SERVICE_OUTFIT_H

#include "core/token.h"
#include "service/context.h"

/* Once the context has its loop, flows, store, keys and configuration. nonce_key: shared by all
 * workers. ERR_NOMEM; what was made until then outfit_free takes away. */
int outfit_new(struct context *c, const struct token_key *nonce_key);

/* After all that uses it; parts that were never made are no matter. */
void outfit_free(struct context *c);

#endif
