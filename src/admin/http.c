#include "admin/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/access.h"
#include "admin/exporter.h"
#include "admin/history.h"
#include "admin/importer.h"
#include "admin/listen.h"
#include "admin/tracer.h"
#include "base/err.h"
#include "base/log.h"

enum { MEMORY_OF_A_CONNECTION = 32768, CONNECTIONS = 64, CONNECTIONS_OF_ONE = 32, TIMEOUT_S = 15 };

/* One listening socket. */
struct door {
    struct http *http;
    struct MHD_Daemon *daemon; /* NULL: not open */
    bool is_trusted;           /* the Unix socket: whoever can open it may do all */
};

struct http {
    struct api api;
    struct door tcp, local;
    struct tracer *tracer;
    char *path;  /* of the Unix socket */
    char *token; /* NULL: none */
};

/* What one request has brought so far. */
struct inquiry {
    char *body;
    size_t len, room, max;
    bool is_too_long, has_no_memory;
};

/* ---------------------------------------------------------------- answering */

static void add_headers(struct MHD_Response *r, const struct answer *a)
{
    if (a->type)
        (void)MHD_add_response_header(r, "Content-Type", a->type);
    if (a->allow)
        (void)MHD_add_response_header(r, "Allow", a->allow);
    if (a->policy) {
        (void)MHD_add_response_header(r, "Content-Security-Policy", a->policy);
        (void)MHD_add_response_header(r, "Referrer-Policy", "no-referrer");
    }
    if (a->status == 401) {
        (void)MHD_add_response_header(r, "WWW-Authenticate", "Basic realm=\"breakwater\"");
        (void)MHD_add_response_header(r, "WWW-Authenticate", "Bearer realm=\"breakwater\"");
    }
    (void)MHD_add_response_header(r, "Cache-Control", "no-store");
    (void)MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
}

/* Takes the body. */
static enum MHD_Result send_response(struct MHD_Connection *c, const struct answer *a)
{
    struct MHD_Response *r =
        MHD_create_response_from_buffer(a->len, a->body, MHD_RESPMEM_MUST_FREE);
    if (!r) {
        free(a->body);
        return MHD_NO;
    }
    add_headers(r, a);
    enum MHD_Result result = MHD_queue_response(c, a->body ? a->status : 500, r);
    MHD_destroy_response(r);
    return result;
}

static enum MHD_Result send_failure(struct MHD_Connection *c, unsigned status, const char *code,
                                    const char *message)
{
    struct answer a = {0};
    answer_fail(&a, status, code, message);
    return send_response(c, &a);
}

/* ---------------------------------------------------------------- access */

static struct str header(struct MHD_Connection *c, const char *name)
{
    return str_of(MHD_lookup_connection_value(c, MHD_HEADER_KIND, name));
}

static enum access_verdict decide(const struct door *d, struct MHD_Connection *c,
                                  const char *method, const char *path)
{
    struct access_request q = {.method = str_of(method),
                               .host = header(c, "Host"),
                               .origin = header(c, "Origin"),
                               .authorization = header(c, "Authorization"),
                               .fetch_site = header(c, "Sec-Fetch-Site"),
                               .user_agent = header(c, "User-Agent"),
                               .path = str_of(path)};
    return d->is_trusted ? ACCESS_GRANTED : access_decide(str_of(d->http->token), &q);
}

static enum MHD_Result send_refusal(struct MHD_Connection *c, enum access_verdict verdict)
{
    static const struct {
        unsigned status;
        const char *code, *message;
    } refusals[] = {
        [ACCESS_NO_TOKEN] = {401, "unauthorized",
                             "the token is needed, as Bearer token or as Basic password"},
        [ACCESS_READ_ONLY] = {403, "read-only", "without a token-file only GET is served here"},
        [ACCESS_FOREIGN_HOST] = {403, "foreign-host",
                                 "without a token-file Host must name a loopback address"},
        [ACCESS_TOKEN_ONLY] = {403, "token-only",
                               "without a token-file this is served over the Unix socket only"},
        [ACCESS_CROSS_SITE] = {403, "cross-site",
                               "another site's page has asked: Origin, or Sec-Fetch-Site"},
    };
    return send_failure(c, refusals[verdict].status, refusals[verdict].code,
                        refusals[verdict].message);
}

/* ---------------------------------------------------------------- requests */

static bool is_import(struct str path)
{
    return str_eq(path, STR("/api/v1/import"));
}

