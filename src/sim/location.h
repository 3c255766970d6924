/* A registrar's bindings in memory: AoR to contacts, by the rules of RFC 3261 10.3. Knows no
 * network and no clock: the caller says what time it is. One thread. */
#ifndef BW_SIM_LOCATION_H
#define BW_SIM_LOCATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "sip/contact.h"

/* The most bindings of one AoR. */
enum { LOCATION_CONTACTS_MAX = 64 };

struct location_conf {
    uint32_t min_expires_s, max_expires_s;
    uint32_t default_expires_s; /* where the request names none */
    uint32_t grant_s;           /* granted whatever is asked for; 0: what is asked for */
};

/* What a REGISTER says. */
struct location_request {
    struct str aor; /* canonical */
    struct str call_id;
    uint32_t cseq;
    const struct contact *contacts; /* a star as it came, too */
    size_t n_contacts;
    int64_t expires_s; /* of the header; CONTACT_NO_EXPIRES */
    struct str path;   /* all of it, or none */
};

/* Where somebody can be called; valid until the location changes. */
struct location_target {
    struct str aor, uri;
    struct str path; /* all of it, or none */
};

struct location;

/* conf stays the caller's, is read at each request and may change between two. ERR_NOMEM. */
int location_new(const struct location_conf *conf, uint64_t now_ms, struct location **out);

/* NULL is legal. */
void location_free(struct location *l);

/* Takes the request, all of it or nothing. The status that it gets: 200; 400: a star that does not
 * stand alone with Expires 0; 423: shorter than min_expires_s; 500: out of order (10.3 step 7), or
 * no memory; 503: too many contacts. A CSeq equal to the last one of the same Call-ID is a
 * retransmission and is taken again. */
unsigned location_register(struct location *l, const struct location_request *r, uint64_t now_ms);

/* Drops what has expired. */
void location_advance(struct location *l, uint64_t now_ms);

/* Forgets everything. */
void location_flush(struct location *l);

/* Appends a Contact line for each binding of the AoR, with the seconds left (10.3 step 8). */
void location_print(const struct location *l, struct str aor, uint64_t now_ms, struct buf *out);

/* The next binding in turn, of all AoRs. False: there is none. */
bool location_next(struct location *l, struct location_target *out);

size_t location_n_bindings(const struct location *l);
size_t location_n_aors(const struct location *l);

#endif
