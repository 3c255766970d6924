#include "ctl/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { WIDTH = 30, STEP_MS = 100 };

static uint64_t now_ms(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void progress_begin(struct progress *p, const char *what, uint64_t whole)
{
    *p = (struct progress){
        .what = what, .whole = whole, .began_ms = now_ms(), .is_on = isatty(STDERR_FILENO) == 1};
}

static void draw(const struct progress *p, uint64_t done, uint64_t n)
{
    char bar[WIDTH + 1];
    uint64_t spent_ms = p->shown_ms - p->began_ms;
    uint64_t at = done < p->whole ? done : p->whole;
    int full = (int)(at * WIDTH / p->whole);
    for (int i = 0; i < WIDTH; i++)
        bar[i] = i < full ? '#' : '.';
    bar[WIDTH] = '\0';
    (void)fprintf(stderr, "\r%s [%s] %3d%%  %llu AoRs", p->what, bar, (int)(at * 100 / p->whole),
                  (unsigned long long)n);
    if (at && spent_ms > 1000)
        (void)fprintf(stderr, ", %llu s left  ",
                      (unsigned long long)(spent_ms * (p->whole - at) / at / 1000));
}

void progress_show(struct progress *p, uint64_t done, uint64_t n)
{
    uint64_t at_ms = p->is_on ? now_ms() : 0;
    if (!p->is_on || (p->is_begun && at_ms - p->shown_ms < STEP_MS))
        return;
    p->shown_ms = at_ms;
    p->is_begun = true;
    if (p->whole)
        draw(p, done, n);
    else
        (void)fprintf(stderr, "\r%s %llu AoRs", p->what, (unsigned long long)n);
    (void)fflush(stderr);
}

void progress_end(struct progress *p)
{
    if (p->is_begun)
        (void)fprintf(stderr, "\r%*s\r", WIDTH + 60, "");
    p->is_begun = false;
}
