#include "daemon/reports.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "conf/conf.h"
#include "net/feed.h"
#include "net/hep.h"
#include "service/worker.h"

static int aim_feeds(struct reports *r, const struct conf_events *e)
{
    int err = feed_set_target(r->feeds[FEED_SOCKET], e->socket, STR_NONE);
    return err ? err : feed_set_target(r->feeds[FEED_WEBHOOK], e->webhook, e->token);
}

static void aim_hep(struct reports *r, const struct conf_hep *h)
{
    const struct hep_conf conf = {.server = h->server,
                                  .capture_id = h->capture_id,
                                  .token = h->token,
                                  .shows_secrets = h->secrets};
    int err = hep_set(r->hep, &conf);
    if (err)
        log_error("hep server: nothing is sent: %s",
                  err == ERR_IO ? strerror(errno) : err_text(err));
}

int reports_aim(struct reports *r, const struct conf *conf)
{
    aim_hep(r, &conf->hep);
    return aim_feeds(r, &conf->events);
}

int reports_start(struct reports *r, const struct conf *conf, struct worker_group *group)
{
    int err = feed_new(FEED_SOCKET, &r->feeds[FEED_SOCKET]);
    if (!err)
        err = feed_new(FEED_WEBHOOK, &r->feeds[FEED_WEBHOOK]);
    if (!err)
        err = tap_init(&r->tap);
    if (!err)
        err = hep_new(&r->tap, &r->hep);
    if (err)
        return err;
    memcpy(r->lifecycle.feeds, r->feeds, sizeof r->feeds);
    group->lifecycle = &r->lifecycle;
    group->tap = &r->tap;
    tap_join(&r->tap, &group->flows);
    return reports_aim(r, conf);
}

void reports_stop(struct reports *r)
{
    hep_free(r->hep);
    tap_fini(&r->tap);
    feed_stop(r->feeds[FEED_SOCKET]);
    feed_stop(r->feeds[FEED_WEBHOOK]);
    feed_free(r->feeds[FEED_SOCKET]);
    feed_free(r->feeds[FEED_WEBHOOK]);
}
