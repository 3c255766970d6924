#include "ctl/ask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* A reload answers once it is done. */
enum { FIRST_ROOM = 64 * 1024, ANSWER_MAX = 1 << 30, REQUEST_MAX = 8192, PATIENCE_S = 120 };

static const char *socket_path = "/run/breakwater/admin.sock";

void ask_set_socket(const char *path)
{
    socket_path = path;
}

static int complain(const char *what)
{
    (void)fprintf(stderr, "breakwaterctl: %s: %s\n", socket_path, what);
    return EXIT_UNREACHABLE;
}

/* ---------------------------------------------------------------- the connection */

static int open_socket(int *fd)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    if (strlen(socket_path) >= sizeof sa.sun_path)
        return complain("the path is too long for a socket");
    memcpy(sa.sun_path, socket_path, strlen(socket_path));
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s < 0)
        return complain(strerror(errno));
    (void)setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(s, (const struct sockaddr *)&sa, sizeof sa)) {
        int err = complain(strerror(errno));
        (void)close(s);
        return err;
    }
    *fd = s;
    return 0;
}

static int send_all(int fd, struct str bytes)
{
    while (bytes.n) {
        ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            return complain(strerror(errno));
        bytes = str_skip(bytes, n > 0 ? (size_t)n : 0);
    }
    return 0;
}

/* HTTP/1.0: the answer ends with the connection. */
static int send_request(int fd, const struct ask *q)
{
    char text[REQUEST_MAX];
    struct buf b = buf_over(text, sizeof text);
    struct str body = q->body ? str_of(q->body) : STR("");
    buf_add(&b, str_of(q->method));
    buf_add_char(&b, ' ');
    buf_add(&b, str_of(q->path));
    buf_add(&b, STR(" HTTP/1.0\r\nHost: localhost\r\nContent-Length: "));
    buf_add_u64(&b, body.n);
    buf_add(&b, STR("\r\n\r\n"));
    if (b.has_overflown)
        return complain("the request is too long");
    int err = send_all(fd, buf_str(&b));
    return err ? err : send_all(fd, body);
}

/* ---------------------------------------------------------------- the answer */

struct bytes {
    char *p;
    size_t n, room;
};

static int grow(struct bytes *b)
{
    size_t room = b->room ? 2 * b->room : FIRST_ROOM;
    char *more = room > ANSWER_MAX ? NULL : realloc(b->p, room);
    if (!more)
        return complain("the answer is too long");
    b->p = more;
    b->room = room;
    return 0;
}

/* With a NUL behind it. */
static int read_all(int fd, struct bytes *b)
{
    ssize_t got = 1;
    while (got > 0) {
        int err = b->n + 1 >= b->room ? grow(b) : 0;
        if (err)
            return err;
        got = read(fd, b->p + b->n, b->room - b->n - 1);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got < 0)
            return complain(errno == EAGAIN ? "does not answer" : strerror(errno));
        else
            b->n += (size_t)got;
    }
    b->p[b->n] = '\0';
    return 0;
}

static int take_answer(const struct bytes *b, struct ask_answer *out)
{
    const char *content = strstr(b->p, "\r\n\r\n");
    const char *blank = strchr(b->p, ' ');
    bool is_http = strncmp(b->p, "HTTP/1.", 7) == 0 && content && blank;
    uint32_t status = 0;
    if (!is_http || str_to_u32((struct str){blank + 1, 3}, 999, &status))
        return complain("the answer is not HTTP");
    out->status = status;
    out->text = strdup(content + 4);
    out->json = out->text ? json_loads(out->text, 0, NULL) : NULL;
    return out->text ? 0 : complain(err_text(ERR_NOMEM));
}

int ask_open(const struct ask *q, int *fd)
{
    int err = open_socket(fd);
    if (err)
        return err;
    err = send_request(*fd, q);
    if (err)
        (void)close(*fd);
    return err;
}

int ask(const struct ask *q, struct ask_answer *out)
{
    struct bytes b = {NULL, 0, 0};
    int fd = -1;
    *out = (struct ask_answer){0};
    int err = ask_open(q, &fd);
    if (err)
        return err;
    err = read_all(fd, &b);
    if (!err)
        err = take_answer(&b, out);
    (void)close(fd);
    free(b.p);
    return err;
}

void ask_free(struct ask_answer *a)
{
    free(a->text);
    json_decref(a->json);
}

/* ---------------------------------------------------------------- showing it */

bool ask_is_order(unsigned char before, unsigned char c)
{
    bool is_c1 = c >= 0x80 && c < 0xa0 && (before < 0x80 || before == 0xc2);
    return c < ' ' || c == 0x7f || is_c1;
}

void ask_print(FILE *out, const char *text)
{
    for (unsigned char before = 0; *text; text++) {
        unsigned char c = (unsigned char)*text;
        (void)fputc(ask_is_order(before, c) ? '?' : c, out);
        before = c;
    }
}

void ask_print_findings(FILE *out, const json_t *answer)
{
    const json_t *findings = json_object_get(answer, "findings");
    for (size_t i = 0; i < json_array_size(findings); i++) {
        const json_t *finding = json_array_get(findings, i);
        const char *severity = json_string_value(json_object_get(finding, "severity"));
        const char *text = json_string_value(json_object_get(finding, "text"));
        ask_print(out, severity ? severity : "finding");
        (void)fputs(": ", out);
        ask_print(out, text ? text : "?");
        (void)fputc('\n', out);
    }
}

static void complain_in_its_words(const struct ask_answer *a)
{
    const json_t *error = json_object_get(a->json, "error");
    const char *message = json_string_value(json_object_get(error, "message"));
    (void)fputs("breakwaterctl: ", stderr);
    if (message)
        ask_print(stderr, message);
    else
        (void)fprintf(stderr, "the daemon answers with status %u", a->status);
    (void)fputc('\n', stderr);
    ask_print_findings(stderr, a->json);
}

int ask_show(const struct call *c, const struct ask_answer *a, bool (*show)(const json_t *answer))
{
    bool is_done = a->status >= 200 && a->status < 300;
    if (!is_done)
        complain_in_its_words(a);
    if (c->is_json)
        (void)puts(a->text);
    else if (is_done && !show(a->json))
        return complain("this is not an answer of breakwater");
    return is_done ? EXIT_SUCCESS : EXIT_FAILURE;
}

int ask_end(int status)
{
    if (status || fflush(stdout) == 0)
        return status;
    (void)fprintf(stderr, "breakwaterctl: standard output: %s\n", strerror(errno));
    return EXIT_FAILURE;
}

int ask_and_show(const struct call *c, const struct ask *q, bool (*show)(const json_t *answer))
{
    struct ask_answer a;
    int err = ask(q, &a);
    if (!err)
        err = ask_show(c, &a, show);
    ask_free(&a);
    return ask_end(err);
}
