#include "unit.h"

#include <stdlib.h>

#include "admin/metrics.h"
#include "admin/savingsview.h"
#include "base/stats.h"
#include "service/ledger.h"
#include "store/headcount.h"

static const struct metrics_process process = {
    .version = "1.2.3", .started_s = 1700000000, .uptime_ms = 1500, .workers = 4, .is_ready = true};

/* A NUL-terminated copy, which the caller frees. */
static char *text_now(void)
{
    size_t len;
    char *text = metrics_text(&process, &len);
    assert_non_null(text);
    char *z = strndup(text, len);
    assert_non_null(z);
    free(text);
    return z;
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *at = strstr(text, what); at; at = strstr(at + 1, what))
        n++;
    return n;
}

static void the_process_tells_about_itself(void **state)
{
    (void)state;
    char *text = text_now();
    assert_non_null(strstr(text, "# TYPE breakwater_build_info gauge\n"
                                 "breakwater_build_info{version=\"1.2.3\"} 1\n"));
    assert_non_null(strstr(text, "\nbreakwater_start_time_seconds 1700000000\n"));
    assert_non_null(strstr(text, "\nbreakwater_uptime_seconds 1.5\n"));
    assert_non_null(strstr(text, "\nbreakwater_workers 4\n"));
    assert_non_null(strstr(text, "\nbreakwater_ready 1\n"));
    free(text);
}

static void each_row_has_its_value(void **state)
{
    (void)state;
    stats_add(STAT_UDP_IN, 41);
    stats_inc(STAT_UDP_IN);
    stats_add(STAT_TXN_CLIENT, 3);
    stats_dec(STAT_TXN_CLIENT);
    char *text = text_now();
    assert_non_null(strstr(text, "\nbreakwater_packets_received_total{transport=\"udp\"} 42\n"));
    assert_non_null(strstr(text, "\nbreakwater_transactions{side=\"client\"} 2\n"));
    assert_non_null(strstr(text, "\nbreakwater_send_failures_total 0\n"));
    free(text);
}

/* As Prometheus reads one: cumulative buckets up to +Inf, the sum in seconds, the count. */
static void a_histogram_is_one_family(void **state)
{
    (void)state;
    stats_add_time(STAT_CALL_SETUP, 250);
    stats_add_time(STAT_CALL_SETUP, 200000);
    char *text = text_now();
    assert_non_null(strstr(text, " histogram\n"
                                 "breakwater_call_setup_seconds_bucket{le=\"0.1\"} 0\n"
                                 "breakwater_call_setup_seconds_bucket{le=\"0.5\"} 1\n"
                                 "breakwater_call_setup_seconds_bucket{le=\"1\"} 1\n"));
    assert_non_null(strstr(text, "\nbreakwater_call_setup_seconds_bucket{le=\"180\"} 1\n"
                                 "breakwater_call_setup_seconds_bucket{le=\"+Inf\"} 2\n"
                                 "breakwater_call_setup_seconds_sum 200.25\n"
                                 "breakwater_call_setup_seconds_count 2\n"));
    free(text);
}

/* The value line's beginning, as it must stand at the start of a line. */
static void assert_row(const char *text, const struct stats_row *row)
{
    char line[512];
    (void)snprintf(line, sizeof line, "\nbreakwater_%s%s%s%s%s ", row->name, row->suffix,
                   row->labels[0] ? "{" : "", row->labels, row->labels[0] ? "}" : "");
    if (count(text, line) != 1)
        fail_msg("not once: %s", line);
    (void)snprintf(line, sizeof line, "\n# HELP breakwater_%s ", row->name);
    if (count(text, line) != 1)
        fail_msg("not once: %s", line);
    (void)snprintf(line, sizeof line, "\n# TYPE breakwater_%s %s\n", row->name,
                   row->kind == STATS_COUNTER ? "counter"
                   : row->kind == STATS_GAUGE ? "gauge"
                                              : "histogram");
    if (count(text, line) != 1)
        fail_msg("not once: %s", line);
    bool is_total = strlen(row->name) > 6 && !strcmp(row->name + strlen(row->name) - 6, "_total");
    assert_int_equal(is_total, row->kind == STATS_COUNTER);
    assert_null(strpbrk(row->help, "\\\n"));
}

static void every_name_has_one_help_and_one_type(void **state)
{
    (void)state;
    char *text = text_now();
    for (int i = 0; i < STAT_MAX; i++)
        assert_row(text, &stats_rows[i]);
    assert_int_equal(text[strlen(text) - 1], '\n');
    free(text);
}

