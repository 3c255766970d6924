#include "admin/tracer.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "admin/aorview.h"
#include "base/err.h"
#include "base/log.h"
#include "base/sys.h"
#include "base/utf8.h"
#include "service/regview.h"
#include "sip/blank.h"

/* Of the thread while somebody looks on; what a reader hears at the latest; bytes of a piece. */
enum { TURN_MS = 50, QUIET_MS = 5000, PIECE = 16384, ARENA = 64 * 1024, HOSTS = TAP_HOSTS_MAX };

struct tracer {
    struct tap *tap;
    pthread_t thread;
    int wake;
    pthread_mutex_t lock; /* guards what follows, and what the streams say of themselves */
    struct list streams;
    bool is_stopping;
};

struct stream {
    struct list node;
    struct tracer *tracer;
    struct MHD_Connection *connection;
    struct tap_watch *watch;
    bool shows_secrets, is_suspended, is_over;
    bool is_after_miss; /* it has told of missed ones last */
    uint64_t spoke_ms;
    char *text; /* what is to be sent next, from at on; NULL: nothing */
    size_t n, at;
};

/* ---------------------------------------------------------------- the text of an event */

static json_t *bytes_json(struct str bytes)
{
    char *text = malloc(bytes.n / 3 * 4 + 8);
    int n =
        text ? EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)bytes.p, (int)bytes.n)
             : 0;
    json_t *json = text ? json_stringn(text, (size_t)n) : NULL;
    free(text);
    return json;
}

static json_t *address_json(const struct addr *a)
{
    char text[ADDR_TEXT];
    return json_string(addr_text(a, text));
}

static json_t *item_json(const struct stream *s, struct tap_item *i)
{
    static const char *const words[FLOW_TRANSPORT_MAX] = {"udp", "tcp", "tls", "ws", "wss"};
    if (!s->shows_secrets)
        blank_secrets((char *)(uintptr_t)i->bytes.p, i->bytes.n);
    bool is_text = utf8_is_text(i->bytes) && !memchr(i->bytes.p, '\0', i->bytes.n);
    json_t *content = is_text ? json_stringn(i->bytes.p, i->bytes.n) : bytes_json(i->bytes);
    return json_pack("{s:f,s:s,s:s,s:o*,s:o*,s:o*}", "time", (double)i->wall_ms / 1000.0,
                     "direction", i->is_in ? "in" : "out", "transport", words[i->transport],
                     "local", address_json(&i->local), "peer", address_json(&i->peer),
                     is_text ? "message" : "bytes", content);
}

/* Takes the JSON. */
static void say(struct stream *s, const char *event, json_t *json)
{
    char *data = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    s->text = NULL;
    if (data && asprintf(&s->text, "event: %s\ndata: %s\n\n", event, data) < 0)
        s->text = NULL;
    free(data);
    s->n = s->text ? strlen(s->text) : 0;
    s->at = 0;
}

/* What comes next, if anything. */
static void fetch(struct stream *s)
{
    uint64_t n_missed = s->is_after_miss ? 0 : tap_missed(s->watch); /* else it says nothing more */
    struct tap_item *i = n_missed ? NULL : tap_take(s->watch);
    s->is_after_miss = n_missed > 0;
    if (n_missed) {
        say(s, "missed", json_pack("{s:I}", "messages", (json_int_t)n_missed));
    } else if (i) {
        say(s, "message", item_json(s, i));
    } else if (sys_now_ms() - s->spoke_ms >= QUIET_MS) {
        s->text = strdup(": nothing\n\n");
        s->n = s->text ? strlen(s->text) : 0;
        s->at = 0;
    }
    free(i);
}

/* ---------------------------------------------------------------- streams, on their MHD thread */

static ssize_t give(struct stream *s, char *out, size_t max)
{
    size_t n = s->n - s->at < max ? s->n - s->at : max;
    memcpy(out, s->text + s->at, n);
    s->at += n;
    s->spoke_ms = sys_now_ms();
    if (s->at == s->n) {
        free(s->text);
        s->text = NULL;
    }
    return (ssize_t)n;
}

static ssize_t on_read(void *arg, uint64_t position, char *out, size_t max)
{
    struct stream *s = arg;
    ssize_t n = 0;
    (void)position;
    (void)pthread_mutex_lock(&s->tracer->lock);
    if (!s->text && !s->is_over)
        fetch(s);
    if (s->is_over) {
        n = MHD_CONTENT_READER_END_OF_STREAM;
    } else if (s->text) {
        n = give(s, out, max);
    } else {
        s->is_suspended = true;
        MHD_suspend_connection(s->connection);
    }
    (void)pthread_mutex_unlock(&s->tracer->lock);
    return n;
}

static void on_free(void *arg)
{
    struct stream *s = arg;
    (void)pthread_mutex_lock(&s->tracer->lock);
    list_del(&s->node);
    (void)pthread_mutex_unlock(&s->tracer->lock);
    tap_unwatch(s->watch);
    free(s->text);
    free(s);
}

/* ---------------------------------------------------------------- the thread */

static bool has_something(const struct stream *s)
{
    return s->is_over || tap_has(s->watch) || sys_now_ms() - s->spoke_ms >= QUIET_MS;
}

/* False: nobody looks on. */
static bool see_to_streams(struct tracer *t)
{
    (void)pthread_mutex_lock(&t->lock);
    bool is_any = !list_is_empty(&t->streams);
    list_each (it, &t->streams) {
        struct stream *s = container_of(it, struct stream, node);
        s->is_over |= t->is_stopping;
        if (!s->is_suspended || !has_something(s))
            continue;
        s->is_suspended = false;
        MHD_resume_connection(s->connection);
    }
    (void)pthread_mutex_unlock(&t->lock);
    return is_any;
}

