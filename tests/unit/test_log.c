#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/sys.h"

/* The test's own clock, in place of the machine's. */
static uint64_t now_ms = 5000;

uint64_t sys_now_ms(void)
{
    return now_ms;
}

uint64_t sys_wall_ms(void)
{
    return 1767225600123u; /* 2026-01-01T00:00:00.123Z */
}

uint64_t sys_service_s(void)
{
    return 0;
}

void sys_random(void *out, size_t n)
{
    memset(out, 0, n);
}

static char dir[] = "/tmp/test_log.XXXXXX";
static char path[64], old_path[64];

static int make_dir(void **state)
{
    (void)state;
    if (!mkdtemp(dir))
        return -1;
    (void)snprintf(path, sizeof path, "%s/log", dir);
    (void)snprintf(old_path, sizeof old_path, "%s/log.1", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    log_close();
    (void)unlink(path);
    (void)unlink(old_path);
    return rmdir(dir);
}

static void start(enum log_level level, enum log_format format)
{
    const struct log_conf conf = {.level = level, .format = format, .target = path};
    (void)unlink(path);
    now_ms += 10000;
    assert_int_equal(log_open(&conf), 0);
}

/* What the file holds, until the next call. */
static const char *content_of(const char *file)
{
    static char bytes[100000];
    int fd = open(file, O_RDONLY);
    assert_true(fd >= 0);
    ssize_t n = read(fd, bytes, sizeof bytes - 1);
    assert_true(n >= 0);
    close(fd);
    bytes[n] = '\0';
    return bytes;
}

static int count_lines(const char *text)
{
    int n = 0;
    for (; (text = strchr(text, '\n')); text++)
        n++;
    return n;
}

static void a_line_has_time_level_thread_and_text(void **state)
{
    (void)state;
    start(LEVEL_INFO, FORMAT_TEXT);
    log_info("%s %d", "number", 7);
    assert_string_equal(content_of(path), "2026-01-01T00:00:00.123Z info main: number 7\n");
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0007, 0);
}

static void control_characters_cannot_forge_a_line(void **state)
{
    (void)state;
    start(LEVEL_INFO, FORMAT_TEXT);
    log_info("a\nb\r\x1b[2J\x7f\t\"\\");
    assert_string_equal(content_of(path), "2026-01-01T00:00:00.123Z info main: "
                                          "a\\x0ab\\x0d\\x1b[2J\\x7f\\x09\"\\\n");
    start(LEVEL_INFO, FORMAT_JSON);
    log_info("a\n\"b\\\xe4");
    assert_string_equal(content_of(path),
                        "{\"time\":\"2026-01-01T00:00:00.123Z\",\"level\":\"info\","
                        "\"thread\":\"main\",\"message\":\"a\\u000a\\\"b\\\\\\u00e4\"}\n");
}

static void the_longest_text_still_ends_its_line(void **state)
{
    (void)state;
    static char text[10000];
    memset(text, 1, sizeof text - 1);
    start(LEVEL_INFO, FORMAT_JSON);
    log_info("%s", text);
    log_info("next");
    const char *content = content_of(path);
    assert_int_equal(count_lines(content), 2);
    assert_non_null(strstr(content, "\"next\"}\n"));
}

static void an_event_has_its_fields_by_themselves_in_json(void **state)
{
    (void)state;
    const struct log_field fields[] = {LOG_TEXT("aor", STR("a b\"\xc3\xa9%@x")),
                                       LOG_TEXT("none", STR("")), LOG_NUMBER("expires", 60)};
    start(LEVEL_INFO, FORMAT_TEXT);
    log_event_most(3, "binding added", fields, 3);
    assert_string_equal(content_of(path), "2026-01-01T00:00:00.123Z info main: binding added "
                                          "aor=a%20b%22%c3%a9%25@x none=- expires=60\n");
    start(LEVEL_INFO, FORMAT_JSON);
    log_event_most(3, "binding added", fields, 3);
    assert_string_equal(content_of(path),
                        "{\"time\":\"2026-01-01T00:00:00.123Z\",\"level\":\"info\","
                        "\"thread\":\"main\",\"message\":\"binding added "
                        "aor=a%20b%22%c3%a9%25@x none=- expires=60\","
                        "\"event\":\"binding-added\",\"aor\":\"a b\\\"\xc3\xa9%@x\","
                        "\"none\":\"\",\"expires\":60}\n");
}

static void the_longest_event_still_ends_its_line(void **state)
{
    (void)state;
    static char text[4000];
    memset(text, 1, sizeof text);
    struct log_field fields[LOGFIELD_MAX];
    for (size_t i = 0; i < LOGFIELD_MAX; i++)
        fields[i] = LOG_TEXT("value", ((struct str){text, sizeof text}));
    start(LEVEL_INFO, FORMAT_JSON);
    log_event_most(3, "binding added", fields, LOGFIELD_MAX);
    log_info("next");
    const char *content = content_of(path);
    assert_int_equal(count_lines(content), 2);
    assert_non_null(strstr(content, "\"next\"}\n"));
}

