#include "net/tallies.h"

#include "base/err.h"

static const struct tallies all[FLOW_TRANSPORT_MAX] = {
    [FLOW_TCP] = {STAT_TCP_IN, STAT_TCP_OUT, STAT_TCP_BYTES_IN, STAT_TCP_BYTES_OUT,
                  STAT_CONNECTIONS_TCP, STAT_OPENED_TCP, STAT_DIALLED_TCP},
    [FLOW_TLS] = {STAT_TLS_IN, STAT_TLS_OUT, STAT_TLS_BYTES_IN, STAT_TLS_BYTES_OUT,
                  STAT_CONNECTIONS_TLS, STAT_OPENED_TLS, STAT_DIALLED_TLS},
    [FLOW_WS] = {STAT_WS_IN, STAT_WS_OUT, STAT_WS_BYTES_IN, STAT_WS_BYTES_OUT, STAT_CONNECTIONS_WS,
                 STAT_OPENED_WS},
    [FLOW_WSS] = {STAT_WSS_IN, STAT_WSS_OUT, STAT_WSS_BYTES_IN, STAT_WSS_BYTES_OUT,
                  STAT_CONNECTIONS_WSS, STAT_OPENED_WSS},
};

const struct tallies *tallies_of(enum flow_transport transport)
{
    BUG_ON(transport == FLOW_UDP);
    return &all[transport];
}
