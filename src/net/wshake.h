/* The beginning of a WebSocket: a client's upgrade request is judged and answered (RFC 6455 4.2,
 * RFC 7118 4). Pure but for the SHA-1 of the key; any thread. */
#ifndef BW_NET_WSHAKE_H
#define BW_NET_WSHAKE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"

/* Bytes of a request, and of an answer; header fields of a request. */
enum { WSHAKE_HEAD_MAX = 8192, WSHAKE_ANSWER_MAX = 512, WSHAKE_FIELDS_MAX = 100 };

/* Pages that may connect, as browsers name them (RFC 6454 6.1). None: all may. */
struct wshake_conf {
    const struct str *origins;
    size_t n_origins;
};

/* The length of the request with its blank line; 0: it has not come whole. The first n_seen bytes
 * have been looked at before and held no end. */
size_t wshake_find_end(struct str in, size_t n_seen);

/* Judges a whole request: its status, 101 for one that is granted. The answer goes to out, which
 * has room for WSHAKE_ANSWER_MAX. */
unsigned wshake_judge(struct str request, const struct wshake_conf *conf, struct buf *out);

/* An answer that needs no request: 431. */
void wshake_refuse(unsigned status, struct buf *out);

#endif
