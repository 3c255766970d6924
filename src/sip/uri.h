/* URIs as slices over the text they were parsed from (RFC 3261 19.1, RFC 3966), the canonical form
 * of an AoR (D1-D9), and comparison (D80, D81). Nothing is un-escaped in the slices. Pure; any
 * thread. */
#ifndef BW_SIP_URI_H
#define BW_SIP_URI_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/buf.h"
#include "base/str.h"

enum uri_scheme { URI_SIP, URI_SIPS, URI_TEL, URI_OTHER };

/* The most parameters, and the most headers, that one URI may have. */
enum { URI_PARTS_MAX = 32 };

struct uri {
    enum uri_scheme scheme;
    struct str text;     /* all of it */
    struct str name;     /* of the scheme, as written */
    struct str user;     /* none if there is no '@'; escapes and ;-parts kept. tel: the number */
    struct str password; /* none if absent */
    struct str host;     /* IPv6 with its brackets; none for tel and others */
    uint16_t port;       /* 0: none written */
    struct str params;   /* from the first ';' after the host (tel: after the number), or none */
    struct str headers;  /* behind '?', or none */
    struct str rest;     /* URI_OTHER: what stands behind the colon */
};

/* The whole slice must be one URI: 0 or ERR_PARSE. A user may hold '#' and bytes of UTF-8, which
 * the grammar wants escaped and phones send raw. Checks the characters, the %HH escapes, the
 * host (name, IPv4, bracketed IPv6; D81) and the port (1…65535); sip and sips need a host, and what
 * stands before an '@' may not be empty. A parameter's value may be empty, which phones do send. A
 * local tel number needs no phone-context. A scheme that we do not know only needs legal
 * characters. */
int uri_parse(struct str text, struct uri *out);

bool uri_is_sips(struct str text); /* by its scheme; the rest may be anything */

/* urn:service:sos, or a service below it, as sos.fire (RFC 5031 4.2). */
bool uri_is_sos(const struct uri *u);

/* The value of a URI parameter, the first of that name in any case; false if absent. *value is none
 * when it has no "=", and keeps its escapes. */
bool uri_param(const struct uri *u, struct str name, struct str *value);

/* Appends the URI without its headers and without any parameter of that name, however it is written
 * (any case, escapes, several of them); all else byte for byte. */
void uri_print_bare(const struct uri *u, struct str name, struct buf *out);

/* What was asked for as an AoR key is not one. */
enum uri_fault {
    URI_OK,
    URI_NO_USER,    /* D8 */
    URI_BAD_SCHEME, /* not sip, sips or tel */
    URI_BAD_ESCAPE, /* control characters or NUL behind an escape (D9) */
    URI_TOO_LONG    /* *out has overflown */
};

/* Appends the canonical AoR: "user@host", sip and sips alike (D6), escapes of characters that may
 * stand bare in a user resolved once, others and those of ';' and '/' in upper-case hex (D2, D3),
 * host in lower case without trailing dot, IPv6 in its shortest form, a port only when it is not
 * the scheme's default (D7), no password, no parameters. tel: "+31201234567" with visual separators
 * kept out, no host (D5). is_case_kept false: the user in lower case too. On a fault out has an
 * unfinished piece. */
enum uri_fault uri_to_aor(const struct uri *u, bool is_case_kept, struct buf *out);

/* RFC 3261 19.1.4 with D80 and D81; tel: RFC 3966 4; other schemes: byte by byte behind the scheme.
 * A URI equals itself, and the order of a and b does not matter. */
bool uri_is_equal(const struct uri *a, const struct uri *b);

/* Hosts alone: names without case and trailing dot, addresses by value. */
bool uri_is_same_host(struct str a, struct str b);

#endif
