#include "store/pg.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/sys.h"

enum { BINARY = 1, BYTE_BITS = 8, FDS_MAX = 3, PG_TEXT = 256 };

#define DEFAULT_PORT "5432"

enum { PLACE_WORDS = 3 };
static const char *const place_words[PLACE_WORDS] = {"host", "hostaddr", "port"};

struct pg {
    const char *conninfo;
    PQconninfoOption *options;      /* of conninfo, for the next; NULL: it is not understood */
    const char *lists[PLACE_WORDS]; /* as they are there, divided by commas; NULL: not there */
    size_t n_places, at;            /* of those; the one to be asked first */
    int stop_fd;
    PGconn *conn;
    PGresult *result;
    bool is_called; /* a notification had a payload */
    char error[PG_TEXT];
};

/* ---------------------------------------------------------------- several servers */

static size_t count_items(const char *list)
{
    size_t n = 1;
    for (const char *p = strchr(list, ','); p; p = strchr(p + 1, ','))
        n++;
    return n;
}

/* Where an address is left out it is another one for libpq: then they are its business. */
static bool is_whole(const char *list)
{
    size_t n = strlen(list);
    return n && list[0] != ',' && list[n - 1] != ',' && !strstr(list, ",,");
}

static bool is_for(const char *ports, size_t n)
{
    return !ports || count_items(ports) == 1 || count_items(ports) == n;
}

static void find_places(struct pg *p)
{
    for (const PQconninfoOption *o = p->options; o && o->keyword; o++)
        for (size_t i = 0; i < PLACE_WORDS; i++)
            if (strcmp(o->keyword, place_words[i]) == 0)
                p->lists[i] = o->val;
    const char *host = p->lists[0], *address = p->lists[1], *counted = address ? address : host;
    size_t n = counted ? count_items(counted) : 1;
    bool are_whole = (!host || (is_whole(host) && count_items(host) == n)) &&
                     (!address || is_whole(address)) && is_for(p->lists[2], n);
    p->n_places = are_whole ? n : 1;
}

/* One of a list; a list of one is for all, and an empty port is the usual one. NULL: no memory. */
static char *copy_item(const char *list, size_t at)
{
    const char *from = list;
    for (; at && strchr(list, ',') && from; at--) {
        from = strchr(from, ',');
        from = from ? from + 1 : NULL;
    }
    size_t n = from ? strcspn(from, ",") : 0;
    return n ? strndup(from, n) : strdup(DEFAULT_PORT);
}

int pg_new(const char *conninfo, int stop_fd, struct pg **out)
{
    struct pg *p = calloc(1, sizeof *p);
    if (!p)
        return ERR_NOMEM;
    p->conninfo = conninfo;
    p->stop_fd = stop_fd;
    p->options = PQconninfoParse(conninfo, NULL);
    find_places(p);
    *out = p;
    return 0;
}

static void drop_result(struct pg *p)
{
    PQclear(p->result);
    p->result = NULL;
}

void pg_close(struct pg *p)
{
    drop_result(p);
    PQfinish(p->conn);
    p->conn = NULL;
}

void pg_free(struct pg *p)
{
    if (!p)
        return;
    pg_close(p);
    PQconninfoFree(p->options);
    free(p);
}

bool pg_is_open(const struct pg *p)
{
    return p->conn != NULL;
}

const char *pg_error(const struct pg *p)
{
    return p->error;
}

/* The first line; what is behind are hints and the statement. */
static void copy_line(const char *from, char to[PG_TEXT])
{
    struct buf b = buf_over(to, PG_TEXT - 1);
    size_t n = strcspn(from, "\n");
    buf_add(&b, (struct str){from, n < PG_TEXT - 1 ? n : PG_TEXT - 1});
    to[b.len] = '\0';
}

enum pg_check pg_check(const char *conninfo)
{
    PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
    enum pg_check found = options ? PG_GOOD : PG_UNKNOWN;
    for (const PQconninfoOption *o = options; o && o->keyword; o++)
        if (o->val &&
            (strcmp(o->keyword, "password") == 0 || strcmp(o->keyword, "sslpassword") == 0))
            found = PG_HAS_PASSWORD;
    PQconninfoFree(options);
    return found;
}