static void collect(struct inquiry *i, const char *data, size_t len)
{
    if (i->is_too_long || i->has_no_memory)
        return;
    if (len > i->max - i->len) {
        i->is_too_long = true;
        return;
    }
    if (len > i->room - i->len) {
        size_t room = i->room ? i->room : API_BODY_MAX;
        while (room - i->len < len)
            room *= 2;
        char *more = realloc(i->body, room);
        i->has_no_memory = !more;
        if (!more)
            return;
        i->body = more;
        i->room = room;
    }
    memcpy(i->body + i->len, data, len);
    i->len += len;
}

static enum MHD_Result begin(const struct door *d, struct MHD_Connection *c,
                             const struct api_request *q, void **context)
{
    log_thread_name("admin"); /* the thread is the library's */
    enum access_verdict verdict = decide(d, c, q->method.p, q->path.p);
    if (verdict != ACCESS_GRANTED)
        return send_refusal(c, verdict);
    struct inquiry *i = calloc(1, sizeof *i);
    *context = i;
    if (!i)
        return MHD_NO;
    i->max = is_import(q->path) ? IMPORTER_BODY_MAX : API_BODY_MAX;
    return MHD_YES;
}

static enum MHD_Result add_param(void *arg, enum MHD_ValueKind kind, const char *name,
                                 const char *value)
{
    struct query *q = arg;
    (void)kind;
    if (q->n == QUERY_MAX)
        q->has_more = true;
    else
        q->params[q->n++] = (struct query_param){str_of(name), str_of(value)};
    return MHD_YES;
}

/* One that comes piece by piece; takes the response, NULL: *f says why. */
static enum MHD_Result send_stream(struct MHD_Connection *c, struct MHD_Response *r,
                                   const char *type, const struct fault *f)
{
    const struct answer head = {.type = type};
    if (!r)
        return send_failure(c, f->status, f->code, f->message);
    add_headers(r, &head);
    enum MHD_Result result = MHD_queue_response(c, 200, r);
    MHD_destroy_response(r);
    return result;
}

static enum MHD_Result send_trace(const struct door *d, struct MHD_Connection *c,
                                  const struct query *q)
{
    struct fault f = {0};
    const struct api_hooks *hooks = &d->http->api.hooks;
    struct conf *conf = hooks->conf(hooks->arg);
    struct MHD_Response *r =
        tracer_start(d->http->tracer, &(struct aors){hooks->store, conf}, q, c, &f);
    conf_unref(conf);
    return send_stream(c, r, "text/event-stream", &f);
}

static enum MHD_Result send_export(const struct door *d, struct MHD_Connection *c,
                                   const struct query *q)
{
    struct fault f = {0};
    struct MHD_Response *r = exporter_start(&d->http->api.hooks, q, d->is_trusted, &f);
    return send_stream(c, r, "application/x-ndjson", &f);
}

static enum MHD_Result finish(const struct door *d, struct MHD_Connection *c,
                              const struct api_request *q)
{
    struct answer a;
    struct query query = {.n = 0};
    (void)MHD_get_connection_values(c, MHD_GET_ARGUMENT_KIND, add_param, &query);
    bool is_get = str_eq(q->method, STR("GET"));
    if (is_get && str_eq(q->path, STR("/api/v1/trace")))
        return send_trace(d, c, &query);
    if (is_get && str_eq(q->path, STR("/api/v1/export")))
        return send_export(d, c, &query);
    const struct api_request whole = {q->method, q->path, q->body, &query};
    if (is_import(q->path) && str_eq(q->method, STR("POST")))
        importer_serve(&d->http->api.hooks, &whole, d->is_trusted, &a);
    else
        api_serve(&d->http->api, &whole, &a);
    return send_response(c, &a);
}

/* Called once with the headers, then with pieces of the body, then with none. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *path,
                                  const char *method, const char *version, const char *data,
                                  size_t *len, void **context)
{
    (void)version;
    const struct door *d = arg;
    struct inquiry *i = *context;
    if (!i)
        return begin(d, c, &(struct api_request){str_of(method), str_of(path), STR_NONE, NULL},
                     context);
    if (*len) {
        collect(i, data, *len);
        *len = 0;
        return MHD_YES;
    }
    if (i->is_too_long)
        return send_failure(c, 413, "too-long", "the body is too long");
    if (i->has_no_memory)
        return send_failure(c, 503, "no-memory", "out of memory");
    struct api_request q = {str_of(method), str_of(path), {i->body, i->len}, NULL};
    return finish(d, c, &q);
}

static void on_completed(void *arg, struct MHD_Connection *c, void **context,
                         enum MHD_RequestTerminationCode why)
{
    (void)arg;
    (void)c;
    (void)why;
    struct inquiry *i = *context;
    if (i && i->body)
        explicit_bzero(i->body, i->len); /* it may have brought keys */
    free(i ? i->body : NULL);
    free(i);
    *context = NULL;
}

