#include "base/log.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/logsink.h"
#include "base/stats.h"
#include "base/sys.h"

enum { TEXT_MAX = 2048, LINE_MAX_LEN = 3 * TEXT_MAX, EVENT_MAX = 32, VALUE_MAX = 120 };

enum kind { TO_FD, TO_SYSLOG, TO_JOURNAL };

#define JOURNAL "/run/systemd/journal/socket"
#define SYSLOG  "/dev/log"

_Atomic int log_now_level = LEVEL_INFO;

static struct hash_key name_key;
static atomic_bool hides_names;

static struct {
    pthread_mutex_t lock; /* guards the target's change, and each line's write */
    enum kind kind;
    enum log_format format;
    struct logsink_stream stream;
    struct logsink_socket socket;
    char *path; /* of a file; NULL: standard error */
} sink = {.lock = PTHREAD_MUTEX_INITIALIZER, .stream = {.fd = STDERR_FILENO}, .socket = {.fd = -1}};

static _Thread_local const char *thread_name = "main";

static const struct {
    const char *word;
    int priority;
} levels[] = {
    [LEVEL_ERROR] = {"error", LOG_ERR},
    [LEVEL_WARN] = {"warning", LOG_WARNING},
    [LEVEL_INFO] = {"info", LOG_INFO},
    [LEVEL_DEBUG] = {"debug", LOG_DEBUG},
};

void log_set_level(enum log_level level)
{
    atomic_store(&log_now_level, (int)level);
}

enum log_level log_level(void)
{
    return (enum log_level)atomic_load(&log_now_level);
}

bool log_level_parse(const char *word, enum log_level *out)
{
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (strcmp(word, levels[i].word) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

const char *log_level_word(enum log_level level)
{
    return levels[level].word;
}

void log_thread_name(const char *name)
{
    thread_name = name;
}

/* It may be a named pipe, whose reader is slow. */
static int open_file(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0640);
}

static void close_target(void)
{
    logsink_close(&sink.stream);
    logsink_hang_up(&sink.socket);
    free(sink.path);
    sink.path = NULL;
    sink.stream = (struct logsink_stream){.fd = STDERR_FILENO};
    sink.kind = TO_FD;
}

static int open_target(const char *target)
{
    struct logsink_socket other;
    if (strcmp(target, "journal") == 0) {
        if (!logsink_connect(&other, JOURNAL))
            return ERR_IO;
        close_target();
        sink.kind = TO_JOURNAL;
        sink.socket = other;
        return 0;
    }
    if (strcmp(target, "syslog") == 0) {
        close_target();
        sink.kind = TO_SYSLOG;
        (void)logsink_connect(&sink.socket, SYSLOG); /* whoever takes it may start later */
        return 0;
    }
    if (strcmp(target, "stderr") == 0) {
        close_target();
        logsink_open(&sink.stream, STDERR_FILENO);
        return 0;
    }
    char *path = strdup(target);
    if (!path)
        return ERR_NOMEM;
    int fd = open_file(path);
    if (fd < 0) {
        free(path);
        return ERR_IO;
    }
    close_target();
    sink.stream = (struct logsink_stream){.fd = fd, .is_own = true};
    sink.path = path;
    return 0;
}

int log_open(const struct log_conf *conf)
{
    pthread_mutex_lock(&sink.lock);
    int err = open_target(conf->target);
    if (!err) {
        sink.format = conf->format;
        atomic_store(&hides_names, conf->hides_aors);
        log_set_level(conf->level);
    }
    pthread_mutex_unlock(&sink.lock);
    return err;
}

int log_reopen(void)
{
    int err = 0;
    pthread_mutex_lock(&sink.lock);
    if (sink.path) {
        int fd = open_file(sink.path);
        if (fd < 0) {
            err = ERR_IO;
        } else {
            logsink_close(&sink.stream);
            sink.stream = (struct logsink_stream){.fd = fd, .is_own = true};
        }
    }
    pthread_mutex_unlock(&sink.lock);
    return err;
}

void log_close(void)
{
    pthread_mutex_lock(&sink.lock);
    close_target();
    pthread_mutex_unlock(&sink.lock);
}

/* True when the line may go out; *dropped is what the second before held back. */
static bool may_write(struct log_place *place, uint64_t now_s, uint32_t *dropped)
{
    *dropped = 0;
    if (atomic_exchange(&place->second, now_s) != now_s) {
        uint32_t before = atomic_exchange(&place->n, 1);
        *dropped = before > place->most ? before - place->most : 0;
        return true;
    }
    bool is_ok = atomic_fetch_add(&place->n, 1) < place->most;
    if (!is_ok)
        stats_inc(STAT_LOG_DROPPED);
    return is_ok;
}

static void add_escaped(struct buf *out, const char *text, bool is_json)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c < 0x20 || *c == 0x7f)
            buf_addf(out, is_json ? "\\u%04x" : "\\x%02x", *c);
        else if (is_json && (*c == '"' || *c == '\\'))
            buf_addf(out, "\\%c", *c);
        else if (is_json && *c >= 0x80)
            buf_addf(out, "\\u%04x", *c); /* bytes of unknown encoding, as Latin-1 */
        else
            buf_add_char(out, (char)*c);
    }
}

