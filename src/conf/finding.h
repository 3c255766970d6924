/* What is said about a configuration: errors and warnings with file and line. Main thread. */
#ifndef BW_CONF_FINDING_H
#define BW_CONF_FINDING_H

#include "conf/model.h"

struct findings {
    const char *path;
    conf_say_fn *say;
    void *arg;
    unsigned n_errors;
};

/* line 0: about the file as a whole. */
void finding_error(struct findings *f, unsigned line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void finding_warn(struct findings *f, unsigned line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
