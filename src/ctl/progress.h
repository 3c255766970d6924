/* A bar on the terminal, of work whose size is known; nothing where standard error is none. One
 * thread. */
#ifndef BW_CTL_PROGRESS_H
#define BW_CTL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *what;
    uint64_t whole; /* 0: not known; then only the number is shown */
    uint64_t began_ms, shown_ms;
    bool is_on, is_begun;
};

/* what: a word in front of it; must live on. */
void progress_begin(struct progress *p, const char *what, uint64_t whole);

/* As often as one likes: draws ten times a second at most. n: how many things, for people. */
void progress_show(struct progress *p, uint64_t done, uint64_t n);

/* Takes the bar away. */
void progress_end(struct progress *p);

#endif
