/* What the admin API answers, before it goes out by HTTP. Any thread. */
#ifndef BW_ADMIN_ANSWER_H
#define BW_ADMIN_ANSWER_H

#include <jansson.h>
#include <stddef.h>

struct answer {
    unsigned status;
    const char *type;   /* of the content */
    const char *allow;  /* of a 405; else NULL */
    const char *policy; /* of a page: its Content-Security-Policy; else NULL */
    char *body; /* malloc; the caller frees. NULL: no memory, and then there is no content */
    size_t len;
};

void answer_text(struct answer *out, unsigned status, const char *text);

/* Takes the JSON; NULL is a want of memory. */
void answer_json(struct answer *out, unsigned status, json_t *json);

/* {"error":{"code":…,"message":…}} */
void answer_fail(struct answer *out, unsigned status, const char *code, const char *message);

/* The same as a value, for an answer that says more. */
json_t *answer_error(const char *code, const char *message);

#endif
