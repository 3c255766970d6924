/* Whom the certificate of a TLS peer names (RFC 5922 7.1). The connection's thread. */
#ifndef BW_NET_PEERCERT_H
#define BW_NET_PEERCERT_H

#include "base/buf.h"

struct ssl_st;
struct x509_st;

/* Of a TLS client. A line for each name, as AoRs are (uri_to_aor): "user@domain" for a sip or sips
 * URI with a user, and that is the user's alone; "domain" for one without, or, where there is no
 * such URI at all, for a DNS name. Wildcards name nobody, and other names, the subject among them,
 * are not looked at. Nothing where no certificate was asked for or it was not verified. */
void peercert_read(const struct ssl_st *tls, struct buf *out);

/* It is the certificate of that SIP domain, or host. */
bool peercert_has(const struct x509_st *certificate, struct str domain);

#endif
