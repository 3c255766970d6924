#include "conf/finding.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"

/* Quoted text of the file may hold line ends, which would break the line that is said. */
static void make_printable(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = '?';
}

static void say(struct findings *f, bool is_error, unsigned line, const char *text)
{
    char full[2048];
    if (line)
        (void)snprintf(full, sizeof full, "%s:%u: %s", f->path, line, text);
    else
        (void)snprintf(full, sizeof full, "%s: %s", f->path, text);
    make_printable(full);
    f->say(is_error, full, f->arg);
}

void finding_error(struct findings *f, unsigned line, const char *fmt, ...)
{
    char text[1536];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    f->n_errors++;
    say(f, true, line, text);
}

void finding_warn(struct findings *f, unsigned line, const char *fmt, ...)
{
    char text[1536];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    say(f, false, line, text);
}
