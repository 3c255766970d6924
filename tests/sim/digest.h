/* Digest authentication as phones and operators do it: answers to challenges, lines of a
 * credentials file. A second opinion like text.h: made with the library's hashes alone. */
#ifndef BW_TESTS_SIM_DIGEST_H
#define BW_TESTS_SIM_DIGEST_H

#include "run.h"

/* auth="PASSWORD KEY=VALUE…": which answer, docs/simulation.md. */
struct digest_ask {
    struct peer *from;
    struct str words;
    struct str method, uri, body, user; /* of the request; the user is who sends it */
};

/* The value of an Authorization or Proxy-Authorization line. None: the run has failed. */
struct str digest_respond(struct run *r, const struct digest_ask *ask);

/* Lines "USER REALM PASSWORD ALGORITHM…" (all of them, where none is named) as lines of a
 * credentials file; what begins with "raw " stands there as it is. */
struct str digest_file(struct run *r, struct str lines);

/* The algorithms of a response's challenges, in their order, with blanks between. */
struct str digest_offer(struct run *r, struct str response);

#endif
