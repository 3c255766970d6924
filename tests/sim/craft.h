/* Makes the messages that peers send, from a step's words: sensible and complete, with whatever
 * the step wants otherwise. Which words there are: the tables in craft.c and docs/simulation.md. */
#ifndef BW_TESTS_SIM_CRAFT_H
#define BW_TESTS_SIM_CRAFT_H

#include "run.h"

/* The message that a step describes; its words from nth on are the method (or status) and the
 * user. None: the run has failed. */
struct str craft_message(struct run *r, struct peer *from, size_t nth);

/* What automatic peers need. A response to a request: */
struct str craft_response(struct arena *a, struct str request, unsigned status);

/* The ACK or CANCEL to an INVITE: with its branch (none), or with one of its own. to: the To value
 * that it carries, route: its Route, or none. */
struct craft_hop {
    struct str method, invite, to, branch, route;
};
struct str craft_hop(struct arena *a, const struct craft_hop *hop);

#endif
