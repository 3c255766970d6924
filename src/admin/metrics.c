#include "admin/metrics.h"

#include <inttypes.h>
#include <stdlib.h>

#include "admin/domainview.h"
#include "admin/upview.h"
#include "base/buf.h"
#include "base/stats.h"

#define PREFIX "breakwater_"

/* What the text around names, labels, help and numbers takes for one row at most, and all of what
 * is not in the table of counters. */
enum { ROW_MARKUP = 128, PROCESS_TEXT = 1536 };

static size_t most_text(void)
{
    size_t n = PROCESS_TEXT;
    for (int i = 0; i < STAT_MAX; i++) {
        const struct stats_row *row = &stats_rows[i];
        n += 3 * strlen(row->name) + strlen(row->labels) + strlen(row->help) + ROW_MARKUP;
    }
    return n;
}

static void add_head(struct buf *out, const char *name, const char *help, enum stats_kind kind)
{
    static const char *const types[] = {
        [STATS_COUNTER] = "counter", [STATS_GAUGE] = "gauge", [STATS_HISTOGRAM] = "histogram"};
    buf_addf(out, "# HELP " PREFIX "%s %s\n", name, help);
    buf_addf(out, "# TYPE " PREFIX "%s %s\n", name, types[kind]);
}

static void add_gauge(struct buf *out, const char *name, const char *help, double value)
{
    add_head(out, name, help, STATS_GAUGE);
    buf_addf(out, PREFIX "%s %.15g\n", name, value);
}

static void add_process(struct buf *out, const struct metrics_process *p)
{
    add_head(out, "build_info", "Which program this is; always 1.", STATS_GAUGE);
    buf_addf(out, PREFIX "build_info{version=\"%s\"} 1\n", p->version);
    add_gauge(out, "start_time_seconds", "When the process started, in seconds since 1970.",
              (double)p->started_s);
    add_gauge(out, "uptime_seconds", "Time since the process started.",
              (double)p->uptime_ms / 1000);
    add_gauge(out, "workers", "Threads that handle SIP messages.", p->workers);
    add_gauge(out, "ready", "1 if the server takes new requests, else 0.", p->is_ready);
}

static void add_row(struct buf *out, enum stats_id id)
{
    const struct stats_row *row = &stats_rows[id];
    bool is_new = id == 0 || strcmp(row->name, stats_rows[id - 1].name) != 0;
    bool has_labels = row->labels[0];
    if (is_new)
        add_head(out, row->name, row->help, row->kind);
    buf_addf(out, PREFIX "%s%s%s%s%s ", row->name, row->suffix, has_labels ? "{" : "", row->labels,
             has_labels ? "}" : "");
    if (row->per_s)
        buf_addf(out, "%.15g\n", (double)stats_sum(id) / row->per_s);
    else
        buf_addf(out, "%" PRId64 "\n", stats_sum(id));
}

char *metrics_text(const struct metrics_process *p, size_t *len)
{
    size_t most = most_text() + upview_metrics_room(p->shields) +
                  domainview_metrics_room(p->headcount, p->savings);
    char *text = malloc(most);
    if (!text)
        return NULL;
    struct buf out = buf_over(text, most);
    add_process(&out, p);
    for (int i = 0; i < STAT_MAX; i++)
        add_row(&out, (enum stats_id)i);
    upview_add_metrics(p->shields, &out);
    domainview_add_metrics(p->headcount, p->savings, &out);
    *len = out.len;
    return text;
}