static void the_longest_numbers_have_room(void **state)
{
    (void)state;
    for (int i = 0; i < STAT_MAX; i++)
        stats_add((enum stats_id)i, INT64_MAX - stats_sum((enum stats_id)i));
    char *text = text_now();
    const struct stats_row *last = &stats_rows[STAT_MAX - 1];
    assert_non_null(strstr(text, last->name));
    size_t n_sums = 0, n_short = 0;
    for (int i = 0; i < STAT_MAX; i++)
        n_sums += stats_rows[i].per_s > 0;
    for (int i = 0; i < STAT_MAX; i++)
        n_short += stats_rows[i].per_s == 1000000;
    assert_int_equal(count(text, " 9223372036854775807\n"), STAT_MAX - n_sums);
    assert_int_equal(count(text, " 9.22337203685478e+15\n"), n_sums - n_short);
    assert_int_equal(count(text, " 9223372036854.78\n"), n_short);
    for (int i = 0; i < STAT_MAX; i++)
        stats_add((enum stats_id)i, -INT64_MAX);
    free(text);
}

static struct ledger *ledger;

static const struct ledger *ledger_of(unsigned worker, void *arg)
{
    (void)worker;
    (void)arg;
    return ledger;
}

static const struct savingsview savings = {.n_workers = 2, .ledger = ledger_of};

static void register_at(struct headcount *heads, const char *domain)
{
    char aor[512];
    struct binding b = {.way.transport = FLOW_TLS};
    (void)snprintf(aor, sizeof aor, "x@%s", domain);
    const struct aor_record r = {.aor = str_of(aor), .bindings = &b, .n_bindings = 1};
    headcount_on_change(heads, NULL, &r);
    ledger_count(ledger, str_of(domain), LEDGER_ABSORBED);
}

/* However many there are, and however long and odd their names, there is room; those beyond the
 * table are one. */
static void every_domain_has_its_rows(void **state)
{
    (void)state;
    enum { N = 700 };
    char name[256];
    struct headcount *heads;
    struct metrics_process p = process;
    size_t len;
    assert_int_equal(headcount_new(&heads), 0);
    assert_int_equal(ledger_new(&(struct hash_key){1, 2}, &ledger), 0);
    for (int i = 0; i < N; i++) {
        memset(name, i % 2 ? '"' : 'a', sizeof name);
        name[254] = '\0';
        name[snprintf(name, sizeof name, "%d", i)] = '-';
        register_at(heads, name);
    }
    register_at(heads, "a.test");
    p.headcount = heads;
    p.savings = &savings;
    char *text = metrics_text(&p, &len);
    char *z = strndup(text, len);
    assert_int_equal(count(z, ",transport=\"tls\"} 1\n"), HEADCOUNT_DOMAINS);
    assert_int_equal(count(z, "domain_bindings{domain=\"\",transport=\"tls\"} 190\n"), 1);
    assert_int_equal(count(z, "domain_lines{"), HEADCOUNT_ROWS);
    assert_int_equal(count(z, "domain_registrations{"), HEADCOUNT_ROWS);
    assert_int_equal(count(z, ",kind=\"own\"} 0\n"), count(z, ",kind=\"absorbed\"} "));
    assert_in_range(count(z, ",kind=\"absorbed\"} 2\n"), 300, LEDGER_DOMAINS); /* two workers */
    assert_non_null(strstr(z, "domain=\"1-\\\"\\\""));
    free(text);
    free(z);
    headcount_free(heads);
    ledger_free(ledger);
}

static void make_domains_text(void *arg)
{
    struct metrics_process p = process;
    size_t len;
    p.savings = arg;
    free(metrics_text(&p, &len));
}

static void a_failed_allocation_of_domains_is_survived(void **state)
{
    (void)state;
    struct savingsview v = savings;
    assert_int_equal(ledger_new(&(struct hash_key){1, 2}, &ledger), 0);
    ledger_count(ledger, STR("a.test"), LEDGER_IN);
    assert_true(oom_sweep(make_domains_text, &v) > 2);
    ledger_free(ledger);
}

static void make_text(void *arg)
{
    (void)arg;
    size_t len;
    free(metrics_text(&process, &len));
}

static void a_failed_allocation_is_survived(void **state)
{
    (void)state;
    assert_true(oom_sweep(make_text, NULL) > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_process_tells_about_itself),
        cmocka_unit_test(each_row_has_its_value),
        cmocka_unit_test(a_histogram_is_one_family),
        cmocka_unit_test(every_name_has_one_help_and_one_type),
        cmocka_unit_test(the_longest_numbers_have_room),
        cmocka_unit_test(every_domain_has_its_rows),
        cmocka_unit_test(a_failed_allocation_of_domains_is_survived),
        cmocka_unit_test(a_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
