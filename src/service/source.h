/* What is known of those who send what nobody vouches for yet: how much, how often it failed, and
 * who is banned. One table for all workers, of fixed size and without a lock: an address (IPv6: its
 * /64) has one entry; where a place is needed, the one that was quiet the longest goes, a ban last
 * of all. Any thread. */
#ifndef BW_SERVICE_SOURCE_H
#define BW_SERVICE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct source_table;

/* 0 or ERR_NOMEM. */
int source_table_new(struct source_table **out);
void source_table_free(struct source_table *t); /* NULL is legal */

/* The address, or for IPv6 its first 64 bits, in one word; never 0. */
uint64_t source_key(const struct addr *a);
struct addr source_addr(uint64_t key); /* and back; without a port */

/* One more request at now_us (any clock that rises): false if it is over per_s a second. A second's
 * worth may come at once. */
bool source_take(struct source_table *t, uint64_t key, uint64_t now_us, uint32_t per_s);

/* A challenge that others have made goes to it. nonce: a keyed hash. It is known until some of a
 * quarter of a million later ones takes its place, so who would have it forgotten has to ask for as
 * many, for each guess. */
void source_on_challenge(struct source_table *t, uint64_t key, uint64_t nonce);

/* It has sent what carries this nonce: somebody who reads what is sent to that address. */
bool source_is_real(struct source_table *t, uint64_t key, uint64_t nonce);

struct source_limits {
    uint32_t failures; /* before a ban; 0: no bans */
    uint32_t lines;    /* so many different ones that it failed for; 0: does not matter */
    uint32_t asked;    /* lines that it may ask for without a proof; 0: any number */
    uint32_t ban_s;    /* how long, and how long it takes until so many failures are forgotten */
};

/* A failure, for a line (a keyed hash). True: this one brings a ban. They are forgotten one by one,
 * evenly: a device whose password is wrong, and that tries it once in a while, bans nobody. */
bool source_on_failure(struct source_table *t, uint64_t key, uint64_t line, uint64_t now_s,
                       const struct source_limits *limits);

/* What has failed for this line before is forgotten; for no other, or who has a line of his own
 * could guess at the others for ever. */
void source_on_success(struct source_table *t, uint64_t key, uint64_t line);

/* It asks for a line (a keyed hash), and has proven nothing yet. True: it has asked for so many
 * others within ban_s, none of which it has proven to be its own; this one is not noted then. */
bool source_on_line(struct source_table *t, uint64_t key, uint64_t line, uint64_t now_s,
                    const struct source_limits *limits);

/* That line is its own, so it has not been guessed. */
void source_forget_line(struct source_table *t, uint64_t key, uint64_t line);

/* Costs one load while nobody is banned. */
bool source_is_banned(struct source_table *t, uint64_t key, uint64_t now_s);

/* By an operator. ERR_FULL: no place, all are bans. */
int source_ban(struct source_table *t, uint64_t key, uint64_t now_s, uint64_t until_s);
/* False: it was not banned. */
bool source_unban(struct source_table *t, uint64_t key, uint64_t now_s);

struct source_banned {
    struct addr addr; /* IPv6: the /64, its last 64 bits zero */
    uint64_t until_s;
};

/* Up to max of them, from *at on, which is zero first and goes on; how many. Fewer than max: the
 * end. */
size_t source_list_banned(struct source_table *t, uint64_t now_s, size_t *at,
                          struct source_banned *out, size_t max);

#endif
