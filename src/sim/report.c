#include "sim/report.h"

#include <stdlib.h>
#include <sys/resource.h>

#include "sim/json.h"

enum { P50 = 50000, P99 = 99000, P999 = 99900, PIECE_MAX = 4096 };

void report_fini(struct report *r)
{
    free(r->seconds);
    r->seconds = NULL;
}

void report_add_answer(struct report *r, unsigned status, uint64_t us)
{
    REPORT_COUNT(r, answered);
    r->statuses[status]++;
    if (status < 300)
        REPORT_COUNT(r, ok);
    else if (status == 401 || status == 407)
        REPORT_COUNT(r, challenged);
    else
        REPORT_COUNT(r, other);
    histogram_add(&r->times, us);
    histogram_add(&r->second_times, us);
}

void report_add_fault(struct report *r, enum phone_fault fault)
{
    REPORT_COUNT(r, wrong);
    r->faults[fault]++;
}

static bool has_room(struct report *r)
{
    if (r->n_seconds < r->room)
        return true;
    const size_t room = 2 * r->room + 64;
    struct report_second *more = realloc(r->seconds, room * sizeof *more);
    if (!more)
        return false;
    r->seconds = more;
    r->room = room;
    return true;
}

void report_end_second(struct report *r)
{
    const struct histogram *h = &r->second_times;
    if (has_room(r))
        r->seconds[r->n_seconds++] = (struct report_second){
            .counts = r->second,
            .registered = r->registered,
            .p50_us = histogram_quantile(h, P50),
            .p99_us = histogram_quantile(h, P99),
            .max_us = h->max_us,
        };
    r->second = (struct report_counts){0};
    r->second_times = (struct histogram){0};
}

bool report_is_clean(const struct report *r)
{
    return r->total.lost == 0 && r->total.wrong == 0;
}

/* ---------------------------------------------------------------- figures */

static uint64_t run_us(const struct report *r)
{
    return r->ended_us > r->started_us ? r->ended_us - r->started_us : 1;
}

static uint64_t per_second(const struct report *r, uint64_t n)
{
    return n * 1000000 / run_us(r);
}

/* Processor time of this program, user and system. */
static uint64_t cpu_ms(void)
{
    struct rusage u;
    if (getrusage(RUSAGE_SELF, &u))
        return 0;
    return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 +
           (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
}

static uint64_t memory_kb(void)
{
    struct rusage u;
    return getrusage(RUSAGE_SELF, &u) ? 0 : (uint64_t)u.ru_maxrss;
}

/* ---------------------------------------------------------------- JSON */

static void add_counts(struct json *j, const struct report_counts *c)
{
    json_add_u64(j, "sent", c->sent);
    json_add_u64(j, "retransmitted", c->retransmitted);
    json_add_u64(j, "answered", c->answered);
    json_add_u64(j, "ok", c->ok);
    json_add_u64(j, "challenged", c->challenged);
    json_add_u64(j, "other", c->other);
    json_add_u64(j, "lost", c->lost);
    json_add_u64(j, "wrong", c->wrong);
    json_add_u64(j, "late", c->late);
}

static void add_totals(struct json *j, const struct report *r)
{
    json_add_milli(j, "seconds", run_us(r) / 1000);
    json_add_u64(j, "phones", r->phones);
    json_add_u64(j, "registered", r->registered);
    json_add_u64(j, "sent_per_s", per_second(r, r->total.sent));
    json_add_u64(j, "answered_per_s", per_second(r, r->total.answered));
    json_add_u64(j, "ok_per_s", per_second(r, r->total.ok));
    add_counts(j, &r->total);
    json_add_milli(j, "cpu_s", cpu_ms());
    json_add_u64(j, "memory_kb", memory_kb());
}

static void add_calls(struct json *j, const struct report_calls *c)
{
    json_open(j, "calls", '{');
    json_add_u64(j, "invited", c->invited);
    json_add_u64(j, "rung", c->rung);
    json_add_u64(j, "answered", c->answered);
    json_add_u64(j, "confirmed", c->confirmed);
    json_add_u64(j, "cancelled", c->cancelled);
    json_add_u64(j, "refused", c->refused);
    json_add_u64(j, "ended", c->ended);
    json_add_u64(j, "other", c->other);
    json_close(j, '}');
}

static void add_statuses(struct json *j, const struct report *r)
{
    json_open(j, "statuses", '{');
    for (unsigned i = 0; i < REPORT_STATUS_MAX; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "%u", i);
        if (r->statuses[i])
            json_add_u64(j, name, r->statuses[i]);
    }
    json_close(j, '}');
    json_open(j, "faults", '{');
    for (int i = 0; i < FAULT_MAX; i++)
        if (r->faults[i])
            json_add_u64(j, phone_fault_name((enum phone_fault)i), r->faults[i]);
    json_close(j, '}');
}