static void levels_filter(void **state)
{
    (void)state;
    static const char *const words[] = {"error", "warning", "info", "debug"};
    for (int level = LEVEL_ERROR; level <= LEVEL_DEBUG; level++) {
        enum log_level parsed;
        start((enum log_level)level, FORMAT_TEXT);
        log_error("x");
        log_warn("x");
        log_info("x");
        log_debug("x");
        assert_int_equal(count_lines(content_of(path)), level + 1);
        assert_int_equal(log_level(), level);
        assert_string_equal(log_level_word((enum log_level)level), words[level]);
        assert_true(log_level_parse(words[level], &parsed));
        assert_int_equal(parsed, level);
    }
    enum log_level untouched = LEVEL_INFO;
    assert_false(log_level_parse("loud", &untouched));
    assert_int_equal(untouched, LEVEL_INFO);
}

static void burst(int n)
{
    for (int i = 0; i < n; i++)
        log_warn("flood");
}

static void a_flood_from_one_place_is_held_back_and_reported(void **state)
{
    (void)state;
    start(LEVEL_INFO, FORMAT_TEXT);
    int64_t before = stats_sum(STAT_LOG_DROPPED);
    burst(100);
    log_warn("another place");
    assert_int_equal(count_lines(content_of(path)), 21);
    assert_int_equal(stats_sum(STAT_LOG_DROPPED) - before, 80);
    now_ms += 1000;
    burst(1);
    const char *content = content_of(path);
    assert_int_equal(count_lines(content), 23);
    assert_non_null(strstr(content, "80 more such lines"));
    now_ms += 1000;
    burst(1);
    assert_int_equal(count_lines(content_of(path)), 24);
}

static void a_place_may_be_allowed_more(void **state)
{
    (void)state;
    start(LEVEL_INFO, FORMAT_TEXT);
    for (int i = 0; i < 100; i++)
        log_info_most(70, "call");
    assert_int_equal(count_lines(content_of(path)), 70);
}

static void after_a_rotation_it_writes_to_the_new_file(void **state)
{
    (void)state;
    start(LEVEL_INFO, FORMAT_TEXT);
    log_info("before");
    assert_int_equal(rename(path, old_path), 0);
    log_info("between");
    assert_int_equal(log_reopen(), 0);
    log_info("after");
    assert_int_equal(count_lines(content_of(old_path)), 2);
    assert_int_equal(count_lines(content_of(path)), 1);
}

static void a_bad_target_leaves_the_old_one(void **state)
{
    (void)state;
    start(LEVEL_INFO, FORMAT_TEXT);
    const struct log_conf bad = {.level = LEVEL_ERROR, .target = "/nonexistent/log"};
    assert_int_equal(log_open(&bad), ERR_IO);
    log_info("still here");
    assert_int_equal(count_lines(content_of(path)), 1);
    const struct log_conf journal = {.level = LEVEL_ERROR, .target = "journal"};
    bool has_journal = access("/run/systemd/journal/socket", W_OK) == 0;
    int err = log_open(&journal);
    assert_true(err == 0 || err == ERR_IO);
    if (!has_journal)
        assert_int_equal(err, ERR_IO);
}

static void *log_some(void *arg)
{
    log_thread_name(arg);
    for (int i = 0; i < 15; i++)
        log_info("from a thread");
    return NULL;
}

static void threads_write_whole_lines_under_their_names(void **state)
{
    (void)state;
    static const char *const names[] = {"worker0", "worker1", "store", "admin"};
    pthread_t threads[4];
    start(LEVEL_INFO, FORMAT_TEXT);
    int64_t before = stats_sum(STAT_LOG_DROPPED);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_some, (void *)(uintptr_t)names[i]),
                         0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    char *line = (char *)(uintptr_t)content_of(path), *end;
    assert_int_equal(count_lines(line), 20);
    assert_int_equal(stats_sum(STAT_LOG_DROPPED) - before, 40);
    for (; (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        assert_non_null(strstr(line, "123Z info "));
        assert_string_equal(strrchr(line, ':'), ": from a thread");
    }
}

static void open_log(void *arg)
{
    const struct log_conf conf = {.level = LEVEL_INFO, .target = arg};
    int err = log_open(&conf);
    assert_true(err == 0 || err == ERR_NOMEM);
    log_close();
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    assert_int_equal(oom_sweep(open_log, path), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_time_level_thread_and_text),
        cmocka_unit_test(control_characters_cannot_forge_a_line),
        cmocka_unit_test(the_longest_text_still_ends_its_line),
        cmocka_unit_test(an_event_has_its_fields_by_themselves_in_json),
        cmocka_unit_test(the_longest_event_still_ends_its_line),
        cmocka_unit_test(levels_filter),
        cmocka_unit_test(a_flood_from_one_place_is_held_back_and_reported),
        cmocka_unit_test(a_place_may_be_allowed_more),
        cmocka_unit_test(after_a_rotation_it_writes_to_the_new_file),
        cmocka_unit_test(a_bad_target_leaves_the_old_one),
        cmocka_unit_test(threads_write_whole_lines_under_their_names),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
