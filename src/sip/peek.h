/* The cheapest look at a message: enough to find its owner, and to refuse it when the index would
 * not take it. Reads forward once, copies nothing, stops when all has been found. Pure; any
 * thread. The slices point into the bytes that were given; folded values keep their folds. */
#ifndef BW_SIP_PEEK_H
#define BW_SIP_PEEK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "sip/hdr.h"

struct peek {
    struct str bytes; /* the message from its start line on */
    struct str heads; /* the same from behind the start line on */
    bool is_request;
    enum sip_method method; /* requests: from the start line; responses: from CSeq */
    unsigned status;        /* responses: 100…999 */
    struct str via;         /* the first Via field's value, all its elements */
    struct str branch;      /* of the top element, without the quotes nobody uses; none if absent */
    struct str call_id;
    struct str cseq, from, to; /* whole values */
};

/* 0, or ERR_PARSE: the start line is not SIP's. It is taken generously, any version and any
 * Request-URI: the index is the judge of that. Fields that are missing stay none; a field that
 * appears twice is taken from its first line. */
int peek_parse(struct str bytes, struct peek *out);

#endif
