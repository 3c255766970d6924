/* The admin server: the API over HTTP on an address and on a Unix socket, with a thread for each.
 * http_start and http_stop on the main thread. */
#ifndef BW_ADMIN_HTTP_H
#define BW_ADMIN_HTTP_H

#include "admin/api.h"
#include "conf/model.h"

struct http_conf {
    const struct conf_admin *admin; /* read until http_start returns */
    struct api_hooks hooks;
    struct tap *tap; /* for traces; outlives the server */
};

struct http;
struct tap;

/* Serves at once. The socket file gets mode 0660; one that nobody listens on is replaced. ERR_IO:
 * an address cannot be bound or the socket is in use, said in the log; ERR_NOMEM. */
int http_start(const struct http_conf *conf, struct http **out);

/* Keeps the history: called every HISTORY_STEP_S, more often does no harm. The main thread. */
void http_tend(struct http *h);

/* Ends the requests under way and removes the socket file. NULL is legal. */
void http_stop(struct http *h);

#endif