static int fail(struct pg *p, const char *why)
{
    copy_line(why, p->error);
    pg_close(p);
    return ERR_IO;
}

/* ---------------------------------------------------------------- waiting */

enum outcome { SOCKET_READY, STOPPED, TOO_LATE };

static enum outcome wait_socket(const struct pg *p, short events, uint64_t until_ms)
{
    struct pollfd fds[2] = {{.fd = PQsocket(p->conn), .events = events},
                            {.fd = p->stop_fd, .events = POLLIN}};
    for (;;) {
        uint64_t now_ms = sys_now_ms();
        int ms = now_ms < until_ms ? (int)(until_ms - now_ms) : 0;
        int n = poll(fds, 2, ms);
        if (n > 0 && fds[1].revents)
            return STOPPED;
        if (n > 0)
            return SOCKET_READY;
        if (n == 0 && sys_now_ms() >= until_ms)
            return TOO_LATE;
    }
}

static const char *word_of(enum outcome o)
{
    return o == STOPPED ? "given up" : "no answer in time";
}

/* ---------------------------------------------------------------- connecting */

static int await_connection(struct pg *p, uint64_t until_ms)
{
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    while (state != PGRES_POLLING_OK) {
        enum outcome o =
            wait_socket(p, state == PGRES_POLLING_READING ? POLLIN : POLLOUT, until_ms);
        if (o != SOCKET_READY)
            return fail(p, word_of(o));
        state = PQconnectPoll(p->conn);
        if (state == PGRES_POLLING_FAILED)
            return fail(p, PQerrorMessage(p->conn));
    }
    return PQsetnonblocking(p->conn, 1) ? fail(p, PQerrorMessage(p->conn)) : 0;
}

/* What the configuration says comes behind and wins, but for the place. */
static PGconn *start(const struct pg *p, char *const place[PLACE_WORDS])
{
    const char *const keys[] = {"application_name",    "target_session_attrs",
                                "tcp_user_timeout",    "keepalives_idle",
                                "keepalives_interval", "dbname",
                                place_words[0],        place_words[1],
                                place_words[2],        NULL};
    const char *const values[] = {"breakwater", "read-write", "10000",  "10",     "5",
                                  p->conninfo,  place[0],     place[1], place[2], NULL};
    return PQconnectStartParams(keys, values, 1);
}

/* libpq waits for one of several servers without end when it is asked so as not to block. */
static int begin(struct pg *p)
{
    char *place[PLACE_WORDS] = {NULL};
    bool has_all = true;
    for (size_t i = 0; i < PLACE_WORDS && p->n_places > 1; i++) {
        place[i] = p->lists[i] ? copy_item(p->lists[i], p->at) : NULL;
        has_all = has_all && (place[i] || !p->lists[i]);
    }
    p->conn = has_all ? start(p, place) : NULL;
    for (size_t i = 0; i < PLACE_WORDS; i++)
        free(place[i]);
    if (!p->conn)
        return fail(p, "out of memory");
    return PQstatus(p->conn) == CONNECTION_BAD ? fail(p, PQerrorMessage(p->conn)) : 0;
}

static bool is_given_up(const struct pg *p)
{
    struct pollfd stop = {.fd = p->stop_fd, .events = POLLIN};
    return poll(&stop, 1, 0) > 0;
}

int pg_connect(struct pg *p, uint32_t timeout_ms)
{
    int err = ERR_IO;
    pg_close(p);
    for (size_t i = 0; i < p->n_places && err && !(i && is_given_up(p)); i++) {
        err = begin(p);
        if (!err)
            err = await_connection(p, sys_now_ms() + timeout_ms);
        if (err)
            p->at = (p->at + 1) % p->n_places;
    }
    return err;
}

/* ---------------------------------------------------------------- queries */

