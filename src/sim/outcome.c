#include "sim/outcome.h"

#include <stdlib.h>

#include "base/err.h"
#include "sim/chart.h"
#include "sim/json.h"

enum { SECOND_US = 1000000, NOTE_MAX = 160, NOTES = 5, PIECE_MAX = 4096, P99 = 99000 };

/* ---------------------------------------------------------------- the upstream side */

/* The counter at a time between two samples, as if it had risen evenly. */
static double count_at(const struct outcome_setup *s, uint64_t at_us)
{
    size_t i = 1;
    if (at_us <= s->samples[0].at_us)
        return (double)s->samples[0].registers;
    while (i < s->n_samples && s->samples[i].at_us < at_us)
        i++;
    if (i == s->n_samples)
        return (double)s->samples[i - 1].registers;
    const struct meter_sample *a = &s->samples[i - 1], *b = &s->samples[i];
    const double part = (double)(at_us - a->at_us) / (double)(b->at_us - a->at_us);
    return (double)a->registers + part * ((double)b->registers - (double)a->registers);
}

static uint64_t second_us(const struct outcome_setup *s, size_t second)
{
    return s->report->started_us + (s->first_second + second) * SECOND_US;
}

/* A counter that began anew with its program gives nothing for that second. */
static uint64_t back_in(const struct outcome_setup *s, size_t second)
{
    const double n = count_at(s, second_us(s, second + 1)) - count_at(s, second_us(s, second));
    return n > 0 ? (uint64_t)(n + 0.5) : 0;
}

static const struct meter_sample *sample_at(const struct outcome_setup *s, uint64_t at_us)
{
    size_t i = 0;
    while (i + 1 < s->n_samples && s->samples[i + 1].at_us <= at_us)
        i++;
    return &s->samples[i];
}

static uint64_t rise(uint64_t from, uint64_t to)
{
    return to > from ? to - from : 0;
}

static void count_upstream(struct outcome *o)
{
    const struct outcome_setup *s = &o->setup;
    const struct meter_sample *a = sample_at(s, s->cut_us), *b = &s->samples[s->n_samples - 1];
    o->to_upstream = rise(a->registers, b->registers);
    o->postponed = rise(a->postponed, b->postponed);
    o->refused_upstream = rise(a->refused, b->refused);
}

/* ---------------------------------------------------------------- life */

static size_t second_of(const struct outcome_setup *s, uint64_t at_us)
{
    const uint64_t start_us = second_us(s, 0);
    return at_us > start_us ? (at_us - start_us) / SECOND_US : 0;
}

static void fill(struct outcome *o)
{
    const struct outcome_setup *s = &o->setup;
    for (size_t i = 0; i < o->n; i++) {
        const struct report_counts *c = &s->report->seconds[s->first_second + i].counts;
        o->front[i] = c->sent + c->retransmitted;
        if (o->back)
            o->back[i] = back_in(s, i);
    }
    o->cut = second_of(s, s->cut_us);
    o->back_at = second_of(s, s->report->back.began_us);
}

static uint64_t mean(const uint64_t *values, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    return n ? sum / n : 0;
}

static void judge(struct outcome *o)
{
    /* Not the first second, which still belongs to the registering. */
    const size_t calm = o->cut < o->n && o->cut ? o->cut - 1 : 0;
    const size_t from = o->back_at < o->n ? o->back_at : o->n;
    o->calm_front = mean(o->front + 1, calm);
    o->peak_front = chart_peak(o->front + from, o->n - from);
    if (o->back) {
        o->calm_back = mean(o->back + 1, calm);
        o->peak_back = chart_peak(o->back + from, o->n - from);
    }
    o->never_back = o->setup.report->phones - o->setup.report->back.phones;
}

int outcome_init(const struct outcome_setup *setup, struct outcome *out)
{
    const size_t n = setup->report->n_seconds;
    *out = (struct outcome){.setup = *setup};
    out->n = n > setup->first_second ? n - setup->first_second : 0;
    out->front = calloc(out->n + 1, sizeof *out->front);
    if (setup->n_samples)
        out->back = calloc(out->n + 1, sizeof *out->back);
    if (!out->front || (setup->n_samples && !out->back)) {
        outcome_fini(out);
        return ERR_NOMEM;
    }
    fill(out);
    if (out->back)
        count_upstream(out);
    judge(out);
    return 0;
}

void outcome_fini(struct outcome *o)
{
    free(o->front);
    free(o->back);
    o->front = o->back = NULL;
}

/* ---------------------------------------------------------------- figures */

static uint64_t recovery_ms(const struct outcome *o)
{
    const struct report_back *b = &o->setup.report->back;
    return o->never_back == 0 && b->last_us ? (b->last_us - b->began_us) / 1000 : 0;
}

/* In thousandths of the phones' peak. */
static uint64_t shaved(const struct outcome *o)
{
    if (!o->back || o->peak_front == 0 || o->peak_back >= o->peak_front)
        return 0;
    return (o->peak_front - o->peak_back) * 1000 / o->peak_front;
}

#define LU(v) (unsigned long)(v)

struct notes {
    char text[NOTES][NOTE_MAX];
    const char *list[NOTES + 1];
};