static void add_time(struct buf *out, uint64_t wall_ms)
{
    time_t s = (time_t)(wall_ms / 1000);
    struct tm tm;
    gmtime_r(&s, &tm);
    buf_addf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ", tm.tm_year + 1900, tm.tm_mon + 1,
             tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (unsigned)(wall_ms % 1000));
}

/* A line: its text, and of an event what stands by itself. */
struct line {
    enum log_level level;
    const char *text;
    const char *event; /* NULL: none */
    const struct log_field *fields;
    size_t n_fields;
};

/* With '-' between the words. */
static struct str event_word(const char *event, char word[EVENT_MAX])
{
    size_t n = 0;
    for (; n < EVENT_MAX && event[n]; n++)
        word[n] = event[n] == ' ' ? '-' : event[n];
    return (struct str){word, n};
}

static void format_json(struct buf *out, const struct line *l, uint64_t wall_ms)
{
    buf_add(out, STR("{\"time\":\""));
    add_time(out, wall_ms);
    buf_addf(out, "\",\"level\":\"%s\",\"thread\":\"%s\",\"message\":\"", levels[l->level].word,
             thread_name);
    add_escaped(out, l->text, true);
    buf_add_char(out, '"');
    if (l->event) {
        char word[EVENT_MAX];
        const struct log_field name = LOG_TEXT("event", event_word(l->event, word));
        logfield_json(out, &name, 1);
        logfield_json(out, l->fields, l->n_fields);
    }
    buf_add(out, STR("}\n"));
}

static void format_line(struct buf *out, const struct line *l, uint64_t wall_ms)
{
    if (sink.format == FORMAT_JSON) {
        format_json(out, l, wall_ms);
        return;
    }
    add_time(out, wall_ms);
    buf_addf(out, " %s %s: ", levels[l->level].word, thread_name);
    add_escaped(out, l->text, false);
    buf_add(out, STR("\n"));
}

/* ---------------------------------------------------------------- the journal and syslog */

/* As systemd's journal has it: NAME=value, or the length before a value of several lines. */
static void add_value(struct buf *out, struct str value)
{
    if (!str_find(value, '\n')) {
        buf_add_char(out, '=');
    } else {
        buf_add_char(out, '\n');
        for (int shift = 0; shift < 64; shift += 8)
            buf_add_char(out, (char)((uint64_t)value.n >> shift));
    }
    buf_add(out, value);
    buf_add_char(out, '\n');
}

/* BREAKWATER_NAME */
static void add_journal_field(struct buf *out, const struct log_field *f)
{
    char digits[24];
    struct buf number = buf_over(digits, sizeof digits);
    buf_add(out, STR("BREAKWATER_"));
    for (const char *c = f->name; *c; c++)
        buf_add_char(out, *c == '-' ? '_' : (char)toupper((unsigned char)*c));
    if (str_is_none(f->text))
        buf_add_u64(&number, f->number);
    add_value(out, str_is_none(f->text) ? buf_str(&number) : f->text);
}

static void format_journal(struct buf *out, const struct line *l)
{
    buf_addf(out, "SYSLOG_IDENTIFIER=breakwater\nPRIORITY=%d\nTHREAD=%s\nMESSAGE=",
             levels[l->level].priority, thread_name);
    add_escaped(out, l->text, false);
    buf_add_char(out, '\n');
    if (l->event) {
        char word[EVENT_MAX];
        const struct log_field event = LOG_TEXT("event", event_word(l->event, word));
        add_journal_field(out, &event);
    }
    for (size_t i = 0; i < l->n_fields && i < LOGFIELD_MAX; i++)
        add_journal_field(out, &l->fields[i]);
}

