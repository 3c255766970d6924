#include "service/probe.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/sys.h"
#include "net/loop.h"
#include "service/board.h"
#include "service/egress.h"
#include "service/ping.h"
#include "service/txn.h"

/* The first ones come one after another. */
enum { FIRST_MS = 1000, PACE_MS = 200 };

struct probe {
    struct probes *all;
    struct str uri;
    struct addr addr;
    uint32_t interval_s, n_sent;
    struct wheel_timer timer;
    struct txn *client;
    char *bytes; /* of uri */
};

struct probes {
    struct context *context;
    struct probe *list;
    size_t n;
};

int probe_new(struct context *c, struct probes **out)
{
    struct probes *p = calloc(1, sizeof *p);
    if (!p)
        return ERR_NOMEM;
    p->context = c;
    *out = p;
    return 0;
}

static void stop(struct probes *p)
{
    for (size_t i = 0; i < p->n; i++) {
        loop_timer_stop(p->context->loop, &p->list[i].timer);
        if (p->list[i].client)
            txn_client_drop(p->list[i].client);
        free(p->list[i].bytes);
    }
    free(p->list);
    p->list = NULL;
    p->n = 0;
}

void probe_free(struct probes *p)
{
    if (!p)
        return;
    stop(p);
    free(p);
}

/* ---------------------------------------------------------------- what an answer says */

static const struct conf_line *line_of(const struct conf *conf, const struct addr *contact)
{
    for (size_t i = 0; i < conf->n_lines; i++)
        if (conf_line_is_from(&conf->lines[i], contact))
            return &conf->lines[i];
    return NULL;
}

static void note(struct probe *b, bool is_reachable)
{
    const struct context *c = b->all->context;
    const struct conf_line *line = line_of(c->conf, &b->addr);
    struct str name = line ? LOG_NAME_OF(line->aor) : STR_NONE;
    stats_inc(is_reachable ? STAT_PROBE_ANSWERED : STAT_PROBE_SILENT);
    if (!board_note_contact(c->board, &b->addr, is_reachable, sys_service_s()))
        return;
    if (is_reachable) {
        log_info("line %.*s: %.*s answers again", STR_FMT(name), STR_FMT(b->uri));
        return;
    }
    stats_inc(STAT_ALARM_UNREACHABLE);
    log_warn("alarm line-unreachable: line %.*s: %.*s does not answer OPTIONS", STR_FMT(name),
             STR_FMT(b->uri));
}

static void on_client(struct txn *t, enum txn_note what, const struct msg *m, void *arg)
{
    struct probe *b = arg;
    (void)t;
    if (what == TXN_NOTE_MESSAGE && m->status >= 200)
        note(b, true);
    else if (what == TXN_NOTE_TIMEOUT || what == TXN_NOTE_ERROR)
        note(b, false);
    else if (what == TXN_NOTE_END)
        b->client = NULL;
}

/* ---------------------------------------------------------------- asking */

/* ERR_ABSENT: no listener fits; others as a transaction's. */
static int ask(struct probe *b)
{
    struct context *c = b->all->context;
    struct ping ping = {.uri = b->uri, .cseq = ++b->n_sent};
    if (egress_pick(c->egress, CONF_SIDE_ACCESS, &b->addr, &ping.flow))
        return ERR_ABSENT;
    return ping_send(c, &ping, &(struct txn_user){on_client, b}, &b->client);
}

/* One whose answer is still awaited is not asked again. Our own trouble says nothing of it. */
static void on_time(void *arg)
{
    struct probe *b = arg;
    struct loop *loop = b->all->context->loop;
    int err = b->client ? 0 : ask(b);
    if (err == ERR_ABSENT || err == ERR_IO || err == ERR_GONE)
        note(b, false);
    loop_timer_start(loop, &b->timer, b->interval_s * 1000ULL);
}

/* ---------------------------------------------------------------- configuration */

/* gcc 12 loses sight of what the table keeps. */
#pragma GCC diagnostic push
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif
static bool add(struct probes *p, const struct conf_contact *contact)
{
    struct probe *b = &p->list[p->n];
    char *bytes = malloc(contact->uri.n + 1);
    if (!bytes)
        return false;
    memcpy(bytes, contact->uri.p, contact->uri.n);
    *b = (struct probe){.all = p,
                        .addr = contact->addr,
                        .interval_s = contact->probe_interval_s,
                        .bytes = bytes,
                        .uri = {bytes, contact->uri.n}};
    wheel_timer_init(&b->timer, on_time, b);
    loop_timer_start(p->context->loop, &b->timer, FIRST_MS + p->n * PACE_MS);
    p->n++;
    return true;
}
#pragma GCC diagnostic pop

void probe_sync(struct probes *p)
{
    const struct context *c = p->context;
    const struct conf *conf = c->conf;
    bool is_whole = true;
    stop(p);
    p->list = calloc(conf->n_contacts + 1, sizeof *p->list);
    for (size_t i = c->worker; p->list && is_whole && i < conf->n_contacts; i += c->n_workers)
        if (conf->contacts[i].probe_interval_s)
            is_whole = add(p, &conf->contacts[i]);
    if (!p->list || !is_whole)
        log_error("lines: out of memory; not all contacts are probed");
}
