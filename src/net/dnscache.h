/* What the DNS has said, until it need not be true any more (RFC 1035 7.4, RFC 2308 5), and the
 * last good answers beyond that, for the time when it says nothing (RFC 8767). Bounded: the one
 * that ends first goes. A data structure without I/O; one thread at a time. */
#ifndef BW_NET_DNSCACHE_H
#define BW_NET_DNSCACHE_H

#include "base/dns.h"

/* Answers; and how long one is kept, whatever its TTL, and one that there is nothing. */
enum {
    DNSCACHE_MAX = 256,
    DNSCACHE_LEAST_S = 5,
    DNSCACHE_MOST_S = 86400,
    DNSCACHE_NOTHING_S = 900
};

struct dnscache;

int dnscache_new(struct dnscache **out); /* ERR_NOMEM */
void dnscache_free(struct dnscache *c);  /* NULL is legal */

/* An answer that is still good at until_ms. False: there is none. *out has the time that is left
 * at now_ms as its ttl_s. */
bool dnscache_find(const struct dnscache *c, const struct dns_question *q, uint64_t now_ms,
                   uint64_t until_ms, struct dns_answer *out);

/* The last one that found something, however old; its ttl_s is 0. */
bool dnscache_find_old(const struct dnscache *c, const struct dns_question *q,
                       struct dns_answer *out);

/* Keeps a copy, and bounds the TTL of *a. A failure is not kept, and what cannot be for want of
 * memory is not, either. */
void dnscache_put(struct dnscache *c, const struct dns_question *q, uint64_t now_ms,
                  struct dns_answer *a);

#endif
