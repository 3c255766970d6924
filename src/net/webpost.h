/* A client of one web server, for POST requests: libcurl, blocking, on the thread that uses it. */
#ifndef BW_NET_WEBPOST_H
#define BW_NET_WEBPOST_H

#include <stdatomic.h>

#include "base/str.h"

struct webpost;

/* stop: a request ends without a status at the webpost_wake after it is set, be it that a name is
 * looked up or a server does not answer. ERR_NOMEM. */
int webpost_new(const atomic_bool *stop, struct webpost **out);
void webpost_free(struct webpost *w); /* NULL is legal */

void webpost_wake(struct webpost *w); /* any thread; NULL is legal */

/* Posts the body, 10 s at most; redirects are not followed. The status, or 0 for none, *why a
 * constant that says why. token: NULL for none. */
enum { WEBPOST_TIMEOUT_S = 10 };
long webpost_send(struct webpost *w, const char *url, const char *token, struct str body,
                  const char **why);

#endif
