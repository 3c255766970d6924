/* Where a message ends on a stream (RFC 3261 18.3): Content-Length after the blank line, CRLF
 * keepalives between messages (RFC 5626 4.4.1). The scanner remembers how far it has looked, so
 * bytes that come one by one cost no more than bytes that come at once. Pure; one stream, one
 * scanner. */
#ifndef BW_SIP_FRAME_H
#define BW_SIP_FRAME_H

#include <stddef.h>

#include "base/str.h"

struct frame {
    size_t n_seen;   /* bytes of the input already looked at */
    size_t head_len; /* up to and with the blank line; 0: not found yet */
    size_t body_len;
};

enum frame_verdict {
    FRAME_MORE,    /* not complete yet */
    FRAME_MESSAGE, /* *len bytes are one message */
    FRAME_PING,    /* *len bytes are CRLFCRLF: answer with CRLF */
    FRAME_SKIP,    /* *len bytes are stray line ends: skip them */
    FRAME_BAD,     /* no or several or a malformed Content-Length: close (D26) */
    FRAME_TOOBIG   /* over max: close */
};

/* Before the first byte of a stream, and after each verdict that consumed bytes. */
void frame_init(struct frame *f);

/* in: everything received and not consumed yet, growing from call to call. max: the most bytes of
 * a message. */
enum frame_verdict frame_step(struct frame *f, struct str in, size_t max, size_t *len);

#endif
