#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>

const char *err_text(int err)
{
    switch (err) {
    case 0:
        return "no error";
    case ERR_NOMEM:
        return "out of memory";
    case ERR_FULL:
        return "no room";
    case ERR_AGAIN:
        return "try again later";
    case ERR_PARSE:
        return "malformed";
    case ERR_IO:
        return "system call failed";
    case ERR_ABSENT:
        return "not found";
    case ERR_GONE:
        return "gone";
    case ERR_TOOBIG:
        return "too big";
    case ERR_BADCONF:
        return "bad configuration";
    default:
        return "unknown error";
    }
}

_Noreturn void err_bug(const char *file, int line, const char *what)
{
    (void)fprintf(stderr, "breakwater: bug at %s:%d: %s\n", file, line, what);
    abort();
}
