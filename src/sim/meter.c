#include "sim/meter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/sys.h"

/* Samples of an hour; a longer storm ends with fewer. */
enum { PERIOD_MS = 250, SAMPLES_MAX = 4 * 3600, ANSWER_MAX = 1 << 20, PATIENCE_S = 2 };

struct meter {
    struct meter_conf conf;
    pthread_t thread;
    bool is_running;
    atomic_bool must_stop;
    char *answer;
    size_t n;
    struct meter_sample samples[SAMPLES_MAX];
};

/* ---------------------------------------------------------------- asking */

static int connect_unix(const char *path)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof sa.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(sa.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&sa, sizeof sa)) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static int connect_tcp(const char *text)
{
    struct addr a;
    struct sockaddr_storage ss = {0};
    socklen_t n;
    if (addr_parse(str_of(text), 0, &a) || a.port == 0) {
        errno = EINVAL;
        return -1;
    }
    n = addr_to_sockaddr(&a, &ss);
    int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&ss, n)) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* The answer up to the peer's end, or, of a line, up to its end. -1: errno says why. */
static ssize_t exchange(int fd, struct str question, bool is_line, char *answer)
{
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    size_t n = 0;
    ssize_t got = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (send(fd, question.p, question.n, MSG_NOSIGNAL) != (ssize_t)question.n)
        return -1;
    while (n < ANSWER_MAX - 1 && got > 0 && !(is_line && memchr(answer, '\n', n))) {
        got = recv(fd, answer + n, ANSWER_MAX - 1 - n, 0);
        n += got > 0 ? (size_t)got : 0;
    }
    answer[n] = '\0';
    return got < 0 ? -1 : (ssize_t)n;
}

static int complain(const char *where, const char *what)
{
    (void)fprintf(stderr, "breakwater-sim storm: %s: %s\n", where, what);
    return ERR_IO;
}

static int ask(const char *where, struct str question, bool is_line, char *answer)
{
    int fd = is_line || *where == '/' ? connect_unix(where) : connect_tcp(where);
    ssize_t n = fd < 0 ? -1 : exchange(fd, question, is_line, answer);
    const int why = errno;
    if (fd >= 0)
        (void)close(fd);
    return n < 0 ? complain(where, strerror(why)) : 0;
}

/* ---------------------------------------------------------------- reading */

static bool read_number(const char *at, uint64_t *out)
{
    char *end;
    const unsigned long long v = strtoull(at, &end, 10);
    *out = v;
    return end != at;
}

/* The sum of the rows of a metric that have this in their labels. False: there is none. */
static bool sum_metric(const char *text, const char *name, const char *label, uint64_t *out)
{
    bool has_any = false;
    const size_t n = strlen(name);
    *out = 0;
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        const char *end = strchr(line, '\n'), *behind = strstr(line, "} ");
        const char *found = strstr(line, label);
        uint64_t v;
        if (strncmp(line, name, n) != 0 || line[n] != '{' || !behind || !found || !end ||
            behind > end || found > end || !read_number(behind + 2, &v))
            continue;
        *out += v;
        has_any = true;
    }
    return has_any;
}

static int sample_admin(const struct meter *m, struct meter_sample *s)
{
    static const struct str get = STR("GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n");
    const char *where = m->conf.admin;
    int err = ask(where, get, false, m->answer);
    if (err)
        return err;
    if (!sum_metric(m->answer, "breakwater_registers_total", "direction=\"out\"", &s->registers))
        return complain(where, "no metrics of Breakwater's came");
    (void)sum_metric(m->answer, "breakwater_upstream_refreshes_postponed_total", "", &s->postponed);
    (void)sum_metric(m->answer, "breakwater_upstream_registers_refused_total", "", &s->refused);
    return 0;
}

static int sample_control(const struct meter *m, struct meter_sample *s)
{
    static const char name[] = "\"registers\":";
    int err = ask(m->conf.control, STR("stats\n"), true, m->answer);
    if (err)
        return err;
    const char *at = strstr(m->answer, name);
    if (!at || !read_number(at + sizeof name - 1, &s->registers))
        return complain(m->conf.control, "the registrar's figures did not come");
    return 0;
}

/* Where only one was asked, the other's counters stay zero. */
static int sample(struct meter *m)
{
    struct meter_sample s = {0};
    if (m->n == SAMPLES_MAX)
        return 0;
    int err = m->conf.admin ? sample_admin(m, &s) : 0;
    if (!err && m->conf.control)
        err = sample_control(m, &s);
    s.at_us = sys_now_us();
    if (!err)
        m->samples[m->n++] = s;
    return err;
}

int meter_command(const char *control, const char *line)
{
    char *answer = malloc(ANSWER_MAX);
    char text[64];
    struct buf out = buf_over(text, sizeof text);
    if (!answer)
        return ERR_NOMEM;
    buf_addf(&out, "%s\n", line);
    int err = ask(control, buf_str(&out), true, answer);
    if (!err && strncmp(answer, "ok", 2) != 0)
        err = complain(control, answer);
    free(answer);
    return err;
}

/* ---------------------------------------------------------------- the thread */

static void *run(void *arg)
{
    struct meter *m = arg;
    const struct timespec period = {.tv_nsec = PERIOD_MS * 1000000L};
    while (!atomic_load(&m->must_stop) && sample(m) == 0)
        (void)nanosleep(&period, NULL);
    return NULL;
}

static void end_thread(struct meter *m)
{
    atomic_store(&m->must_stop, true);
    if (m->is_running)
        (void)pthread_join(m->thread, NULL);
    m->is_running = false;
}

int meter_new(const struct meter_conf *conf, struct meter **out)
{
    struct meter *m = calloc(1, sizeof *m);
    if (!m)
        return ERR_NOMEM;
    m->conf = *conf;
    m->answer = malloc(ANSWER_MAX);
    int err = m->answer ? sample(m) : ERR_NOMEM;
    if (!err && pthread_create(&m->thread, NULL, run, m))
        err = ERR_NOMEM;
    if (err) {
        meter_free(m);
        return err;
    }
    m->is_running = true;
    *out = m;
    return 0;
}

const struct meter_sample *meter_stop(struct meter *m, size_t *n)
{
    end_thread(m);
    (void)sample(m);
    *n = m->n;
    return m->samples;
}

void meter_free(struct meter *m)
{
    if (!m)
        return;
    end_thread(m);
    free(m->answer);
    free(m);
}