static int flush(struct pg *p, uint64_t until_ms)
{
    int left;
    while ((left = PQflush(p->conn)) > 0) {
        enum outcome o = wait_socket(p, POLLIN | POLLOUT, until_ms);
        if (o != SOCKET_READY)
            return fail(p, word_of(o));
        if (!PQconsumeInput(p->conn))
            return fail(p, PQerrorMessage(p->conn));
    }
    return left ? fail(p, PQerrorMessage(p->conn)) : 0;
}

static int await_result(struct pg *p, uint64_t until_ms)
{
    while (PQisBusy(p->conn)) {
        enum outcome o = wait_socket(p, POLLIN, until_ms);
        if (o != SOCKET_READY)
            return fail(p, word_of(o));
        if (!PQconsumeInput(p->conn))
            return fail(p, PQerrorMessage(p->conn));
    }
    return 0;
}

static void take_notices(struct pg *p)
{
    for (PGnotify *n = PQnotifies(p->conn); n; n = PQnotifies(p->conn)) {
        p->is_called = p->is_called || n->extra[0];
        PQfreemem(n);
    }
}

/* A statement's result comes before its commit, whose failure is a second one. */
static int end_query(struct pg *p)
{
    PGresult *end = PQgetResult(p->conn);
    int err = end ? fail(p, PQresultErrorMessage(end)) : 0;
    PQclear(end);
    return err;
}

int pg_run(struct pg *p, const struct pg_query *q)
{
    uint64_t until_ms = sys_now_ms() + q->timeout_ms;
    if (!p->conn)
        return ERR_IO;
    drop_result(p);
    if (!PQsendQueryParams(p->conn, q->text, (int)q->n_params, NULL, q->params, NULL, NULL, BINARY))
        return fail(p, PQerrorMessage(p->conn));
    int err = flush(p, until_ms);
    if (!err)
        err = await_result(p, until_ms);
    if (err)
        return err;
    p->result = PQgetResult(p->conn);
    ExecStatusType status = PQresultStatus(p->result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        return fail(p, p->result ? PQresultErrorMessage(p->result) : PQerrorMessage(p->conn));
    err = await_result(p, until_ms);
    if (err)
        return err;
    take_notices(p);
    return end_query(p);
}

size_t pg_rows(const struct pg *p)
{
    return (size_t)PQntuples(p->result);
}

bool pg_is_null(const struct pg *p, size_t row, size_t column)
{
    return PQgetisnull(p->result, (int)row, (int)column);
}

struct str pg_bytes(const struct pg *p, size_t row, size_t column)
{
    if (pg_is_null(p, row, column))
        return STR_NONE;
    return (struct str){PQgetvalue(p->result, (int)row, (int)column),
                        (size_t)PQgetlength(p->result, (int)row, (int)column)};
}

int64_t pg_number(const struct pg *p, size_t row, size_t column)
{
    struct str s = pg_bytes(p, row, column);
    if (s.n != 1 && s.n != sizeof(int32_t) && s.n != sizeof(int64_t))
        return 0;
    uint64_t v = (s.p[0] & 0x80) && s.n > 1 ? UINT64_MAX : 0; /* the sign goes on to the left */
    for (size_t i = 0; i < s.n; i++)
        v = v << BYTE_BITS | (uint8_t)s.p[i];
    return (int64_t)v;
}

bool pg_wait(struct pg *p, int fd, uint32_t timeout_ms)
{
    struct pollfd fds[FDS_MAX] = {{.fd = p->stop_fd, .events = POLLIN},
                                  {.fd = fd, .events = POLLIN},
                                  {.fd = p->conn ? PQsocket(p->conn) : -1, .events = POLLIN}};
    bool is_ready = !p->is_called && poll(fds, FDS_MAX, (int)timeout_ms) > 0 && fds[2].revents;
    if (is_ready && PQconsumeInput(p->conn))
        take_notices(p);
    else if (is_ready)
        (void)fail(p, PQerrorMessage(p->conn));
    bool is_called = p->is_called;
    p->is_called = false;
    return is_called;
}
