/* Where else a redirect says that a request may be tried: the Contacts of a 3xx in their order (RFC
 * 3261 8.1.3.4, 20.10, 21.3). Whether anybody may go there is not judged here. Pure; any thread. */
#ifndef BW_CORE_REDIRECT_H
#define BW_CORE_REDIRECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sip/msg.h"
#include "sip/uri.h"

/* A list with more of them is cut. */
enum { REDIRECT_CONTACTS_MAX = 16 };

struct redirect_contact {
    struct str text; /* the whole name-addr; points into the message */
    struct uri uri;  /* sip */
    int q;           /* thousandths; 1000 where it has none (D21) */
    uint32_t left_s; /* how long it is good for, at least 1; 0: no end */
};

struct redirect {
    struct redirect_contact list[REDIRECT_CONTACTS_MAX]; /* highest q first, else as they came */
    size_t n;
    size_t n_unusable; /* no sip URI, or unreadable; what follows that in its line is lost */
    size_t n_expired;  /* expires=0, in the Contact or, where it has none, the Expires header */
    size_t n_cut;      /* left out: REDIRECT_CONTACTS_MAX are better, or came first */
};

/* Its Contacts stand for the one who was asked. Not those of 305, which name a proxy to go through,
 * and of 380, whose body says what they are for. */
bool redirect_is_to_targets(unsigned status);

void redirect_parse(const struct msg *m, struct redirect *out);

#endif
