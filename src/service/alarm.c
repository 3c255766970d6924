#include "service/alarm.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/stats.h"

struct alarms {
    pthread_mutex_t lock;
    struct alarm *list; /* in the order of since_s; few: some codes, some upstreams */
    size_t n, cap;
    _Atomic size_t n_standing; /* n, for who does not hold the lock */
};

static const struct {
    const char *word, *advice;
    enum stats_id seen, standing;
} codes[ALARM_CODES] = {
    [ALARM_UNCHALLENGED] = {"upstream-unchallenged",
                            "upstream accepted a REGISTER without an Authorization; "
                            "authentication = relay needs an upstream that challenges",
                            STAT_ALARM_UNCHALLENGED, STAT_ALARM_STANDS_UNCHALLENGED},
    [ALARM_CHALLENGES_US] =
        {"upstream-challenges-us",
         "upstream challenges a REGISTER that we cannot prove; it must take "
         "our address without a proof, or upstream-credentials lacks an account",
         STAT_ALARM_CHALLENGES, STAT_ALARM_STANDS_CHALLENGES},
    [ALARM_REFUSES_CREDENTIALS] = {"upstream-refuses-credentials",
                                   "upstream does not take an account of ours; see the log for "
                                   "whose, and mend upstream-credentials",
                                   STAT_ALARM_CREDENTIALS, STAT_ALARM_STANDS_CREDENTIALS},
    [ALARM_CONTACT_MISSING] = {"contact-missing",
                               "upstream's 200 to a REGISTER does not list what was registered; "
                               "see contact-token and insertion",
                               STAT_ALARM_MISSING, STAT_ALARM_STANDS_MISSING},
    [ALARM_UNRESOLVED] = {"upstream-unresolved",
                          "the DNS knows no servers for a name in servers, or does not answer; "
                          "those that were found last are used as long as there are any",
                          STAT_ALARM_UNRESOLVED, STAT_ALARM_STANDS_UNRESOLVED},
    [ALARM_UPSTREAM_DOWN] = {"upstream-down",
                             "upstream answers neither probes nor REGISTERs; see its servers, the "
                             "way to them, and probe-interval",
                             STAT_ALARM_DOWN, STAT_ALARM_STANDS_DOWN},
    [ALARM_LOST_DATA] = {"upstream-lost-data",
                         "upstream seems to know no more what it had accepted; breakwaterctl "
                         "upstream resync NAME registers again what we can prove ourselves",
                         STAT_ALARM_LOST, STAT_ALARM_STANDS_LOST},
    [ALARM_UPSTREAM_DRAINED] = {"upstream-drained",
                                "an operator has taken upstream out of use; breakwaterctl upstream "
                                "resume NAME lets it come back",
                                STAT_ALARM_DRAINED, STAT_ALARM_STANDS_DRAINED},
};

const char *alarm_word(enum alarm_code code)
{
    return codes[code].word;
}

const char *alarm_advice(enum alarm_code code)
{
    return codes[code].advice;
}

int alarm_new(struct alarms **out)
{
    struct alarms *a = calloc(1, sizeof *a);
    if (!a)
        return ERR_NOMEM;
    (void)pthread_mutex_init(&a->lock, NULL);
    *out = a;
    return 0;
}

/* ---------------------------------------------------------------- under the lock */

static void set_n(struct alarms *a, size_t n)
{
    a->n = n;
    atomic_store_explicit(&a->n_standing, n, memory_order_relaxed);
}

static void drop(struct alarms *a, size_t i)
{
    stats_dec(codes[a->list[i].code].standing);
    memmove(a->list + i, a->list + i + 1, (a->n - i - 1) * sizeof *a->list);
    set_n(a, a->n - 1);
}

static void drop_old(struct alarms *a, uint64_t now_s)
{
    for (size_t i = a->n; i-- > 0;)
        if (a->list[i].last_s + ALARM_KEPT_S < now_s)
            drop(a, i);
}

static size_t find(const struct alarms *a, enum alarm_code code, const char *upstream)
{
    size_t i = 0;
    while (i < a->n && (a->list[i].code != code || strcmp(a->list[i].upstream, upstream) != 0))
        i++;
    return i;
}

