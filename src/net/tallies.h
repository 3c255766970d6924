/* Which counters a transport with connections has. Any thread. */
#ifndef BW_NET_TALLIES_H
#define BW_NET_TALLIES_H

#include "base/stats.h"
#include "net/flow.h"

struct tallies {
    enum stats_id in, out, bytes_in, bytes_out, open, opened,
        dialled; /* dialled: TCP and TLS only */
};

/* Not for UDP. */
const struct tallies *tallies_of(enum flow_transport transport);

#endif
