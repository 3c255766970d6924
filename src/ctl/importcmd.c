#include "ctl/importcmd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/ask.h"
#include "ctl/progress.h"

/* Of one request: a longer line goes by itself. */
enum { PIECE = 1 << 20, PIECE_LINES = 2000, LINE_MAX_LEN = 4 << 20 };

/* A store that has no room for a moment. */
enum { TRIES = 10, NAMES_SHOWN = 10, OTHERS = 077 };

struct totals {
    json_int_t n_taken, n_same, n_kept, n_foreign;
    bool is_other_key;
};

struct import {
    const char *path;
    bool is_check_only, leaves_keys, is_others; /* the last: who is not its owner may read it */
    FILE *in;
    uint64_t size;
    char *line; /* as it came, without its end */
    size_t room;
    ssize_t n;
    uint64_t number; /* of the line, from 1 */
    char *head;      /* the first line, with its end */
    size_t head_len;
    char *body; /* of a request: the head, then lines */
    size_t body_len, body_room;
    uint64_t first;       /* the number of the body's second line */
    unsigned body_lines;  /* without the head */
    uint64_t n_aors;      /* sent */
    json_int_t n_foreign; /* names that were shown */
    struct totals totals;
    struct progress bar;
    bool is_whole, has_errors;
};

static int fail(const struct import *m, const char *why)
{
    (void)fprintf(stderr, "breakwaterctl: %s: %s\n", m->path, why);
    return EXIT_FAILURE;
}

static int fail_line(const struct import *m, uint64_t number, const char *why)
{
    (void)fprintf(stderr, "%s:%llu: ", m->path, (unsigned long long)number);
    ask_print(stderr, why);
    (void)fputc('\n', stderr);
    return EXIT_FAILURE;
}

/* ---------------------------------------------------------------- lines of the file */

/* Leaves out blank ones. False: there are no more. */
static bool next_line(struct import *m)
{
    do {
        m->n = getline(&m->line, &m->room, m->in);
        m->number += m->n > 0;
        while (m->n > 0 && (m->line[m->n - 1] == '\n' || m->line[m->n - 1] == '\r'))
            m->line[--m->n] = '\0';
    } while (m->n == 0);
    return m->n > 0;
}

static bool is_member(const struct import *m, const char *name)
{
    json_t *json = json_loads(m->line, 0, NULL);
    bool is_there = json_object_get(json, name) != NULL;
    json_decref(json);
    return is_there;
}

static int append(struct import *m, const char *bytes, size_t n)
{
    if (n + 1 > m->body_room - m->body_len) {
        size_t room = m->body_len + n + 1 + PIECE;
        char *more = realloc(m->body, room);
        if (!more)
            return fail(m, strerror(ENOMEM));
        m->body = more;
        m->body_room = room;
    }
    memcpy(m->body + m->body_len, bytes, n);
    m->body_len += n;
    m->body[m->body_len] = '\0';
    return 0;
}

/* A body that has the head only. */
static int begin_body(struct import *m)
{
    m->body_len = 0;
    m->body_lines = 0;
    return append(m, m->head, m->head_len);
}

static int add_line(struct import *m)
{
    m->line[m->n] = '\n'; /* in the place of the NUL */
    int status = append(m, m->line, (size_t)m->n + 1);
    m->line[m->n] = '\0';
    if (m->body_lines++ == 0)
        m->first = m->number;
    return status;
}

/* ---------------------------------------------------------------- requests */

static void show_errors(struct import *m, const json_t *errors)
{
    progress_end(&m->bar);
    for (size_t i = 0; i < json_array_size(errors); i++) {
        const json_t *e = json_array_get(errors, i);
        const char *message = json_string_value(json_object_get(e, "message"));
        uint64_t line = (uint64_t)json_integer_value(json_object_get(e, "line"));
        (void)fail_line(m, line < 2 ? 1 : m->first + line - 2, message ? message : "?");
    }
    m->has_errors = true;
}

static void show_foreign(struct import *m, const json_t *foreign)
{
    for (size_t i = 0; i < json_array_size(foreign); i++) {
        const char *aor = json_string_value(json_array_get(foreign, i));
        if (m->n_foreign++ >= NAMES_SHOWN)
            continue;
        progress_end(&m->bar);
        (void)fprintf(stderr, "%s: left out, its domain is not served here: ", m->path);
        ask_print(stderr, aor ? aor : "?");
        (void)fputc('\n', stderr);
    }
}

