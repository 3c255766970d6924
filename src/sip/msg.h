/* A message is its original bytes and an index of its header lines. Values are read when asked
 * for, from the bytes; nothing is ever re-typed. The index and unfolded values live in the arena
 * that was given; the bytes must live as long as the message. Pure; one thread at a time. */
#ifndef BW_SIP_MSG_H
#define BW_SIP_MSG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "sip/hdr.h"
#include "sip/line.h"
#include "sip/nameaddr.h"
#include "sip/via.h"

struct arena;
struct addr;

/* Counted before anything else looks at a message. */
struct msg_limits {
    uint32_t max_len;        /* bytes */
    uint16_t max_lines;      /* header lines, each part of a folded one counted */
    uint16_t max_separators; /* commas and semicolons, each, in one header line */
};

extern const struct msg_limits msg_limits_default;

/* For what was counted before, or is our own. */
extern const struct msg_limits msg_limits_none;

_Static_assert(HDR_MAX <= 64, "a bit for each in struct msg");

struct msg {
    struct arena *arena;
    struct str bytes; /* start line to end of body */
    bool is_request;
    enum sip_method method;      /* requests: the start line's; responses: CSeq's */
    struct str method_name, uri; /* requests; responses: method_name is CSeq's */
    unsigned status;             /* responses */
    struct str reason;
    struct msg_line *lines; /* a folded value is a copy in the arena without folds */
    uint16_t n_lines;
    uint16_t first[HDR_MAX]; /* index of an id's first line + 1; 0: none */
    uint64_t repeated;       /* bit 1 << id: it has more lines than one */
    struct str body;
    const char *end_of_headers; /* where the blank line begins */
    struct via via;             /* the top element */
    struct nameaddr from, to;
    struct str from_tag, to_tag; /* none if absent */
    struct str call_id;
    uint32_t cseq;
    int max_forwards; /* -1: absent */
};

/* Why a message was not taken. */
struct msg_fault {
    unsigned status;  /* the answer that a request deserves: 400, 413, 505, … */
    const char *text; /* its reason phrase, static */
};

/* Indexes one message. Line ends before it are skipped, bytes beyond Content-Length are left out of
 * it, and without one the body takes all that is there (RFC 3261 18.3: datagrams). Checks: start
 * line, version, top Via, From, To, Call-ID, CSeq with its method, each once where once is the
 * rule; Max-Forwards; Content-Length; line and separator counts; no bare CR or LF in the headers,
 * no NUL but an escaped one in a quoted string. Other values are judged by who reads them. 0,
 * ERR_PARSE with *fault, ERR_TOOBIG with *fault, ERR_NOMEM (arena). */
int msg_index(struct arena *a, struct str bytes, const struct msg_limits *limits, struct msg **out,
              struct msg_fault *fault);

/* A copy in another arena, bytes included: for what must outlive the receive buffer. NULL when the
 * arena is exhausted. */
struct msg *msg_copy(struct arena *a, const struct msg *m);

/* The first line of a header, or NULL; the next of the same id after a line, or NULL. */
static inline const struct msg_line *msg_first(const struct msg *m, enum hdr_id id)
{
    return m->first[id] ? &m->lines[m->first[id] - 1] : NULL;
}

const struct msg_line *msg_next(const struct msg *m, const struct msg_line *line);

/* The first line whose name is equal without case: for HDR_OTHER names. */
const struct msg_line *msg_find(const struct msg *m, struct str name);

/* The value of the first line of a header; none if absent. */
static inline struct str msg_value(const struct msg *m, enum hdr_id id)
{
    const struct msg_line *l = msg_first(m, id);
    return l ? l->value : STR_NONE;
}

/* Any line of a comma-separated token list (Supported, Require, …) holds the token, any case. */
bool msg_has_token(const struct msg *m, enum hdr_id id, struct str token);

/* Which of these tokens they hold, any case, as a set: bit 1 << index. n: 32 at most. */
uint32_t msg_tokens(const struct msg *m, enum hdr_id id, const struct str *tokens, size_t n);

/* The methods that the lines of a header (Allow) name, as a set: bit 1 << enum sip_method. Others
 * than those of the enum are left out. */
uint32_t msg_methods(const struct msg *m, enum hdr_id id);

#endif
