/* Where a SIP URI leads (RFC 3263 4): which names the DNS has to be asked for, one after another,
 * and what the answers amount to: transports, addresses and ports in groups, the better ones
 * first. Pure; any thread. */
#ifndef BW_CORE_LOCATE_H
#define BW_CORE_LOCATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/dns.h"
#include "base/str.h"

enum locate_transport { LOCATE_UDP, LOCATE_TCP, LOCATE_TLS, LOCATE_TRANSPORTS };

/* Targets of one URI, servers that SRV records name, questions: more are left out. */
enum { LOCATE_TARGETS_MAX = 32, LOCATE_HOSTS_MAX = 16, LOCATE_ASKS_MAX = 48 };

struct locate_want {
    char host[DNS_NAME_MAX]; /* a name without a dot at the end, or an IP address */
    uint16_t port;           /* 0: none is written */
    bool is_secure;          /* sips: TLS and nothing else */
    bool has_transport;      /* written */
    enum locate_transport transport;
    unsigned usable;        /* ways that there are: locate_way of each */
    bool is_naptr_given_up; /* that it finds no answer counts as that there are no such records */
};

static inline unsigned locate_way(enum locate_transport transport, unsigned family)
{
    return 1U << ((unsigned)transport * 2 + (family == 6));
}

struct locate_target {
    struct addr addr;
    uint8_t transport; /* enum locate_transport */
    uint8_t group;     /* the lower, the sooner; they stand in this order */
    uint8_t unit;      /* of the group: a server, with all its addresses */
    uint16_t weight;   /* of the server, in its group */
    uint32_t id;       /* of the server: equal in each list that has it, whatever its place */
    uint32_t host;     /* its name, as locate_host_mark has it; 0: only that of the URI */
};

struct locate {
    struct locate_want want;
    enum { LOCATE_NAPTR, LOCATE_SRV, LOCATE_HOST, LOCATE_DONE } phase;
    struct locate_service {
        enum locate_transport transport;
        char name[DNS_NAME_MAX];
    } services[LOCATE_TRANSPORTS];
    size_t n_services, at_service;
    struct locate_host {
        char name[DNS_NAME_MAX];
        uint16_t port, weight;
        enum locate_transport transport;
        uint8_t group;
    } hosts[LOCATE_HOSTS_MAX];
    size_t n_hosts, at_host;
    bool is_plain;   /* the one host is the URI's own: each of its addresses is a server */
    bool is_second;  /* the host's second family has its turn */
    bool is_refused; /* "the service is decidedly not available at this domain" (RFC 2782) */
    bool has_failed; /* a question found no answer, so something may be missing */
    bool has_nothing_of_srv; /* that there are no SRV records is not certain */
    unsigned n_asks, n_groups, n_units;
    uint32_t ttl_s; /* the shortest of the answers; UINT32_MAX: there were none */
    struct locate_target targets[LOCATE_TARGETS_MAX];
    size_t n_targets;
};

void locate_start(struct locate *l, const struct locate_want *want);

/* What has to be asked for next; false: that was all. */
bool locate_next(struct locate *l, struct dns_question *out);

/* The answer to what locate_next has said. */
void locate_answer(struct locate *l, const struct dns_answer *a);

/* What stands for a host name, in any case of letters; not 0. */
uint32_t locate_host_mark(struct str name);

/* The order in which a request tries the targets: group by group, inside of one by weight, with a
 * number that is the request's own (RFC 2782). Servers that two lists have in common stand in the
 * same order in both (rendezvous hashing), so that a number moves only to a server that has come,
 * or from one that has gone. out: n indices. */
void locate_order(const struct locate_target *list, size_t n, uint64_t number, uint8_t *out);

#endif
