/* Copies of all messages to a server of Homer's kind, in HEP version 3 over UDP: one datagram a
 * message, from a thread of its own. What does not fit a datagram, or cannot be sent, is dropped
 * and counted. */
#ifndef BW_NET_HEP_H
#define BW_NET_HEP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/buf.h"
#include "net/tap.h"

struct hep;

struct hep_conf {
    struct addr server; /* family 0: none */
    uint32_t capture_id;
    struct str token;   /* the authenticate key; or none */
    bool shows_secrets; /* else blank_secrets */
};

/* Starts the thread, with nowhere to send to. The tap outlives it. ERR_NOMEM. */
int hep_new(struct tap *t, struct hep **out);
void hep_free(struct hep *h); /* NULL is legal */

/* From now on; copied; without effect where all is as before. Any thread. ERR_NOMEM, ERR_FULL,
 * ERR_IO: nothing is sent any more. */
int hep_set(struct hep *h, const struct hep_conf *conf);

/* One message as it is sent; out has overflown where it does not fit. */
void hep_print(const struct hep_conf *conf, const struct tap_item *i, struct buf *out);

#endif