static json_int_t number_of(const json_t *json, const char *name)
{
    return json_integer_value(json_object_get(json, name));
}

static void take_counts(struct import *m, const json_t *json, bool is_check)
{
    const char *key = json_string_value(json_object_get(json, "key"));
    const json_t *foreign = json_object_get(json, "foreign");
    m->totals.is_other_key = key && strcmp(key, "other") == 0;
    if (is_check) {
        show_foreign(m, foreign);
        m->totals.n_foreign += (json_int_t)json_array_size(foreign);
    }
    m->totals.n_taken += number_of(json, "taken");
    m->totals.n_same += number_of(json, "same");
    m->totals.n_kept += number_of(json, "kept");
}

static const char *code_of(const json_t *json)
{
    const char *code = json_string_value(json_object_get(json_object_get(json, "error"), "code"));
    return code ? code : "";
}

static int complain(struct import *m, const struct ask_answer *a)
{
    const json_t *errors = json_object_get(a->json, "errors");
    const char *message =
        json_string_value(json_object_get(json_object_get(a->json, "error"), "message"));
    if (json_array_size(errors)) {
        show_errors(m, errors);
        return EXIT_FAILURE;
    }
    progress_end(&m->bar);
    return fail(m, message ? message : "the daemon does not answer as it should");
}

/* Sends the body; the answer is the caller's when 0 comes back. */
static int send_body(struct import *m, bool is_check, struct ask_answer *out)
{
    const struct ask q = {"POST", is_check ? "/api/v1/import?check=yes" : "/api/v1/import",
                          m->body};
    int status = ask(&q, out);
    for (int i = 0; !status && i < TRIES && strcmp(code_of(out->json), "store-failed") == 0; i++) {
        ask_free(out);
        (void)sleep(1);
        status = ask(&q, out);
    }
    if (!status && out->status != 200)
        status = complain(m, out);
    if (status)
        ask_free(out);
    return status;
}

static int send_lines(struct import *m, bool is_check)
{
    struct ask_answer a;
    int status = m->body_lines ? send_body(m, is_check, &a) : 0;
    if (status || !m->body_lines)
        return status;
    m->n_aors += m->body_lines;
    take_counts(m, a.json, is_check);
    ask_free(&a);
    return begin_body(m);
}

/* ---------------------------------------------------------------- the file, from front to end */

/* True: a piece is full with what it has. */
static bool is_full(const struct import *m)
{
    return m->body_lines >= PIECE_LINES ||
           (m->body_lines && m->body_len + (size_t)m->n + 1 > PIECE);
}

static int send_all(struct import *m, bool is_check)
{
    int status = begin_body(m);
    m->n_aors = 0;
    progress_begin(&m->bar, is_check ? "check" : "import", m->size);
    while (!status && next_line(m) && !m->is_whole) {
        m->is_whole = strncmp(m->line, "{\"end\":", 7) == 0;
        bool is_keys = m->number == 2 && is_member(m, "keys");
        if (is_keys || m->is_whole)
            continue;
        if (m->n > LINE_MAX_LEN)
            status = fail_line(m, m->number, "the line is too long");
        else if (is_full(m))
            status = send_lines(m, is_check);
        if (!status)
            status = add_line(m);
        progress_show(&m->bar, (uint64_t)ftello(m->in), m->n_aors);
    }
    if (!status)
        status = send_lines(m, is_check);
    progress_end(&m->bar);
    return status;
}

/* Behind the head. */
static int go_back(struct import *m)
{
    m->number = 0;
    m->is_whole = false;
    if (fseeko(m->in, 0, SEEK_SET) || !next_line(m))
        return fail(m, "cannot be read from its beginning again");
    return 0;
}

static int take_head(struct import *m)
{
    if (!next_line(m) || !is_member(m, "breakwater_export"))
        return fail(m, "is not an export of breakwater");
    m->head = malloc((size_t)m->n + 1);
    if (!m->head)
        return fail(m, strerror(ENOMEM));
    memcpy(m->head, m->line, (size_t)m->n);
    m->head[m->n] = '\n';
    m->head_len = (size_t)m->n + 1;
    return 0;
}

/* ---------------------------------------------------------------- the keys */

