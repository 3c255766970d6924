/* The daemon's admin API over its Unix socket. One thread. */
#ifndef BW_CTL_ASK_H
#define BW_CTL_ASK_H

#include <jansson.h>
#include <stdio.h>

#include "ctl/call.h"

/* Another socket than /run/breakwater/admin.sock; the text must live on. */
void ask_set_socket(const char *path);

struct ask {
    const char *method, *path;
    const char *body; /* NULL: none */
};

struct ask_answer {
    unsigned status;
    char *text;   /* its content, as it came */
    json_t *json; /* the same; NULL: it is no JSON */
};

/* Sends it, and leaves the reading of the HTTP answer to the caller, who closes *fd. 0, or
 * EXIT_UNREACHABLE after a complaint. */
int ask_open(const struct ask *q, int *fd);

/* 0, or EXIT_UNREACHABLE after a complaint. The caller frees what came. */
int ask(const struct ask *q, struct ask_answer *out);
void ask_free(struct ask_answer *a);

/* Asks, and shows the answer: as it came if the operator wants that, else with `show`, which
 * returns false where the answer is not what it expects. What is no 2xx is a complaint, with the
 * API's own words. The exit status. */
int ask_and_show(const struct call *c, const struct ask *q, bool (*show)(const json_t *answer));

/* The second half of it, for who asks more than once; then ask_end has the exit status, which is
 * EXIT_FAILURE where standard output took not all. */
int ask_show(const struct call *c, const struct ask_answer *a, bool (*show)(const json_t *answer));
int ask_end(int status);

/* A byte, behind another one, that a terminal may take for an order: controls, also C1 in UTF-8. */
bool ask_is_order(unsigned char before, unsigned char c);

/* Text from an answer as a terminal may have it: what would steer that is a question mark. */
void ask_print(FILE *out, const char *text);

/* The findings in an answer to a reload, a line each; nothing where there are none. */
void ask_print_findings(FILE *out, const json_t *answer);

#endif
