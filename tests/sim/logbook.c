#include "logbook.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "text.h"

enum { LINE_LEN = 16 * 1024, PATH_LEN = 64 };

static struct {
    int fd;
    bool is_verbose;
    off_t shown, asked; /* how far the lines were shown, and looked at by steps */
} book;

bool logbook_open(bool is_verbose)
{
    char path[PATH_LEN];
    book.fd = memfd_create("log", MFD_CLOEXEC);
    book.is_verbose = is_verbose;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", book.fd);
    const struct log_conf conf = {.level = is_verbose ? LEVEL_DEBUG : LEVEL_INFO, .target = path};
    return book.fd >= 0 && log_open(&conf) == 0;
}

void logbook_clear(void)
{
    BUG_ON(ftruncate(book.fd, 0));
    book.shown = book.asked = 0;
}

/* The next line from *at on, without its end; false: there is no more. */
static bool next_line(off_t *at, char bytes[LINE_LEN], struct str *line)
{
    ssize_t n = pread(book.fd, bytes, LINE_LEN, *at);
    const char *end = n <= 0 ? NULL : str_find((struct str){bytes, (size_t)n}, '\n');
    if (!end)
        return false;
    *line = str_span(bytes, end);
    *at += (off_t)line->n + 1;
    return true;
}

/* Time, level, thread and text. */
static bool is_warning(struct str line)
{
    struct str rest;
    (void)text_word(line, &rest);
    struct str level = text_word(rest, &rest);
    return str_eq(level, STR("warning")) || str_eq(level, STR("error"));
}

void logbook_show(void)
{
    char bytes[LINE_LEN];
    struct str line;
    while (next_line(&book.shown, bytes, &line))
        if (book.is_verbose || is_warning(line))
            fprintf(stderr, "%.*s\n", STR_FMT(line));
}

static bool has_word(struct str line, const struct word *w)
{
    while (line.n) {
        struct str word = text_word(line, &line);
        if (str_is_none(w->key) ? str_eq(word, w->value)
                                : str_has_prefix(word, w->key) &&
                                      str_has_prefix(str_skip(word, w->key.n), STR("=")) &&
                                      str_eq(str_skip(word, w->key.n + 1), w->value))
            return true;
    }
    return false;
}

void logbook_find(struct run *r)
{
    const struct step *s = r->step;
    char bytes[LINE_LEN];
    struct str line;
    while (next_line(&book.asked, bytes, &line)) {
        size_t n = 1; /* the statement's own word */
        while (n < s->n_words && has_word(line, &s->words[n]))
            n++;
        if (n == s->n_words)
            return;
    }
    run_fail(r, "no line of the log has these words");
}