static int show_keys(struct import *m, const char *word)
{
    if (strcmp(word, "installed") != 0)
        return 0;
    (void)fprintf(stderr,
                  "breakwaterctl: %s: its keys are in place, nothing else yet: restart breakwater "
                  "now, then give this command again\n",
                  m->path);
    return EXIT_FAILURE;
}

/* They come first, and alone: what rests on them follows when they hold. */
static int send_keys(struct import *m)
{
    struct ask_answer a;
    int status = begin_body(m);
    if (!status)
        status = next_line(m) ? 0 : fail(m, "has a head only");
    if (status || m->leaves_keys || !is_member(m, "keys"))
        return status;
    if (m->is_others)
        return fail(m, "others may read the keys in it; expected mode 0600, or --without-keys");
    status = add_line(m);
    if (!status)
        status = send_body(m, m->is_check_only, &a);
    if (status)
        return status;
    const char *word = json_string_value(json_object_get(a.json, "keys"));
    status = show_keys(m, word ? word : "");
    ask_free(&a);
    return status;
}

/* ---------------------------------------------------------------- all of it */

static int open_file(struct import *m)
{
    struct stat st;
    int fd = open(m->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st)) {
        int status = fail(m, strerror(errno));
        if (fd >= 0)
            (void)close(fd);
        return status;
    }
    m->in = S_ISREG(st.st_mode) ? fdopen(fd, "r") : NULL;
    if (!m->in) {
        (void)close(fd);
        return fail(m, "is not a regular file: it is read twice");
    }
    m->size = (uint64_t)st.st_size;
    m->is_others = (st.st_mode & OTHERS) != 0;
    return 0;
}

static int run(struct import *m)
{
    int status = open_file(m);
    if (!status)
        status = take_head(m);
    if (!status)
        status = send_all(m, true);
    if (!status && !m->is_whole)
        status = fail(m, "is not whole: the line that ends an export is missing");
    if (status)
        return status;
    status = go_back(m);
    if (!status)
        status = send_keys(m);
    if (status || m->is_check_only)
        return status;
    status = go_back(m);
    return status ? status : send_all(m, false);
}

static void show_totals(const struct import *m, bool is_json)
{
    const struct totals *t = &m->totals;
    if (is_json) {
        (void)printf("{\"checked\":%llu,\"taken\":%lld,\"same\":%lld,\"kept\":%lld,"
                     "\"foreign\":%lld,\"key\":\"%s\"}\n",
                     (unsigned long long)m->n_aors, t->n_taken, t->n_same, t->n_kept, t->n_foreign,
                     t->is_other_key ? "other" : "same");
        return;
    }
    if (m->is_check_only) {
        (void)printf("%llu AoRs are fit to be imported, %lld would be left out\n",
                     (unsigned long long)m->n_aors - (unsigned long long)t->n_foreign,
                     t->n_foreign);
        return;
    }
    (void)printf("%lld AoRs are imported, %lld were here already, %lld stand here with newer "
                 "devices and stay so, %lld are left out\n",
                 t->n_taken, t->n_same, t->n_kept, t->n_foreign);
    if (t->is_other_key && t->n_taken)
        (void)puts("they were exported under another key: each device is relayed once");
}

static bool read_words(const struct call *c, struct import *m)
{
    for (int i = 0; i < c->n; i++) {
        if (strcmp(c->words[i], "--check") == 0)
            m->is_check_only = true;
        else if (strcmp(c->words[i], "--without-keys") == 0)
            m->leaves_keys = true;
        else if (c->words[i][0] == '-' || m->path)
            return false;
        else
            m->path = c->words[i];
    }
    return m->path != NULL;
}

static void clean(struct import *m)
{
    if (m->in)
        (void)fclose(m->in);
    if (m->line)
        explicit_bzero(m->line, m->room);
    if (m->body)
        explicit_bzero(m->body, m->body_room);
    free(m->line);
    free(m->head);
    free(m->body);
}

int importcmd_run(const struct call *c)
{
    static struct import m;
    m = (struct import){0};
    if (!read_words(c, &m))
        return EXIT_USAGE;
    int status = run(&m);
    if (!status)
        show_totals(&m, c->is_json);
    if (m.has_errors)
        (void)fail(&m, "nothing of these lines was imported");
    clean(&m);
    return ask_end(status);
}