static void make_notes(const struct outcome *o, struct notes *n)
{
    const struct report *r = o->setup.report;
    size_t i = 0;
    (void)snprintf(n->text[i++], NOTE_MAX, "from the phones: %lu REGISTER/s before, %lu at most",
                   LU(o->calm_front), LU(o->peak_front));
    if (o->back)
        (void)snprintf(n->text[i++], NOTE_MAX,
                       "to the upstream: %lu REGISTER/s before, %lu at most: %.1f%% of the peak "
                       "shaved; %lu in all",
                       LU(o->calm_back), LU(o->peak_back), (double)shaved(o) / 10,
                       LU(o->to_upstream));
    if (o->never_back)
        (void)snprintf(n->text[i++], NOTE_MAX, "%lu of %lu phones did not come back",
                       LU(o->never_back), LU(r->phones));
    else
        (void)snprintf(n->text[i++], NOTE_MAX, "all %lu phones back after %.2f s", LU(r->phones),
                       (double)recovery_ms(o) / 1000);
    (void)snprintf(n->text[i++], NOTE_MAX,
                   "phones refused: %lu; worst wait of one that came back: %.3f s, 99%% within "
                   "%.3f s",
                   LU(r->back.refused), (double)r->back.waits.max_us / SECOND_US,
                   (double)histogram_quantile(&r->back.waits, P99) / SECOND_US);
    if (o->postponed || o->refused_upstream)
        (void)snprintf(n->text[i++], NOTE_MAX,
                       "at Breakwater: %lu refreshes postponed, %lu REGISTERs refused a turn",
                       LU(o->postponed), LU(o->refused_upstream));
    for (size_t k = 0; k < i; k++)
        n->list[k] = n->text[k];
    n->list[i] = NULL;
}

static struct chart chart_of(const struct outcome *o, char title[NOTE_MAX], struct notes *n)
{
    (void)snprintf(title, NOTE_MAX, "%s: %lu phones come back within %u s", o->setup.kind,
                   LU(o->setup.report->phones), o->setup.within_s);
    make_notes(o, n);
    return (struct chart){.title = title,
                          .notes = n->list,
                          .front = o->front,
                          .back = o->back,
                          .n = o->n,
                          .cut = o->cut,
                          .back_at = o->back_at};
}

void outcome_print_svg(const struct outcome *o, FILE *to)
{
    char title[NOTE_MAX];
    struct notes notes = {.list = {NULL}};
    const struct chart c = chart_of(o, title, &notes);
    chart_print_svg(&c, to);
}

void outcome_print_text(const struct outcome *o, FILE *to)
{
    char title[NOTE_MAX];
    struct notes notes = {.list = {NULL}};
    const struct chart c = chart_of(o, title, &notes);
    (void)fprintf(to, "%s\n\n", title);
    chart_print_text(&c, to);
    (void)fputs("\n", to);
    for (size_t i = 0; notes.list[i]; i++)
        (void)fprintf(to, "%s\n", notes.list[i]);
    (void)fprintf(to, "answers lost: %lu, wrong: %lu\n", LU(o->setup.report->total.lost),
                  LU(o->setup.report->total.wrong));
    (void)fflush(to);
}

/* ---------------------------------------------------------------- JSON */

static void add_upstream(const struct outcome *o, struct json *j)
{
    json_open(j, "upstream", '{');
    json_add_u64(j, "before_per_s", o->calm_back);
    json_add_u64(j, "peak_per_s", o->peak_back);
    json_add_milli(j, "peak_shaved", shaved(o));
    json_add_u64(j, "registers", o->to_upstream);
    json_add_u64(j, "postponed", o->postponed);
    json_add_u64(j, "refused_a_turn", o->refused_upstream);
    json_close(j, '}');
}

static void add_figures(const struct outcome *o, struct json *j)
{
    const struct report *r = o->setup.report;
    json_add_str(j, "kind", str_of(o->setup.kind));
    json_add_u64(j, "phones", r->phones);
    json_add_u64(j, "within_s", o->setup.within_s);
    json_add_u64(j, "before_per_s", o->calm_front);
    json_add_u64(j, "peak_per_s", o->peak_front);
    json_add_u64(j, "phones_back", r->back.phones);
    json_add_u64(j, "phones_refused", r->back.refused);
    if (o->never_back == 0)
        json_add_milli(j, "recovery_s", recovery_ms(o));
    json_add_milli(j, "worst_wait_s", r->back.waits.max_us / 1000);
    json_add_milli(j, "p99_wait_s", histogram_quantile(&r->back.waits, P99) / 1000);
    json_add_u64(j, "lost", r->total.lost);
    json_add_u64(j, "wrong", r->total.wrong);
    if (o->back)
        add_upstream(o, j);
    json_add_u64(j, "cut_at", o->cut);
    json_add_u64(j, "back_at", o->back_at);
}

static void add_second(const struct outcome *o, struct json *j, size_t i)
{
    json_open(j, NULL, '{');
    json_add_u64(j, "second", i);
    json_add_u64(j, "phones_per_s", o->front[i]);
    if (o->back)
        json_add_u64(j, "upstream_per_s", o->back[i]);
    json_close(j, '}');
}

/* Writes what the builder holds and empties it: a timeline may be long. */
static void pour(struct buf *out, FILE *to)
{
    (void)fwrite(out->p, 1, out->len, to);
    out->len = 0;
}

void outcome_print_json(const struct outcome *o, FILE *to)
{
    char text[PIECE_MAX];
    struct buf out = buf_over(text, sizeof text);
    struct json j = {.out = &out};
    json_open(&j, NULL, '{');
    add_figures(o, &j);
    json_open(&j, "timeline", '[');
    for (size_t i = 0; i < o->n; i++) {
        add_second(o, &j, i);
        pour(&out, to);
    }
    json_close(&j, ']');
    json_close(&j, '}');
    buf_add_char(&out, '\n');
    pour(&out, to);
    (void)fflush(to);
}
