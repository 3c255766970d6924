/* Lists of Contacts: read from messages for checks, and written as registrars write them, in all
 * the ways in which they do. A second opinion like text.h. Pure. */
#ifndef BW_TESTS_SIM_CONTACTS_H
#define BW_TESTS_SIM_CONTACTS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

struct contacts_item {
    struct str value; /* all of it */
    struct str uri;   /* without <> */
};

/* The nth Contact of a message, all lines together; false: there are not so many. */
bool contacts_nth(struct str message, unsigned nth, struct contacts_item *out);

/* Takes the name of a parameter off a label, as in "ok:pub-gruu"; none: there is none in it. */
struct str contacts_take_gruu(struct str *label);

/* The first Contact's URI, or the one in the last such parameter of a Contact; none: there is
 * none. */
struct str contacts_uri(struct str message, struct str gruu);

/* Seconds in ";expires=", quoted or not; false: absent or no number. */
bool contacts_expires(const struct contacts_item *c, uint32_t *out);

/* The Request-URI for a number at a bulk Contact, as a registrar makes it (RFC 6140 7.1.1); at any
 * other, and without a number, the URI itself. */
struct str contacts_number(struct arena *a, struct str uri, struct str number);

/* The token of ours in a Contact's or Path's URI: ";bw=…" or the user "t-…". None: there is none.
 */
struct str contacts_token(struct str uri);

/* What a registrar puts into its 2xx, in the order of the words (comma-separated):
 *   ours      the request's Contacts
 *   foreign   one that somebody else has registered
 * and how: merged (one line), quoted (expires="N"), bare (no ;expires, an Expires line), lower,
 * upper (host), escaped (the user's first letter), port (adds or removes :5060), more (further
 * parameters of the Contact), gruu (such names of the first device), stripped (no URI parameters).
 */
struct contacts_list {
    struct str words;
    struct str request; /* whose Contacts are "ours" */
    struct str expires; /* none: as asked for */
};
void contacts_build(const struct contacts_list *l, struct buf *out);

#endif
