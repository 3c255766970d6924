/* Peers that act by themselves, for scenarios in which packets get lost: a caller that retransmits
 * and acknowledges as RFC 3261 17.1 wants, and a called side that answers as it was told. */
#ifndef BW_TESTS_SIM_AGENT_H
#define BW_TESTS_SIM_AGENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/str.h"

struct mail;
struct peer;
struct run;

struct agents {
    struct list rules; /* what called sides do */
    struct list jobs;  /* one a transaction, of callers and called */
};

void agent_init(struct agents *a);

/* answer PEER METHOD STATUS[@DELAY]…: the words from nth on. */
void agent_add_rule(struct run *r, struct peer *peer, size_t nth);

/* A request goes out and is looked after until it has its final response. cancel_ms: an INVITE is
 * cancelled so long after it was sent, UINT64_MAX: never. */
void agent_call(struct run *r, struct peer *peer, struct str request, struct str label,
                uint64_t cancel_ms);

/* The final status of a call, 0: none came; -1: no such call. */
int agent_outcome(const struct run *r, struct str label);

/* True: an agent has taken the packet. */
bool agent_receive(struct run *r, struct peer *peer, const struct mail *m);

#endif
