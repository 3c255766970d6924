/* The configuration as an immutable snapshot: read, checked and linked once, then shared by all
 * threads until the last one has moved on to a newer one (the only reference count there is).
 * conf_load on the main thread; reading and conf_ref/conf_unref on any. Everything inside belongs
 * to the snapshot. Which options exist, with type, range, default and help: schema.c. */
#ifndef BW_CONF_CONF_H
#define BW_CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/log.h"
#include "base/str.h"
#include "net/flow.h"

enum conf_side { CONF_SIDE_ANY, CONF_SIDE_ACCESS, CONF_SIDE_CORE };

struct conf_listen {
    const char *name;
    enum flow_transport transport;
    enum conf_side side;
    struct addr addr;
    struct str advertise_host; /* what a Via says; none: the address itself */
    uint16_t advertise_port;   /* 0: the bound port */
};

struct conf_net {
    struct addr addr; /* port 0 */
    unsigned bits;
};

struct conf_server {
    struct str uri; /* as configured */
    enum flow_transport transport;
    struct addr addr;
};

struct conf_upstream {
    const char *name;
    struct conf_server *servers; /* at least one, in order of preference */
    size_t n_servers;
    struct conf_net *trusted; /* further sources that count as this upstream */
    size_t n_trusted;
};

struct conf_domain {
    struct str name;
    struct str *aliases;
    size_t n_aliases;
    const struct conf_upstream *upstream;
};

struct conf_limits {
    uint32_t max_message;      /* bytes */
    uint32_t max_transactions; /* at one time, each worker */
};

struct conf_admin {
    struct addr http;   /* family 0: off */
    const char *socket; /* "": off */
    struct str token;   /* the first line of token-file; none: no token */
};

struct conf {
    const char *path; /* of the file */
    unsigned workers; /* at least 1 */
    uint32_t drain_timeout_s;
    const char *runtime_dir;
    struct log_conf log;
    struct conf_listen *listens;
    size_t n_listens;
    struct conf_upstream *upstreams;
    size_t n_upstreams;
    struct conf_domain *domains;
    size_t n_domains;
    struct conf_limits limits;
    struct conf_admin admin;
};

/* One finding, a full line: "FILE:LINE: option: what is wrong, what was expected". */
typedef void conf_say_fn(bool is_error, const char *text, void *arg);

/* Reads and checks a file, saying all that it finds. 0 and a snapshot with one reference;
 * ERR_BADCONF after at least one error was said; ERR_NOMEM. */
int conf_load(const char *path, conf_say_fn *say, void *arg, struct conf **out);

/* Any thread. */
struct conf *conf_ref(struct conf *c);
void conf_unref(struct conf *c); /* NULL is legal */

/* Says (as warnings) each option that differs and takes effect at a restart only. */
void conf_compare(const struct conf *running, const struct conf *next, conf_say_fn *say, void *arg);

/* The domain that serves a host (name or alias; names without case and trailing dot, addresses by
 * value; RFC 3261 19.1.4), or NULL. Costs the same however many there are. */
const struct conf_domain *conf_domain_find(const struct conf *c, struct str host);

/* The upstream that a source belongs to: one of its servers' addresses or a trusted network; NULL
 * for everybody else. The port does not matter. */
const struct conf_upstream *conf_upstream_of(const struct conf *c, const struct addr *source);

#endif
