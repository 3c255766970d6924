#include "ctl/exportcmd.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/ask.h"
#include "ctl/progress.h"

enum { MODE = 0600, OTHERS = 077 };

struct export
{
    const char *path; /* NULL: standard output */
    bool has_keys;
    char temp[PATH_MAX]; /* beside it, until it is whole */
    FILE *in, *out;
    char *line;
    size_t room;
    uint64_t n_lines, n_aors, n_damaged;
    bool is_whole;
};

static int fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "breakwaterctl: %s: %s\n", what, why);
    return EXIT_FAILURE;
}

/* ---------------------------------------------------------------- where to */

static bool read_words(const struct call *c, struct export *e)
{
    for (int i = 0; i < c->n; i++) {
        bool is_option = c->words[i][0] == '-' && c->words[i][1];
        if (strcmp(c->words[i], "--with-keys") == 0)
            e->has_keys = true;
        else if (is_option || e->path)
            return false;
        else
            e->path = c->words[i];
    }
    if (e->path && strcmp(e->path, "-") == 0)
        e->path = NULL;
    return true;
}

/* Keys are for a pipe, or for a file that is its owner's alone. */
static int use_stdout(struct export *e)
{
    struct stat st;
    e->out = stdout;
    if (!e->has_keys)
        return 0;
    if (isatty(STDOUT_FILENO))
        return fail("--with-keys", "keys are not shown on a terminal; name a file");
    if (fstat(STDOUT_FILENO, &st) || (S_ISREG(st.st_mode) && st.st_mode & OTHERS))
        return fail("--with-keys", "others may read the output; name a file instead");
    return 0;
}

static int open_out(struct export *e)
{
    if (!e->path)
        return use_stdout(e);
    if (snprintf(e->temp, sizeof e->temp, "%s.new", e->path) >= (int)sizeof e->temp)
        return fail(e->path, strerror(ENAMETOOLONG));
    (void)unlink(e->temp); /* of one that was killed */
    int fd = open(e->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, MODE);
    e->out = fd < 0 ? NULL : fdopen(fd, "w");
    if (e->out)
        return 0;
    int status = fail(e->temp, strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return status;
}

/* Under its own name only when it is whole, and on the disk. */
static int close_out(struct export *e, int status)
{
    if (!e->path)
        return status ? status : ask_end(0);
    if (!status && (fflush(e->out) || fsync(fileno(e->out))))
        status = fail(e->temp, strerror(errno));
    if (fclose(e->out) && !status)
        status = fail(e->temp, strerror(errno));
    if (!status && rename(e->temp, e->path))
        status = fail(e->path, strerror(errno));
    if (status)
        (void)unlink(e->temp);
    return status;
}

/* ---------------------------------------------------------------- what comes */

static ssize_t next_line(struct export *e)
{
    return getline(&e->line, &e->room, e->in);
}

/* Up to the blank line behind the head: 0, or what the daemon complains of. */
static int read_head(struct export *e)
{
    ssize_t n = next_line(e);
    bool is_http = n > 12 && strncmp(e->line, "HTTP/1.", 7) == 0;
    bool is_right = is_http && strncmp(e->line + 8, " 200", 4) == 0;
    while (n > 0 && e->line[0] != '\r')
        n = next_line(e);
    if (n > 0 && is_right)
        return 0;
    json_t *json = n > 0 && next_line(e) > 0 ? json_loads(e->line, 0, NULL) : NULL;
    const char *message =
        json_string_value(json_object_get(json_object_get(json, "error"), "message"));
    int status = fail("export", message ? message : "the daemon does not answer");
    json_decref(json);
    return is_http ? status : EXIT_UNREACHABLE;
}

static uint64_t number_of(const json_t *json, const char *name)
{
    json_int_t n = json_integer_value(json_object_get(json, name));
    return n > 0 ? (uint64_t)n : 0;
}

static void take_end(struct export *e, const json_t *end)
{
    e->is_whole = json_is_object(end);
    e->n_aors = number_of(end, "aors");
    e->n_damaged = number_of(end, "damaged");
}

/* The head tells how many there may be, the end whether that was all. */
static int copy_lines(struct export *e)
{
    struct progress bar;
    ssize_t n;
    progress_begin(&bar, "export", 0);
    while (!e->is_whole && (n = next_line(e)) > 0) {
        bool is_end = strncmp(e->line, "{\"end\":", 7) == 0;
        json_t *json = e->n_lines == 0 || is_end ? json_loads(e->line, 0, NULL) : NULL;
        if (e->n_lines++ == 0)
            bar.whole = number_of(json, "aors");
        if (is_end)
            take_end(e, json_object_get(json, "end"));
        json_decref(json);
        if (fwrite(e->line, 1, (size_t)n, e->out) != (size_t)n)
            break;
        progress_show(&bar, e->n_lines, e->n_lines);
    }
    progress_end(&bar);
    if (ferror(e->out))
        return fail(e->path ? e->temp : "standard output", strerror(errno));
    return e->is_whole ? 0 : fail("export", "was cut off; nothing was kept");
}

static int run(struct export *e)
{
    int fd, status = open_out(e);
    if (status)
        return status;
    status = ask_open(
        &(struct ask){"GET", e->has_keys ? "/api/v1/export?keys=yes" : "/api/v1/export", NULL},
        &fd);
    e->in = status ? NULL : fdopen(fd, "r");
    if (!status && !e->in) {
        status = fail("export", strerror(errno));
        (void)close(fd);
    }
    if (!status)
        status = read_head(e);
    if (!status)
        status = copy_lines(e);
    if (e->in)
        (void)fclose(e->in);
    return close_out(e, status);
}

int exportcmd_run(const struct call *c)
{
    static struct export e;
    e = (struct export){0};
    if (!read_words(c, &e))
        return EXIT_USAGE;
    int status = run(&e);
    if (e.line)
        explicit_bzero(e.line, e.room);
    free(e.line);
    if (status)
        return status;
    (void)fprintf(stderr, "%llu AoRs are exported%s\n", (unsigned long long)e.n_aors,
                  e.has_keys ? ", with the keys: who has them can speak for this node" : "");
    if (!e.n_damaged)
        return EXIT_SUCCESS;
    (void)fprintf(stderr, "breakwaterctl: %llu damaged records are not among them: see the log\n",
                  (unsigned long long)e.n_damaged);
    return EXIT_FAILURE;
}
