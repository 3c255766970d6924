#include "admin/history.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/stats.h"
#include "base/sys.h"
#include "service/ledger.h"
#include "service/shield.h"
#include "store/headcount.h"

/* A wake that comes a little early counts. */
enum { EARLY_MS = 500 };

struct history {
    pthread_mutex_t lock; /* of the ring */
    int64_t ring[HISTORY_SAMPLES][HISTORY_FIGURES];
    size_t first, n;
    uint64_t last_ms; /* 0: there was none. The main thread's */
};

static const char *const names[HISTORY_FIGURES] = {
    [HISTORY_AT_MS] = "at_ms",       [HISTORY_IN] = "registers_in", [HISTORY_ABSORBED] = "absorbed",
    [HISTORY_OUT] = "registers_out", [HISTORY_LINES] = "lines",     [HISTORY_BINDINGS] = "bindings",
    [HISTORY_RINGING] = "ringing",   [HISTORY_CALLS] = "calls",     [HISTORY_REFUSED] = "refused",
    [HISTORY_WAITING] = "waiting",
};

int history_new(struct history **out)
{
    struct history *h = calloc(1, sizeof *h);
    if (!h)
        return ERR_NOMEM;
    (void)pthread_mutex_init(&h->lock, NULL);
    *out = h;
    return 0;
}

void history_free(struct history *h)
{
    if (h)
        (void)pthread_mutex_destroy(&h->lock);
    free(h);
}

/* ---------------------------------------------------------------- reading */

/* Of all rows of a name. */
static int64_t sum_of(const char *name)
{
    int64_t sum = 0;
    for (int i = 0; i < STAT_MAX; i++)
        if (strcmp(stats_rows[i].name, name) == 0)
            sum += stats_sum((enum stats_id)i);
    return sum;
}

static void read_registers(const struct savingsview *v, int64_t out[HISTORY_FIGURES])
{
    uint64_t counts[LEDGER_KINDS];
    savingsview_total(v, counts);
    out[HISTORY_IN] = (int64_t)counts[LEDGER_IN];
    out[HISTORY_ABSORBED] = (int64_t)counts[LEDGER_ABSORBED];
    out[HISTORY_OUT] = (int64_t)(counts[LEDGER_RELAYED] + counts[LEDGER_OWN]);
}

static void read_heads(const struct headcount *h, int64_t out[HISTORY_FIGURES])
{
    struct headcount_row row;
    for (size_t i = 0; h && i < HEADCOUNT_ROWS; i++) {
        if (!headcount_read(h, i, &row))
            continue;
        out[HISTORY_LINES] += row.n_lines;
        for (size_t k = 0; k < FLOW_TRANSPORT_MAX; k++)
            out[HISTORY_BINDINGS] += row.n_bindings[k];
    }
}

static void add_waiting(const struct shield *s, void *arg)
{
    int64_t *n = arg;
    *n += atomic_load(&s->n_waiting);
}

void history_read(const struct history_from *from, int64_t out[HISTORY_FIGURES])
{
    memset(out, 0, HISTORY_FIGURES * sizeof *out);
    out[HISTORY_AT_MS] = (int64_t)sys_wall_ms();
    if (from->savings.ledger)
        read_registers(&from->savings, out);
    read_heads(from->headcount, out);
    out[HISTORY_RINGING] = stats_sum(STAT_CALLS_PENDING);
    out[HISTORY_CALLS] = sum_of("calls_ended_total");
    out[HISTORY_REFUSED] = sum_of("requests_refused_total");
    if (from->shields)
        shield_each(from->shields, add_waiting, &out[HISTORY_WAITING]);
}

void history_tend(struct history *h, const struct history_from *from)
{
    uint64_t now_ms = sys_now_ms();
    int64_t sample[HISTORY_FIGURES];
    if (h->last_ms && now_ms + EARLY_MS < h->last_ms + HISTORY_STEP_S * 1000ULL)
        return;
    h->last_ms = now_ms ? now_ms : 1;
    history_read(from, sample);
    pthread_mutex_lock(&h->lock);
    memcpy(h->ring[(h->first + h->n) % HISTORY_SAMPLES], sample, sizeof sample);
    if (h->n < HISTORY_SAMPLES)
        h->n++;
    else
        h->first = (h->first + 1) % HISTORY_SAMPLES;
    pthread_mutex_unlock(&h->lock);
}

/* ---------------------------------------------------------------- as JSON */

static bool append(json_t *list, const int64_t sample[HISTORY_FIGURES])
{
    json_t *one = json_array();
    bool is_whole = one != NULL;
    for (size_t i = 0; is_whole && i < HISTORY_FIGURES; i++)
        is_whole = json_array_append_new(one, json_integer(sample[i])) == 0;
    if (is_whole)
        return json_array_append_new(list, one) == 0;
    json_decref(one);
    return false;
}

static bool append_ring(json_t *list, struct history *h, int64_t since_ms)
{
    bool is_whole = true;
    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; is_whole && i < h->n; i++) {
        const int64_t *sample = h->ring[(h->first + i) % HISTORY_SAMPLES];
        is_whole = sample[HISTORY_AT_MS] <= since_ms || append(list, sample);
    }
    pthread_mutex_unlock(&h->lock);
    return is_whole;
}

static json_t *names_json(void)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < HISTORY_FIGURES; i++)
        (void)json_array_append_new(list, json_string(names[i]));
    return list;
}

json_t *history_json(struct history *h, const struct history_from *from, uint32_t since_s)
{
    int64_t now[HISTORY_FIGURES];
    json_t *samples = json_array();
    history_read(from, now);
    if (samples && (!h || append_ring(samples, h, since_s * 1000LL)) && append(samples, now))
        return json_pack("{s:i,s:o*,s:o}", "step", (int)HISTORY_STEP_S, "figures", names_json(),
                         "samples", samples);
    json_decref(samples);
    return NULL;
}