static bool is_stopping(struct tracer *t)
{
    (void)pthread_mutex_lock(&t->lock);
    bool is_over = t->is_stopping;
    (void)pthread_mutex_unlock(&t->lock);
    return is_over;
}

static void *run(void *arg)
{
    struct tracer *t = arg;
    uint64_t n;
    log_thread_name("trace");
    while (!is_stopping(t)) {
        struct pollfd fd = {.fd = t->wake, .events = POLLIN};
        int wait_ms = see_to_streams(t) ? TURN_MS : -1;
        if (poll(&fd, 1, wait_ms) > 0 && read(t->wake, &n, sizeof n) < 0)
            continue;
    }
    (void)see_to_streams(t);
    return NULL;
}

static void wake(struct tracer *t)
{
    uint64_t one = 1;
    ssize_t n = write(t->wake, &one, sizeof one);
    (void)n; /* a counter that is full is readable, too */
}

/* ---------------------------------------------------------------- beginning one */

static const struct fault no_memory = {503, "no-memory", "out of memory"};

static bool read_source(struct str text, struct tap_filter *out)
{
    return str_is_none(text) || addr_parse_host(text, &out->source) == 0 ||
           addr_parse(text, 0, &out->source) == 0;
}

/* What somebody wants to see. */
struct wish {
    struct arena arena;
    struct tap_filter filter;
    struct str hosts[HOSTS];
};

/* Beside the user: the domain's names. */
static void read_hosts(const struct conf *conf, struct str aor, struct wish *out)
{
    const struct conf_domain *d = regview_domain(conf, aor);
    struct tap_filter *f = &out->filter;
    f->hosts = out->hosts;
    out->hosts[f->n_hosts++] = aorview_host(aor);
    for (size_t i = 0; d && i < d->n_aliases && f->n_hosts + 1 < HOSTS; i++)
        out->hosts[f->n_hosts++] = d->aliases[i];
    if (d)
        out->hosts[f->n_hosts++] = d->name;
    f->user = (struct str){aor.p, aor.n - out->hosts[0].n - (aor.n > out->hosts[0].n)};
}

/* False: *f says why. */
static bool read_wish(const struct aors *from, const struct query *q, struct wish *out,
                      struct fault *f)
{
    static const char *const names[] = {"aor", "source", "secrets"};
    struct str aor = query_find(q, STR("aor")), secrets = query_find(q, STR("secrets"));
    bool is_right =
        query_is_of(q, names, sizeof names / sizeof names[0]) &&
        read_source(query_find(q, STR("source")), &out->filter) &&
        (str_is_none(secrets) || str_eq(secrets, STR("show")) || str_eq(secrets, STR("blank")));
    *f = (struct fault){400, "bad-request",
                        "expected aor=ADDRESS-OF-RECORD, source=ADDRESS or ADDRESS:PORT, "
                        "secrets=blank or show"};
    if (!is_right || str_is_none(aor))
        return is_right;
    struct str found = aors_find(from, &out->arena, aor, f);
    if (!str_is_none(found))
        read_hosts(from->conf, found, out);
    return !str_is_none(found);
}

static struct stream *open_stream(struct tracer *t, const struct tap_filter *filter,
                                  struct MHD_Connection *c, struct fault *f)
{
    struct stream *s = calloc(1, sizeof *s);
    *f = no_memory;
    if (!s || !t->tap) {
        free(s);
        return NULL;
    }
    int err = tap_watch(t->tap, filter, &s->watch);
    if (err) {
        if (err == ERR_FULL)
            *f = (struct fault){503, "full", "as many traces run already as may"};
        free(s);
        return NULL;
    }
    s->tracer = t;
    s->connection = c;
    s->spoke_ms = sys_now_ms() - QUIET_MS; /* the headers go out at once, with a comment */
    (void)pthread_mutex_lock(&t->lock);
    s->is_over = t->is_stopping;
    list_add(&t->streams, &s->node);
    (void)pthread_mutex_unlock(&t->lock);
    wake(t);
    return s;
}

struct MHD_Response *tracer_start(struct tracer *t, const struct aors *from, const struct query *q,
                                  struct MHD_Connection *c, struct fault *f)
{
    struct wish wish = {.filter = {.n_hosts = 0}};
    struct stream *s = NULL;
    arena_init(&wish.arena, ARENA);
    if (read_wish(from, q, &wish, f))
        s = open_stream(t, &wish.filter, c, f);
    arena_fini(&wish.arena);
    if (!s)
        return NULL;
    s->shows_secrets = str_eq(query_find(q, STR("secrets")), STR("show"));
    struct MHD_Response *r =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE, on_read, s, on_free);
    if (!r)
        on_free(s);
    *f = no_memory;
    return r;
}

/* ---------------------------------------------------------------- life */

int tracer_new(struct tap *tap, struct tracer **out)
{
    struct tracer *t = calloc(1, sizeof *t);
    if (!t)
        return ERR_NOMEM;
    t->tap = tap;
    list_init(&t->streams);
    (void)pthread_mutex_init(&t->lock, NULL);
    t->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (t->wake < 0 || pthread_create(&t->thread, NULL, run, t)) {
        if (t->wake >= 0)
            (void)close(t->wake);
        free(t);
        return ERR_NOMEM;
    }
    *out = t;
    return 0;
}

void tracer_stop(struct tracer *t)
{
    if (!t)
        return;
    (void)pthread_mutex_lock(&t->lock);
    t->is_stopping = true;
    (void)pthread_mutex_unlock(&t->lock);
    wake(t);
    (void)pthread_join(t->thread, NULL);
}

void tracer_free(struct tracer *t)
{
    if (!t)
        return;
    (void)close(t->wake);
    (void)pthread_mutex_destroy(&t->lock);
    free(t);
}
