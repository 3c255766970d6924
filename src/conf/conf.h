/* The configuration as an immutable snapshot: read, checked and linked once, then shared by all
 * threads until the last one has moved on to a newer one (the only reference count there is).
 * conf_load on the main thread; reading and conf_ref/conf_unref on any. Everything inside belongs
 * to the snapshot. Which options exist, with type, range, default and help: schema.c. */
#ifndef BW_CONF_CONF_H
#define BW_CONF_CONF_H

#include "conf/model.h"

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

struct conf_way {
    struct addr addr;
    enum flow_transport transport;
};

/* What comes from there is of a server that is reached by that way: over UDP by address and port,
 * else by the address, as a connection that it opens has any port. Only by the transport that it is
 * configured with, or that the DNS names: another one is easier to pretend to come by. TLS will do
 * for TCP; a server over UDP has streams, too, unless its URI says transport=udp. */
bool conf_server_sends(const struct conf_server *s, const struct conf_way *way,
                       const struct conf_way *from);

/* The upstream that has a source among the servers it gives by address, as conf_server_sends has
 * it; or NULL. Phones may share a host with an upstream over UDP, so there the address alone is not
 * enough. For servers that are given by name, too: service/roster.h. */
const struct conf_upstream *conf_upstream_at(const struct conf *c, const struct addr *source,
                                             enum flow_transport transport);

/* The upstream that has it in a trusted network, whatever its port; or NULL. */
const struct conf_upstream *conf_upstream_trusting(const struct conf *c, const struct addr *source);

/* The limits on sources do not apply to this one. */
bool conf_is_exempt(const struct conf *c, const struct addr *source);

/* The domain's redirect-targets has the host of a URI: a name without case and trailing dot, an
 * address by value. */
bool conf_domain_redirects_to(const struct conf_domain *d, struct str host);

/* The fixed line of an AoR, or NULL. Costs the same however many there are. */
const struct conf_line *conf_line_find(const struct conf *c, struct str aor);

/* The source is a fixed contact of any line, by address and port. */
bool conf_is_contact(const struct conf *c, const struct addr *source);

/* The source is a fixed contact of the line, by address and port: a PBX may share its address with
 * others, behind a NAT for example. */
bool conf_line_is_from(const struct conf_line *l, const struct addr *source);

/* One of the domain's access lists lets in who comes from there as that account: the AoR of his
 * line, or none. Without lists everybody is let in. Costs the same however long they are. */
bool conf_domain_admits(const struct conf_domain *d, const struct addr *source, struct str aor);

#endif
