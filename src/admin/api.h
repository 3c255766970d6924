/* The admin API's answers, without the network: a request in, a response out. Knows nothing of
 * who may ask (access.h). Any thread. */
#ifndef BW_ADMIN_API_H
#define BW_ADMIN_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "admin/answer.h"
#include "admin/query.h"
#include "base/str.h"
#include "conf/model.h"

struct alarms;
struct board;
struct cluster;
struct history;
struct history_from;
struct keysjson;
struct noise;
struct removal;
struct shield_table;
struct source_table;
struct store;
struct ledger;
struct trail_entry;

/* How the API reaches the daemon. Called on admin threads, maybe several at a time. */
struct api_hooks {
    /* false: *why is a short reason; a constant. */
    bool (*is_ready)(const char **why, void *arg);
    unsigned (*workers)(void *arg);
    /* Reads the configuration again: 0, ERR_BADCONF or ERR_NOMEM; findings go to say. */
    int (*reload)(conf_say_fn *say, void *say_arg, void *arg);
    /* Registers again what upstream of that name may have lost: 0, ERR_ABSENT (there is none) or
     * ERR_NOMEM. */
    int (*resync)(struct str upstream, void *arg);
    void *arg;
    struct source_table *sources;
    struct alarms *alarms; /* NULL: there are none */
    struct board *board;   /* of fixed lines; NULL: there are none */
    struct store *store;
    struct conf *(*conf)(void *arg); /* the running one, for the caller to conf_unref */
    /* worker_remove of an AoR. */
    int (*remove)(struct str aor, struct removal *out, void *arg);
    /* worker_trail and worker_ledger of a worker, 0 to workers() - 1. */
    size_t (*trail)(unsigned worker, struct str aor, struct trail_entry *out, void *arg);
    const struct ledger *(*ledger)(unsigned worker, void *arg);
    struct shield_table *shields; /* of upstreams; NULL: there are none */
    const struct noise *(*noise)(unsigned worker, void *arg); /* worker_noise */
    /* Calls end, devices are told to come back soon: 0 or ERR_NOMEM. */
    int (*drain)(void *arg);
    /* The keys that this process goes by; secret. */
    void (*keys)(struct keysjson *out, void *arg);
    /* Puts others in the place of its files, for the next start: 0 or ERR_IO. */
    int (*install_keys)(const struct keysjson *keys, void *arg);
    /* Takes the upstream of that name out of use, or lets it come back: 0, ERR_ABSENT, ERR_BADCONF
     * (it is not probed) or ERR_NOMEM. */
    int (*hold)(struct str upstream, bool is_held, void *arg);
    struct cluster *cluster; /* NULL: there is none */
};

struct api {
    struct api_hooks hooks;
    uint64_t started_ms;      /* sys_now_ms */
    uint64_t started_wall_ms; /* sys_wall_ms */
    struct history *history;  /* NULL: there is none */
};

struct api_request {
    struct str method, path, body;
    const struct query *query; /* NULL: none */
};

/* The longest body that any request may have. */
enum { API_BODY_MAX = 4096 };

/* The start time is now. */
void api_init(struct api *a, const struct api_hooks *hooks);

/* What the figures of the history are read from. */
void api_history_from(const struct api *a, struct history_from *out);

void api_serve(const struct api *a, const struct api_request *q, struct answer *out);

#endif
