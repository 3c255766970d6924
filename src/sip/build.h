/* New messages out of old bytes. A forwarded message is the original with edits: what is not
 * edited is copied byte for byte, in its order. A response is gathered from the request's own
 * header lines. Output is in the arena. Pure; one thread at a time. */
#ifndef BW_SIP_BUILD_H
#define BW_SIP_BUILD_H

#include <stdbool.h>

#include "base/addr.h"
#include "base/str.h"
#include "sip/msg.h"
#include "sip/peek.h"

struct build_edit;

struct build {
    struct arena *arena;
    const struct msg *msg;
    struct build_edit *edits; /* in order of place, then of arrival */
    struct build_edit *last;  /* of edits */
    bool has_failed;          /* sticky: arena exhausted */
};

void build_init(struct build *b, struct arena *a, const struct msg *m);

/* `old` is a slice of the message's bytes or of a line's value; it becomes `with`, which must live
 * until build_finish. A value that was folded comes out unfolded then. Edits may touch but not
 * overlap (that is a bug of ours). An empty `old` inserts in front of it; several insertions at
 * one place come out in the order they were made. */
void build_replace(struct build *b, struct str old, struct str with);

/* The top Via element becomes `with`. */
void build_replace_via(struct build *b, struct str with);

/* A whole header field ("Name: value\r\n" is made here): before the first line of that header, or
 * where the message has none, at the end of the headers. */
void build_add_first(struct build *b, enum hdr_id id, struct str value);

/* A whole header field at the end of the headers; name as written. */
void build_add_last(struct build *b, struct str name, struct str value);

/* One line of the message goes. */
void build_remove(struct build *b, const struct msg_line *line);

/* Every line of a header goes. */
void build_remove_all(struct build *b, enum hdr_id id);

/* Takes the first element off a comma-separated header's first line (top Via, top Route), with the
 * comma behind it; the whole line where it was the only one. Nothing where there is no line. */
void build_remove_top(struct build *b, enum hdr_id id);

/* The new message. 0 or ERR_NOMEM. */
int build_finish(struct build *b, struct str *out);

struct build_reply {
    unsigned status;
    struct str reason; /* none: the default phrase */
    struct str
        to_tag; /* added where the request's To has none and this is not empty (not to 100) */
    struct str headers; /* further whole lines, each with CRLF, or none */
    struct str body;    /* with its Content-Type among the headers, or none */
};

/* A response to a request: all Via lines in order, the top one with received and rport from the
 * source (RFC 3261 8.2.6, 18.2.1, RFC 3581), From, To, Call-ID, CSeq, Timestamp on a 100,
 * Content-Length. 0 or ERR_NOMEM. */
int build_response(struct arena *a, const struct msg *request, const struct addr *source,
                   const struct build_reply *reply, struct str *out);

/* The same to bytes that could not be indexed, from what the peek found: its fields and every Via
 * line, each as it is but for control characters and folds, which become spaces; fields that were
 * not found are left out. A top Via or a To that cannot be read is passed on without received or
 * tag. ERR_ABSENT: without a Via, or for a response or an ACK, no answer can be made. */
int build_refusal(struct arena *a, const struct peek *request, const struct addr *source,
                  const struct build_reply *reply, struct str *out);

#endif
