/* What the operator has asked for. One thread. */
#ifndef BW_CTL_CALL_H
#define BW_CTL_CALL_H

#include <stdbool.h>

/* sysexits.h: EX_USAGE; EX_UNAVAILABLE: nobody answers at the socket, or not as the API does. */
enum { EXIT_USAGE = 64, EXIT_UNREACHABLE = 69 };

struct call {
    int n;        /* words behind the command's name */
    char **words; /* and NULL */
    bool is_json; /* print the API's answer as it came */
};

/* One command: 0, EXIT_FAILURE after a complaint on standard error, or one of the above. */
typedef int call_fn(const struct call *c);

#endif
