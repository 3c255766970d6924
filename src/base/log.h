/* The log: one line an event, to standard error, a file, syslog or the journal, as text or JSON.
 * A line is one write, control characters in it are escaped, so nothing from the network can
 * forge a line. Nobody waits for who reads it: a line that is not taken at once is lost and
 * counted. Rate-limited per place: after 20 lines a second from one place (log_info_most:
 * after so many) the rest is counted and reported. Any thread after log_open. Never pass a secret.
 */
#ifndef BW_BASE_LOG_H
#define BW_BASE_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/logfield.h"

/* Not LOG_…: syslog.h has taken those names. */
enum log_level { LEVEL_ERROR, LEVEL_WARN, LEVEL_INFO, LEVEL_DEBUG };

enum log_format { FORMAT_TEXT, FORMAT_JSON };

struct log_conf {
    enum log_level level;
    enum log_format format;
    const char *target; /* "stderr", "journal", "syslog", or a file's path; copied */
    bool hides_aors;    /* log_name gives a keyed hash */
};

/* Starts or changes the log. ERR_IO: the file cannot be opened or the journal not reached (the
 * old target stays); ERR_NOMEM. */
int log_open(const struct log_conf *conf);

/* Opens the file again under its name, after a rotation. */
int log_reopen(void);

void log_close(void);

void log_set_level(enum log_level level);
enum log_level log_level(void);
bool log_level_parse(const char *word, enum log_level *out);
const char *log_level_word(enum log_level level);

/* The name that the calling thread's lines carry; a string constant or outliving the thread. */
void log_thread_name(const char *name);

/* What one place in the source remembers for the rate limit. */
struct log_place {
    uint32_t most; /* lines a second */
    _Atomic uint64_t second;
    _Atomic uint32_t n;
};

extern _Atomic int log_now_level;

void log_write(struct log_place *place, enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

enum { LOG_MOST = 20 };

#define LOG_AT(level, limit, ...)                                                                  \
    do {                                                                                           \
        static struct log_place log_place_ = {.most = (limit)};                                    \
        if ((int)(level) <= atomic_load_explicit(&log_now_level, memory_order_relaxed))            \
            log_write(&log_place_, level, __VA_ARGS__);                                            \
    } while (0)

/* One event: "what name=value ..."; as JSON and in the journal its fields stand by themselves, too
 * (BREAKWATER_NAME). what: lower case, words with blanks between them; as field "event" with '-'.
 * Of a text 120 bytes are shown. */
void log_event(struct log_place *place, const char *what, const struct log_field *fields, size_t n);

/* How the log calls a line, given by its AoR or a SIP URI: as it stands, or with hides_aors as
 * "line-" and 16 hexadecimal digits, equal for equal AoRs. Lives as long as both given. */
enum { LOG_NAME = 24 };
struct str log_name(struct str aor, char text[LOG_NAME]);
#define LOG_NAME_OF(aor) log_name(aor, (char[LOG_NAME]){0})

/* The hash, hidden or not. */
struct str log_name_hash(struct str aor, char text[LOG_NAME]);

/* What names are hashed with; before threads start. */
void log_set_name_key(const struct hash_key *key);

#define log_error(...) LOG_AT(LEVEL_ERROR, LOG_MOST, __VA_ARGS__)
#define log_warn(...)  LOG_AT(LEVEL_WARN, LOG_MOST, __VA_ARGS__)
#define log_info(...)  LOG_AT(LEVEL_INFO, LOG_MOST, __VA_ARGS__)
#define log_debug(...) LOG_AT(LEVEL_DEBUG, LOG_MOST, __VA_ARGS__)

/* For events that are wanted each, as far as the log can bear it. */
#define log_info_most(limit, ...) LOG_AT(LEVEL_INFO, limit, __VA_ARGS__)

#define log_event_most(limit, ...)                                                                 \
    do {                                                                                           \
        static struct log_place log_place_ = {.most = (limit)};                                    \
        if (LEVEL_INFO <= atomic_load_explicit(&log_now_level, memory_order_relaxed))              \
            log_event(&log_place_, __VA_ARGS__);                                                   \
    } while (0)

#endif
