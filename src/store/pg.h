/* A connection to PostgreSQL for one thread: queries with a deadline, so that a server that hangs
 * holds nobody for longer. Whatever does not end well closes the connection, as its outcome is not
 * known; a caller that needs one state connects anew. libpq is included by pg.c alone. */
#ifndef BW_STORE_PG_H
#define BW_STORE_PG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct pg;

/* conninfo: a URI or a string of keys and values, as libpq takes it; outlives pg. stop_fd: what
 * waits is given up when it becomes readable. ERR_NOMEM. */
int pg_new(const char *conninfo, int stop_fd, struct pg **out);
void pg_free(struct pg *p); /* NULL is legal */

/* Whether libpq understands it. (Why not is not told: its text may show a password.) Any thread. */
enum pg_check { PG_GOOD, PG_UNKNOWN, PG_HAS_PASSWORD };
enum pg_check pg_check(const char *conninfo);

/* To a server that takes writes: of several each gets timeout_ms, beginning with the last that was
 * good. ERR_IO: pg_error says why the last did not. */
int pg_connect(struct pg *p, uint32_t timeout_ms);
bool pg_is_open(const struct pg *p);
void pg_close(struct pg *p);

/* Why the last call failed: one line. */
const char *pg_error(const struct pg *p);

/* One statement with parameters as text; a NULL is SQL's. */
struct pg_query {
    const char *text;
    const char *const *params;
    size_t n_params;
    uint32_t timeout_ms;
};

/* Rows in binary form, until the next pg_run or pg_close. 0; ERR_IO: failed, and the connection is
 * closed. */
int pg_run(struct pg *p, const struct pg_query *q);
size_t pg_rows(const struct pg *p);
bool pg_is_null(const struct pg *p, size_t row, size_t column);
struct str pg_bytes(const struct pg *p, size_t row, size_t column); /* none: NULL */
/* An int4, int8 or boolean; 0: NULL, or something else. */
int64_t pg_number(const struct pg *p, size_t row, size_t column);

/* Waits until the server says something by itself (LISTEN), or fd (-1: none) becomes readable; at
 * most so long. True: among what it has said since the last call was something with a payload. */
bool pg_wait(struct pg *p, int fd, uint32_t timeout_ms);

#endif
