#include "base/lines.h"

#include <errno.h>
#include <unistd.h>

#include "base/err.h"

void lines_init(struct lines *l, int fd)
{
    l->fd = fd;
    l->number = 0;
    l->from = l->to = 0;
    l->is_at_end = l->is_too_long = false;
}

/* Moves what is left to the front and reads on behind it. */
static int refill(struct lines *l)
{
    memmove(l->buffer, l->buffer + l->from, l->to - l->from);
    l->to -= l->from;
    l->from = 0;
    ssize_t n;
    do
        n = read(l->fd, l->buffer + l->to, sizeof l->buffer - l->to);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return ERR_IO;
    l->is_at_end = n == 0;
    l->to += (size_t)n;
    return 0;
}

static struct str held(const struct lines *l)
{
    return (struct str){l->buffer + l->from, l->to - l->from};
}

/* True: up to an LF, or up to the end of the file. */
static bool take(struct lines *l, struct str *line)
{
    struct str all = held(l);
    const char *end = str_find(all, '\n');
    if (!end && !(l->is_at_end && all.n))
        return false;
    *line = end ? str_span(all.p, end) : all;
    l->from += line->n + (end != NULL);
    return true;
}

int lines_next(struct lines *l, struct str *line)
{
    l->is_too_long = false;
    *line = STR("");
    while (!take(l, line)) {
        if (l->is_at_end && !l->is_too_long)
            return 0;
        if (l->is_at_end)
            break;
        if (l->to - l->from == sizeof l->buffer) {
            l->is_too_long = true;
            l->from = l->to;
        }
        int err = refill(l);
        if (err)
            return err;
    }
    l->is_too_long = l->is_too_long || line->n > LINES_LEN_MAX;
    l->number++;
    return 1;
}

void lines_fini(struct lines *l)
{
    explicit_bzero(l->buffer, sizeof l->buffer);
}
