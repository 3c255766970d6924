/* Where the connections of a listener come in: its socket, and the limits on who has how many
 * connections that no binding needs. All calls on the loop's thread, or before it runs. */
#ifndef BW_NET_DOOR_H
#define BW_NET_DOOR_H

#include <stdbool.h>

#include "base/addr.h"
#include "net/wheel.h"

struct census;
struct loop;
struct loop_io;

/* Takes a connection: fd is its own from now on, whatever it answers. is_counted: it is in the
 * census, and it takes it out when it ends; not if it answers other than 0. */
typedef int door_fn(int fd, const struct addr *peer, bool is_counted, void *self);

struct door_conf {
    struct addr addr; /* bound; port 0: the system chooses */
    bool is_shared;   /* several workers bind it (SO_REUSEPORT) */
    bool is_first;    /* of the shared ones: refuse an address that another program holds */
    int passed_fd;    /* as in udp.h */
    bool (*is_exempt)(const struct addr *peer, void *arg); /* from the census */
    void *arg;
    struct census *census;
};

struct door {
    struct door_conf conf; /* its address has the port that the system chose */
    struct loop *loop;
    struct loop_io *io;
    int fd;
    struct wheel_timer pause;
    door_fn *fn;
    void *self;
};

/* Binds, listens, joins the loop. ERR_IO: errno says why; ERR_NOMEM; door_close then, too. */
int door_open(struct door *d, struct loop *l, const struct door_conf *conf, door_fn *fn,
              void *self);
void door_close(struct door *d);

#endif
