/* Where the servers are that upstreams name by a host name, as the DNS has it at the moment: a list
 * for each such URI. Every worker has its own copy, which locator.h sends to all of them. The
 * worker's thread. */
#ifndef BW_SERVICE_ROSTER_H
#define BW_SERVICE_ROSTER_H

#include "conf/conf.h"
#include "core/locate.h"
#include "net/inbox.h"

struct roster;

struct roster_list {
    struct inbox_node node; /* on its way to a worker */
    struct roster_list *next;
    size_t n;
    struct locate_target targets[LOCATE_TARGETS_MAX];
    struct str uri; /* of the server, as configured */
    char text[];
};

/* Copied. NULL: no memory. For roster_take, or free(). */
struct roster_list *roster_list_new(struct str uri, const struct locate_target *targets, size_t n);

static inline enum flow_transport roster_transport(const struct locate_target *t)
{
    static const enum flow_transport of[LOCATE_TRANSPORTS] = {
        [LOCATE_UDP] = FLOW_UDP, [LOCATE_TCP] = FLOW_TCP, [LOCATE_TLS] = FLOW_TLS};
    return of[t->transport];
}

int roster_new(struct roster **out); /* ERR_NOMEM */
void roster_free(struct roster *r);  /* NULL is legal */

/* In place of the one with that URI, which goes; it is the roster's from now on. Those that are in
 * the old list alone are told. */
void roster_take(struct roster *r, struct roster_list *list,
                 void (*on_gone)(const struct locate_target *t, void *arg), void *arg);

/* Lists of servers that are not configured any more go. */
void roster_sync(struct roster *r, const struct conf *conf);

/* NULL: not known yet. r NULL: nothing is known, here and below. */
const struct roster_list *roster_find(const struct roster *r, struct str uri);

/* The upstream that a source is a server of, be it by its address or by a name: as
 * conf_upstream_at has it, or by a trusted network; NULL: nobody's. */
const struct conf_upstream *roster_owner(const struct roster *r, const struct conf *conf,
                                         const struct addr *source, enum flow_transport transport);

/* So many servers of it are known. */
size_t roster_count(const struct roster *r, const struct conf_upstream *u);

#endif