static bool has_room(struct alarms *a)
{
    if (a->n < a->cap)
        return true;
    size_t cap = a->cap ? 2 * a->cap : 8;
    struct alarm *list = realloc(a->list, cap * sizeof *list);
    if (!list)
        return false;
    a->list = list;
    a->cap = cap;
    return true;
}

static void add(struct alarms *a, enum alarm_code code, const char *upstream, uint64_t now_s)
{
    if (!has_room(a))
        return;
    struct alarm *next = &a->list[a->n];
    *next = (struct alarm){.code = code, .since_s = now_s, .last_s = now_s, .n_seen = 1};
    (void)snprintf(next->upstream, sizeof next->upstream, "%s", upstream);
    set_n(a, a->n + 1);
    stats_inc(codes[code].standing);
}

/* True: it is new. */
static bool see(struct alarms *a, enum alarm_code code, const char *upstream, uint64_t now_s)
{
    drop_old(a, now_s);
    size_t i = find(a, code, upstream);
    if (i == a->n) {
        add(a, code, upstream, now_s);
        return true;
    }
    a->list[i].last_s = now_s;
    a->list[i].n_seen++;
    return false;
}

static bool end_alarm(struct alarms *a, enum alarm_code code, const char *upstream, uint64_t now_s)
{
    size_t i = find(a, code, upstream);
    if (i == a->n || now_s < a->list[i].last_s + ALARM_QUIET_S)
        return false;
    drop(a, i);
    return true;
}

static int copy(const struct alarms *a, struct alarm **out, size_t *n)
{
    if (a->n == 0)
        return 0;
    struct alarm *list = malloc(a->n * sizeof *list);
    if (!list)
        return ERR_NOMEM;
    memcpy(list, a->list, a->n * sizeof *list);
    *out = list;
    *n = a->n;
    return 0;
}

/* ---------------------------------------------------------------- for all */

void alarm_free(struct alarms *a)
{
    if (!a)
        return;
    while (a->n > 0)
        drop(a, a->n - 1);
    free(a->list);
    (void)pthread_mutex_destroy(&a->lock);
    free(a);
}

bool alarm_raise(struct alarms *a, enum alarm_code code, const char *upstream, uint64_t now_s)
{
    bool is_new = true;
    stats_inc(codes[code].seen);
    if (a) {
        (void)pthread_mutex_lock(&a->lock);
        is_new = see(a, code, upstream, now_s);
        (void)pthread_mutex_unlock(&a->lock);
    }
    if (is_new)
        log_warn("alarm %s: upstream=\"%s\": %s", codes[code].word, upstream, codes[code].advice);
    return is_new;
}

bool alarm_disprove(struct alarms *a, enum alarm_code code, const char *upstream, uint64_t now_s)
{
    if (!a || atomic_load_explicit(&a->n_standing, memory_order_relaxed) == 0)
        return false;
    (void)pthread_mutex_lock(&a->lock);
    bool is_over = end_alarm(a, code, upstream, now_s);
    (void)pthread_mutex_unlock(&a->lock);
    if (is_over)
        log_info("alarm %s: upstream=\"%s\": over", codes[code].word, upstream);
    return is_over;
}

bool alarm_end(struct alarms *a, enum alarm_code code, const char *upstream)
{
    return alarm_disprove(a, code, upstream, UINT64_MAX);
}

static bool is_configured(const char *upstream, const struct conf *conf)
{
    for (size_t i = 0; i < conf->n_upstreams; i++)
        if (strcmp(upstream, conf->upstreams[i].name) == 0)
            return true;
    return false;
}

void alarm_sync(struct alarms *a, const struct conf *conf)
{
    if (!a)
        return;
    (void)pthread_mutex_lock(&a->lock);
    for (size_t i = a->n; i-- > 0;)
        if (!is_configured(a->list[i].upstream, conf)) {
            log_info("alarm %s: upstream=\"%s\": over, it is not configured any more",
                     codes[a->list[i].code].word, a->list[i].upstream);
            drop(a, i);
        }
    (void)pthread_mutex_unlock(&a->lock);
}

int alarm_list(struct alarms *a, uint64_t now_s, struct alarm **out, size_t *n)
{
    *out = NULL;
    *n = 0;
    if (!a)
        return 0;
    (void)pthread_mutex_lock(&a->lock);
    drop_old(a, now_s);
    int err = copy(a, out, n);
    (void)pthread_mutex_unlock(&a->lock);
    return err;
}