static void on_log(void *arg, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

static void on_log(void *arg, const char *fmt, va_list ap)
{
    (void)arg;
    char text[256];
    (void)vsnprintf(text, sizeof text, fmt, ap);
    log_debug("admin: %s", text);
}

/* A NUL would end the text for whoever looks at it as a string, so it stays escaped: a path with
 * one is no other path. */
static size_t unescape(void *arg, struct MHD_Connection *c, char *s)
{
    (void)arg;
    (void)c;
    char *const first = s, *out = s;
    while (*s) {
        int high = s[0] == '%' ? ascii_hex(s[1]) : -1;
        int low = high >= 0 ? ascii_hex(s[2]) : -1;
        bool is_escape = low >= 0 && high + low > 0;
        *out++ = is_escape ? (char)(high * 16 + low) : *s;
        s += is_escape ? 3 : 1;
    }
    *out = '\0';
    return (size_t)(out - first);
}

/* ---------------------------------------------------------------- start and stop */

/* Takes the descriptor. */
static int door_open(struct door *d, int fd)
{
    d->daemon = MHD_start_daemon(
        MHD_USE_AUTO_INTERNAL_THREAD | MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
        on_request, d, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_OF_A_CONNECTION,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS_OF_ONE, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_UNESCAPE_CALLBACK, unescape,
        NULL, MHD_OPTION_END);
    if (d->daemon)
        return 0;
    (void)close(fd);
    log_error("admin: the server does not start");
    return ERR_IO;
}

static int open_tcp(struct http *h, const struct addr *a)
{
    if (a->family == 0)
        return 0;
    int fd = listen_tcp(a);
    if (fd < 0) {
        char text[ADDR_TEXT];
        const char *where = addr_text(a, text);
        log_error("admin http: cannot listen on %s: %s", where, strerror(errno));
        return fd;
    }
    return door_open(&h->tcp, fd);
}

static int open_local(struct http *h, const char *path)
{
    if (path[0] == '\0')
        return 0;
    int fd = listen_unix(path);
    if (fd < 0) {
        log_error("admin socket: cannot listen on %s: %s", path, strerror(errno));
        return fd;
    }
    h->path = strdup(path);
    if (!h->path) {
        (void)close(fd);
        (void)unlink(path);
        return ERR_NOMEM;
    }
    return door_open(&h->local, fd);
}

static int keep_token(struct http *h, struct str token)
{
    if (str_is_none(token))
        return 0;
    h->token = malloc(token.n + 1);
    if (!h->token)
        return ERR_NOMEM;
    memcpy(h->token, token.p, token.n);
    h->token[token.n] = '\0';
    return 0;
}

int http_start(const struct http_conf *conf, struct http **out)
{
    struct http *h = calloc(1, sizeof *h);
    if (!h)
        return ERR_NOMEM;
    api_init(&h->api, &conf->hooks);
    h->tcp = (struct door){.http = h};
    h->local = (struct door){.http = h, .is_trusted = true};
    int err = history_new(&h->api.history);
    err = err ? err : keep_token(h, conf->admin->token);
    err = err ? err : tracer_new(conf->tap, &h->tracer);
    err = err ? err : open_local(h, conf->admin->socket);
    err = err ? err : open_tcp(h, &conf->admin->http);
    if (err)
        http_stop(h);
    else
        *out = h;
    return err;
}

void http_tend(struct http *h)
{
    struct history_from from;
    api_history_from(&h->api, &from);
    history_tend(h->api.history, &from);
}

void http_stop(struct http *h)
{
    if (!h)
        return;
    tracer_stop(h->tracer);
    if (h->tcp.daemon)
        MHD_stop_daemon(h->tcp.daemon);
    if (h->local.daemon)
        MHD_stop_daemon(h->local.daemon);
    tracer_free(h->tracer);
    if (h->path)
        (void)unlink(h->path);
    free(h->path);
    if (h->token)
        explicit_bzero(h->token, strlen(h->token));
    free(h->token);
    history_free(h->api.history);
    free(h);
}
