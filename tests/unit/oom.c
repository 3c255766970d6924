/* Linked with -Wl,--wrap=malloc,… : the nth allocation after arming fails. */
#include "unit.h"

#include <stdbool.h>
#include <stdlib.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *s);

static _Thread_local long countdown = -1; /* -1: not armed */
static _Thread_local bool has_struck;

static bool must_fail(void)
{
    if (countdown < 0 || countdown-- > 0)
        return false;
    countdown = -1;
    has_struck = true;
    return true;
}

void *__wrap_malloc(size_t n)
{
    return must_fail() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return must_fail() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return must_fail() ? NULL : __real_realloc(p, n);
}

char *__wrap_strdup(const char *s)
{
    return must_fail() ? NULL : __real_strdup(s);
}

int oom_sweep(void (*body)(void *arg), void *arg)
{
    int runs = 0;
    do {
        has_struck = false;
        countdown = runs++;
        body(arg);
        countdown = -1;
    } while (has_struck);
    return runs;
}
