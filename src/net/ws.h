/* A WebSocket that a phone has opened: between the bytes of its connection and SIP messages (RFC
 * 6455, RFC 7118). First the upgrade, then frames, cut and joined by wslay; a message of SIP is a
 * message of the WebSocket. Pings are answered, and what breaks a rule is answered with a close
 * frame that says which. It keeps the upgrade request, or a message that has not come whole, and
 * nothing between messages. No I/O; one thread at a time. */
#ifndef BW_NET_WS_H
#define BW_NET_WS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/stats.h"
#include "net/inflow.h"
#include "net/wshake.h"

struct ws;

struct ws_conf {
    struct wshake_conf shake;
    size_t max_len; /* bytes of a message, however many frames it comes in */
};

struct ws_fns {
    inflow_fn *on_part; /* FRAME_MESSAGE, FRAME_PING */
    /* Puts bytes on the connection. 0, or an error: the connection is no more. */
    int (*write)(struct str bytes, void *arg);
};

/* What a close frame says (RFC 6455 7.4.1). */
enum ws_code {
    WS_NORMAL = 1000,
    WS_GOING_AWAY = 1001,
    WS_PROTOCOL = 1002,
    WS_NO_TEXT = 1007,
    WS_POLICY = 1008,
    WS_TOO_BIG = 1009
};

/* A connection that has just been accepted. conf and fns outlive it; arg is given to fns.
 * ERR_NOMEM. */
int ws_new(const struct ws_conf *conf, const struct ws_fns *fns, void *arg, struct ws **out);

/* Not from within fns. NULL is legal. */
void ws_free(struct ws *ws);

/* The next bytes of the connection. 0; ERR_NOMEM: it cannot go on. */
int ws_feed(struct ws *ws, struct str bytes);

/* Sends a SIP message in the kind of frame that the phone uses; CRLFCRLF, a keepalive, as a ping.
 * ERR_GONE: the WebSocket is not open. */
int ws_send(struct ws *ws, struct str message);

/* The last that is sent, if it is open; what comes from now on is not looked at. */
void ws_close(struct ws *ws, enum ws_code code);

/* True: nothing more comes or goes; *why is the counter to be raised for it. */
bool ws_is_over(const struct ws *ws, enum stats_id *why);

/* The upgrade, a frame or a message has not come whole. */
bool ws_is_waiting(const struct ws *ws);

#endif
