/* Asks the DNS, without waiting: questions of the loop's thread, whose answers come in a later
 * turn. What the hosts file says of a name's addresses counts as an answer. Answers are not kept:
 * dnscache.h. A simulation links another file with the same symbols. All calls on the loop's
 * thread, or before it runs. */
#ifndef BW_NET_RESOLVER_H
#define BW_NET_RESOLVER_H

#include "base/addr.h"
#include "base/dns.h"

struct loop;
struct resolver;

/* How long one server has for an answer; each is asked so many times, one after another. How long
 * the hosts file is believed. */
enum { RESOLVER_PATIENCE_MS = 2000, RESOLVER_TRIES = 2, RESOLVER_HOSTS_S = 60 };

/* The answer is the resolver's, until fn returns. fn may ask again, but not free the resolver. */
typedef void resolver_fn(const struct dns_answer *answer, void *arg);

/* servers: which are asked, copied; none: those of resolv.conf(5), which is read again after they
 * have been silent. ERR_NOMEM. */
int resolver_new(struct loop *l, const struct addr *servers, size_t n, struct resolver **out);

/* Those who still wait for an answer get none. NULL is legal. */
void resolver_free(struct resolver *r);

/* fn runs once, in a later turn. ERR_NOMEM: it does not. */
int resolver_ask(struct resolver *r, const struct dns_question *what, resolver_fn *fn, void *arg);

#endif