static void add_times(struct json *j, const struct report *r)
{
    json_open(j, "latency_us", '{');
    json_add_u64(j, "p50", histogram_quantile(&r->times, P50));
    json_add_u64(j, "p99", histogram_quantile(&r->times, P99));
    json_add_u64(j, "p999", histogram_quantile(&r->times, P999));
    json_add_u64(j, "max", r->times.max_us);
    json_close(j, '}');
}

static void add_second(struct json *j, const struct report_second *s, size_t number)
{
    json_open(j, NULL, '{');
    json_add_u64(j, "second", number);
    json_add_u64(j, "registered", s->registered);
    add_counts(j, &s->counts);
    json_add_u64(j, "p50_us", s->p50_us);
    json_add_u64(j, "p99_us", s->p99_us);
    json_add_u64(j, "max_us", s->max_us);
    json_close(j, '}');
}

/* Writes what the builder holds and empties it: a timeline may be long. */
static void pour(struct buf *out, FILE *to)
{
    (void)fwrite(out->p, 1, out->len, to);
    out->len = 0;
}

void report_print_json(const struct report *r, FILE *to)
{
    char text[PIECE_MAX];
    struct buf out = buf_over(text, sizeof text);
    struct json j = {.out = &out};
    json_open(&j, NULL, '{');
    add_totals(&j, r);
    pour(&out, to);
    add_statuses(&j, r);
    pour(&out, to);
    add_times(&j, r);
    add_calls(&j, &r->calls);
    json_open(&j, "timeline", '[');
    for (size_t i = 0; i < r->n_seconds; i++) {
        add_second(&j, &r->seconds[i], i + 1);
        pour(&out, to);
    }
    json_close(&j, ']');
    json_close(&j, '}');
    buf_add_char(&out, '\n');
    pour(&out, to);
    (void)fflush(to);
}

/* ---------------------------------------------------------------- text */

static void print_row(FILE *to, const char *name, uint64_t n, const char *unit)
{
    (void)fprintf(to, "%-16s %12lu%s\n", name, (unsigned long)n, unit);
}

static void print_statuses(const struct report *r, FILE *to)
{
    for (unsigned i = 0; i < REPORT_STATUS_MAX; i++)
        if (r->statuses[i])
            (void)fprintf(to, "  status %-7u %12lu\n", i, (unsigned long)r->statuses[i]);
    for (int i = 0; i < FAULT_MAX; i++)
        if (r->faults[i])
            (void)fprintf(to, "  wrong: %s %lu\n", phone_fault_name((enum phone_fault)i),
                          (unsigned long)r->faults[i]);
}

void report_print_text(const struct report *r, FILE *to)
{
    print_row(to, "phones", r->phones, "");
    print_row(to, "registered", r->registered, "");
    print_row(to, "REGISTER sent", r->total.sent, "");
    print_row(to, "", per_second(r, r->total.sent), " /s");
    print_row(to, "answered", r->total.answered, "");
    print_row(to, "", per_second(r, r->total.answered), " /s");
    print_statuses(r, to);
    print_row(to, "retransmitted", r->total.retransmitted, "");
    print_row(to, "lost", r->total.lost, "");
    print_row(to, "wrong", r->total.wrong, "");
    print_row(to, "late", r->total.late, "");
    if (r->calls.invited) {
        print_row(to, "calls", r->calls.invited, "");
        print_row(to, "  rung", r->calls.rung, "");
        print_row(to, "  answered", r->calls.answered, "");
        print_row(to, "  cancelled", r->calls.cancelled, "");
        print_row(to, "  ended", r->calls.ended, "");
    }
    print_row(to, "latency p50", histogram_quantile(&r->times, P50), " us");
    print_row(to, "latency p99", histogram_quantile(&r->times, P99), " us");
    print_row(to, "latency p99.9", histogram_quantile(&r->times, P999), " us");
    print_row(to, "latency max", r->times.max_us, " us");
    (void)fprintf(to, "%.1f s, %.2f s of processor time, %lu kB\n", (double)run_us(r) / 1e6,
                  (double)cpu_ms() / 1e3, (unsigned long)memory_kb());
    (void)fflush(to);
}
