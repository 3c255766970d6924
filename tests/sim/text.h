/* Reads SIP messages for checks, written apart from src/sip on purpose: a second opinion. It
 * expects what a correct sender writes; what it cannot find is absent. Pure. */
#ifndef BW_TESTS_SIM_TEXT_H
#define BW_TESTS_SIM_TEXT_H

#include <stdbool.h>

#include "base/str.h"

/* The start line. */
struct str text_first_line(struct str message);

bool text_is_request(struct str message);

/* 0 for a request. */
unsigned text_status(struct str message);

/* The request's method; for a response the one in CSeq. */
struct str text_method(struct str message);

/* The Request-URI. */
struct str text_uri(struct str message);

/* Steps through the header lines, *rest being the whole message at first: false at their end. The
 * line is without its line end, its folds are in it. */
bool text_next_line(struct str *rest, struct str *line);

/* The line is of that header, by its long or its compact name; *value is trimmed. */
bool text_is_header(struct str line, struct str name, struct str *value);

/* The value of the nth line of a header, none if there is no such line. */
struct str text_header(struct str message, struct str name, unsigned nth);

/* From behind the blank line to the end. */
struct str text_body(struct str message);

/* Via elements, all lines together. */
unsigned text_count_vias(struct str message);

/* The top Via element. */
struct str text_top_via(struct str message);

/* The value of ";name=…" in a header value, none if absent. A name-addr's own parameters stand
 * behind its ">". */
struct str text_param(struct str value, struct str name);

struct str text_branch(struct str message);
struct str text_to_tag(struct str message);

/* The number in CSeq. */
struct str text_cseq(struct str message);

/* The first word; *rest gets what stands behind it. */
struct str text_word(struct str s, struct str *rest);

/* What stands before it; all where it is not there. */
struct str text_until(struct str s, struct str what);

/* As printf does it, in the arena. None: no memory. */
struct str text_format(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The phrase that goes with a status. */
const char *text_reason(unsigned status);

#endif
