#include "admin/domainview.h"

#include <inttypes.h>

#include "admin/jsontext.h"
#include "admin/promtext.h"
#include "base/err.h"
#include "net/flow.h"
#include "service/ledger.h"
#include "store/headcount.h"

#define PREFIX "breakwater_domain_"

enum { ROW_ROOM = 128, HEAD_ROOM = 512, HEADS = 4 };

/* In lower case, as other answers have it. */
struct word {
    char text[8];
};

static struct word transport_word(size_t i)
{
    struct str name = flow_transport_name((enum flow_transport)i);
    struct word w = {""};
    for (size_t k = 0; k < name.n && k + 1 < sizeof w.text; k++)
        w.text[k] = ascii_lower(name.p[k]);
    return w;
}

/* ---------------------------------------------------------------- JSON */

static json_t *bindings_json(const struct headcount_row *row)
{
    json_t *json = json_object();
    for (size_t i = 0; json && i < FLOW_TRANSPORT_MAX; i++)
        if (row->n_bindings[i])
            (void)json_object_set_new(json, transport_word(i).text,
                                      json_integer(row->n_bindings[i]));
    return json;
}

static json_t *row_json(const struct headcount_row *row, const struct conf *conf)
{
    const struct conf_domain *d = row->domain.n ? conf_domain_find(conf, row->domain) : NULL;
    return json_pack("{s:o*,s:o*,s:I,s:I,s:o*}", "domain", jsontext_of(row->domain), "upstream",
                     jsontext_of(d ? str_of(d->upstream->name) : STR_NONE), "lines",
                     (json_int_t)row->n_lines, "registrations", (json_int_t)row->n_upregs,
                     "bindings", bindings_json(row));
}

json_t *domainview_json(const struct headcount *h, const struct conf *conf)
{
    struct headcount_row row;
    json_t *list = json_array();
    bool is_whole = list != NULL;
    for (size_t i = 0; h && is_whole && i < HEADCOUNT_ROWS; i++)
        if (headcount_read(h, i, &row))
            is_whole = json_array_append_new(list, row_json(&row, conf)) == 0;
    if (is_whole)
        return json_pack("{s:o}", "domains", list);
    json_decref(list);
    return NULL;
}

/* ---------------------------------------------------------------- metrics */

static size_t row_room(size_t rows)
{
    return rows * (ROW_ROOM + 2ULL * HEADCOUNT_NAME_MAX);
}

size_t domainview_metrics_room(const struct headcount *h, const struct savingsview *v)
{
    struct headcount_row row;
    size_t rows = 1;
    for (size_t i = 0; h && i < HEADCOUNT_ROWS; i++)
        rows += headcount_read(h, i, &row) ? FLOW_TRANSPORT_MAX + 2 : 0;
    int n = v ? savingsview_each(v, NULL, NULL) : 0;
    return (size_t)HEADS * HEAD_ROOM + row_room(rows + (n > 0 ? (size_t)n * LEDGER_KINDS : 0));
}

static bool has_room(const struct buf *out)
{
    return out->cap - out->len >= row_room(1);
}

/* Up to the end of the domain's label. */
static void begin_row(struct buf *out, const char *name, struct str domain)
{
    buf_addf(out, PREFIX "%s{domain=\"", name);
    promtext_label(out, domain);
    buf_add_char(out, '"');
}

static void add_counts(struct str domain, const uint64_t counts[], void *arg)
{
    static const char *const kinds[] = {[LEDGER_IN] = "received",
                                        [LEDGER_ABSORBED] = "absorbed",
                                        [LEDGER_RELAYED] = "relayed",
                                        [LEDGER_OWN] = "own",
                                        [LEDGER_WOULD_ABSORB] = "would-absorb",
                                        [LEDGER_TOO_LATE] = "too-late"};
    struct buf *out = arg;
    for (size_t i = 0; i < LEDGER_KINDS && has_room(out); i++) {
        begin_row(out, "registers_total", domain);
        buf_addf(out, ",kind=\"%s\"} %" PRIu64 "\n", kinds[i], counts[i]);
    }
}

static void add_gauge(struct buf *out, const char *name, struct str domain, int64_t n)
{
    if (!has_room(out))
        return;
    begin_row(out, name, domain);
    buf_addf(out, "} %" PRId64 "\n", n);
}

static void add_bindings(struct buf *out, const struct headcount_row *row)
{
    for (size_t i = 0; i < FLOW_TRANSPORT_MAX && has_room(out); i++) {
        begin_row(out, "bindings", row->domain);
        buf_addf(out, ",transport=\"%s\"} %" PRId64 "\n", transport_word(i).text,
                 row->n_bindings[i]);
    }
}

static void add_lines(struct buf *out, const struct headcount_row *row)
{
    add_gauge(out, "lines", row->domain, row->n_lines);
}

static void add_upregs(struct buf *out, const struct headcount_row *row)
{
    add_gauge(out, "registrations", row->domain, row->n_upregs);
}

static const struct metric {
    const char *name, *help;
    void (*add)(struct buf *out, const struct headcount_row *row);
} metrics[] = {
    {"lines", "Lines that have a device, by domain; \"\" is those beyond the first 511.",
     add_lines},
    {"bindings", "Devices that are registered, those in their grace included.", add_bindings},
    {"registrations", "Registrations that stand upstream.", add_upregs},
};

static bool has_rows(const struct headcount *h)
{
    struct headcount_row row;
    for (size_t i = 0; h && i < HEADCOUNT_ROWS; i++)
        if (headcount_read(h, i, &row))
            return true;
    return false;
}

static void add_heads(const struct headcount *h, const struct metric *m, struct buf *out)
{
    struct headcount_row row;
    promtext_head(out, "domain_", m->name, "gauge", m->help);
    for (size_t i = 0; i < HEADCOUNT_ROWS; i++)
        if (headcount_read(h, i, &row))
            m->add(out, &row);
}

/* A metric without a row is left out. */
void domainview_add_metrics(const struct headcount *h, const struct savingsview *v, struct buf *out)
{
    for (size_t k = 0; has_rows(h) && k < sizeof metrics / sizeof metrics[0]; k++)
        add_heads(h, &metrics[k], out);
    if (!v || savingsview_each(v, NULL, NULL) <= 0)
        return;
    promtext_head(out, "domain_", "registers_total", "counter",
                  "REGISTERs of devices (received), those of them answered here (absorbed), those "
                  "sent on (relayed; again after a challenge counts again), and our own (own).");
    (void)savingsview_each(v, add_counts, out);
}
