/* name-addr and addr-spec: the values of From, To, Contact, Route, Record-Route, Path and their
 * kin (RFC 3261 20.10, 25.1), as slices with their place in the message. Pure; any thread. */
#ifndef BW_SIP_NAMEADDR_H
#define BW_SIP_NAMEADDR_H

#include <stdbool.h>

#include "base/str.h"

struct nameaddr {
    struct str text;    /* the whole element, without white space around it */
    struct str display; /* with its quotes, or none */
    struct str uri;     /* the URI's bytes as received; "*" for a star */
    struct str params;  /* the header's parameters, from the first ';', or none */
    struct str tag; /* the value of the first tag parameter; empty without one, none if absent */
    bool has_brackets;
    bool is_star;
};

/* The next element of a comma-separated list. 1: *out is set; 0: the end; ERR_PARSE. Without
 * brackets every ;parameter belongs to the header and the URI may hold no comma, '?' or ';' (D23).
 * The URI itself is not parsed here. An empty element is an error, a trailing comma too; a blank
 * value is the end. */
int nameaddr_next(struct str *rest, struct nameaddr *out);

/* The whole value must be one element. 0 or ERR_PARSE. */
int nameaddr_parse(struct str value, struct nameaddr *out);

#endif
