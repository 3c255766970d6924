/* Error codes and the assertion for our own bugs.
 *
 * Three kinds of error take three roads. Our bug: BUG_ON, abort; never for input. The peer's
 * fault: a verdict or status value, counted. The world's fault (memory, disk, network): an int,
 * 0 or one of the negative codes below, passed up and logged once where it is handled.
 * Any thread. */
#ifndef BW_BASE_ERR_H
#define BW_BASE_ERR_H

enum err {
    ERR_NOMEM = -1,  /* memory, or an arena's limit */
    ERR_FULL = -2,   /* a bounded queue, table or buffer has no room */
    ERR_AGAIN = -3,  /* not now; try when told */
    ERR_PARSE = -4,  /* text that does not follow its grammar */
    ERR_IO = -5,     /* a system call failed; errno says why */
    ERR_ABSENT = -6, /* no such thing */
    ERR_GONE = -7,   /* a handle whose object has died */
    ERR_TOOBIG = -8, /* over a configured limit */
    ERR_BADCONF = -9 /* configuration refused; the message was given */
};

/* A short English text for an ERR_* code; static, never NULL. */
const char *err_text(int err);

/* Prints where and what, then aborts. */
_Noreturn void err_bug(const char *file, int line, const char *what);

/* For what only a mistake of ours can cause. */
#define BUG_ON(cond)                                                                               \
    do {                                                                                           \
        if (__builtin_expect(!!(cond), 0))                                                         \
            err_bug(__FILE__, __LINE__, #cond);                                                    \
    } while (0)

#endif
