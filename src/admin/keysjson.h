/* The keys of this node as JSON and back, for who takes them along to another one: what our
 * Contacts, Routes, challenges and TLS tickets rest on. Secret: for the Unix socket only. All of
 * ours that held them is zeroed, the JSON by wipe.h; a buffer of the HTTP library keeps what went
 * through it until it is used again. Any thread. */
#ifndef BW_ADMIN_KEYSJSON_H
#define BW_ADMIN_KEYSJSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "net/ticket.h"
#include "store/keyring.h"

struct keysjson {
    struct keyring ring;
    struct ticket_key tickets[TICKET_KEYS_MAX]; /* newest first */
    size_t n_tickets;
};

enum { KEYSJSON_NAME = 17 };

/* The name of a token key, which gives nothing away of it: 16 hexadecimal digits. False: no
 * memory. */
bool keysjson_name(const struct token_key *key, char out[KEYSJSON_NAME]);

/* {"token":…,"nonce":…,"tickets":[…]}. NULL: no memory. */
json_t *keysjson_of(const struct keysjson *k, int64_t wall_ahead_s);

/* False: it is not that. */
bool keysjson_parse(const json_t *json, int64_t wall_ahead_s, struct keysjson *out);

/* The same token and nonce key; tickets come and go each day. */
bool keysjson_is_same(const struct keysjson *a, const struct keysjson *b);

#endif