/* RFC 3164 4.1, as it is sent on the machine itself: without the host. */
static void format_syslog(struct buf *out, const struct line *l, uint64_t wall_ms)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t s = (time_t)(wall_ms / 1000);
    struct tm tm;
    localtime_r(&s, &tm);
    buf_addf(out, "<%d>%.3s %2d %02d:%02d:%02d breakwater[%d]: %s: ",
             LOG_DAEMON | levels[l->level].priority, months + 3 * (ptrdiff_t)tm.tm_mon, tm.tm_mday,
             tm.tm_hour, tm.tm_min, tm.tm_sec, (int)getpid(), thread_name);
    add_escaped(out, l->text, false);
}

/* ---------------------------------------------------------------- writing */

static bool put_line(const struct line *l)
{
    char bytes[LINE_MAX_LEN * 2 + 512];
    struct buf out = buf_over(bytes, sizeof bytes);
    if (sink.kind == TO_FD) {
        format_line(&out, l, sys_wall_ms());
        return logsink_write(&sink.stream, buf_str(&out));
    }
    if (sink.kind == TO_JOURNAL)
        format_journal(&out, l);
    else
        format_syslog(&out, l, sys_wall_ms());
    struct iovec part = {out.p, out.len};
    return !out.has_overflown && logsink_send(&sink.socket, &part, 1);
}

static void write_line(const struct line *l)
{
    pthread_mutex_lock(&sink.lock);
    bool is_taken = put_line(l);
    pthread_mutex_unlock(&sink.lock);
    if (!is_taken) /* a log that cannot be written has nowhere to say so */
        stats_inc(STAT_LOG_LOST);
}

static void write_dropped(enum log_level level, uint32_t n)
{
    char text[TEXT_MAX];
    if (!n)
        return;
    (void)snprintf(text, sizeof text, "%u more such lines in one second were left out", n);
    write_line(&(struct line){.level = level, .text = text});
}

void log_write(struct log_place *place, enum log_level level, const char *fmt, ...)
{
    uint32_t dropped;
    if (!may_write(place, sys_now_ms() / 1000, &dropped))
        return;
    char text[TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    write_line(&(struct line){.level = level, .text = text});
    write_dropped(level, dropped);
}

void log_event(struct log_place *place, const char *what, const struct log_field *fields, size_t n)
{
    uint32_t dropped;
    char text[TEXT_MAX];
    struct log_field shown[LOGFIELD_MAX];
    struct buf out = buf_over(text, sizeof text - 1);
    if (!may_write(place, sys_now_ms() / 1000, &dropped))
        return;
    n = n < LOGFIELD_MAX ? n : LOGFIELD_MAX;
    for (size_t i = 0; i < n; i++) {
        shown[i] = fields[i];
        if (shown[i].text.n > VALUE_MAX)
            shown[i].text.n = VALUE_MAX;
    }
    buf_add(&out, str_of(what));
    logfield_words(&out, shown, n);
    text[out.len] = '\0';
    write_line(&(struct line){LEVEL_INFO, text, what, shown, n});
    write_dropped(LEVEL_INFO, dropped);
}

/* ---------------------------------------------------------------- names of lines */

void log_set_name_key(const struct hash_key *key)
{
    name_key = *key;
}

static struct str without_scheme(struct str s)
{
    if (str_has_iprefix(s, STR("sip:")))
        s = str_skip(s, 4);
    else if (str_has_iprefix(s, STR("sips:")))
        s = str_skip(s, 5);
    const char *params = str_find(s, ';');
    return params ? str_span(s.p, params) : s;
}

struct str log_name_hash(struct str aor, char text[LOG_NAME])
{
    struct buf out = buf_over(text, LOG_NAME);
    buf_addf(&out, "line-%016llx", (unsigned long long)hash_str(&name_key, without_scheme(aor)));
    return buf_str(&out);
}

struct str log_name(struct str aor, char text[LOG_NAME])
{
    if (!aor.n || !atomic_load_explicit(&hides_names, memory_order_relaxed))
        return aor;
    return log_name_hash(aor, text);
}
