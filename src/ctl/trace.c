#include "ctl/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"
#include "ctl/ask.h"
#include "ctl/pcap.h"
#include "ctl/urltext.h"

/* Of one event: a message of 64 KiB, each byte of which may be six characters. */
enum { ROOM = 1 << 20 };

struct options {
    const char *aor, *source, *pcap;
    bool shows_secrets;
    long count; /* messages; 0: any number */
};

struct trace {
    struct options options;
    bool is_json;
    FILE *capture; /* NULL: none */
    long n_shown;
    char text[ROOM];
    size_t n;
};

static int fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "breakwaterctl: %s%s%s\n", what, why ? ": " : "", why ? why : "");
    return EXIT_FAILURE;
}

/* ---------------------------------------------------------------- options */

static bool take_count(const char *text, long *out)
{
    uint32_t n;
    if (str_to_u32(str_of(text), 1000000000, &n) || n == 0)
        return false;
    *out = (long)n;
    return true;
}

static bool take_option(struct options *o, const char *word, const char *value)
{
    const char **text = strcmp(word, "--source") == 0 ? &o->source
                        : strcmp(word, "--pcap") == 0 ? &o->pcap
                                                      : NULL;
    if (text)
        *text = value;
    return text || (strcmp(word, "--count") == 0 && take_count(value, &o->count));
}

/* False: what stands there is not right. */
static bool read_options(const struct call *c, struct options *o)
{
    for (int i = 0; i < c->n; i++) {
        const char *word = c->words[i], *value = i + 1 < c->n ? c->words[i + 1] : NULL;
        if (strcmp(word, "--show-secrets") == 0) {
            o->shows_secrets = true;
        } else if (word[0] != '-' && !o->aor) {
            o->aor = word;
        } else if (!value || !take_option(o, word, value)) {
            return false;
        } else {
            i++;
        }
    }
    return true;
}

/* ---------------------------------------------------------------- one message */

static const char *text_of(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));
    return text ? text : "";
}

/* What a terminal could take for an order is a question mark. */
static void print_message(struct str s)
{
    unsigned char before = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool is_text = c == '\n' || c == '\t' || !ask_is_order(before, c);
        if (c != '\r')
            (void)putchar(is_text ? c : '?');
        before = c;
    }
}

static void print_head(const json_t *m)
{
    double at = json_number_value(json_object_get(m, "time"));
    time_t s = (time_t)at;
    struct tm tm;
    char text[32];
    bool is_in = strcmp(text_of(m, "direction"), "in") == 0;
    (void)localtime_r(&s, &tm);
    (void)strftime(text, sizeof text, "%H:%M:%S", &tm);
    (void)printf("---- %s.%03d  ", text, (int)((at - (double)s) * 1000));
    ask_print(stdout, text_of(m, is_in ? "peer" : "local"));
    (void)fputs(" -> ", stdout);
    ask_print(stdout, text_of(m, is_in ? "local" : "peer"));
    (void)putchar(' ');
    ask_print(stdout, text_of(m, "transport"));
    (void)putchar('\n');
}

/* The bytes of a message, to be freed. */
static struct str message_of(const json_t *m)
{
    const json_t *text = json_object_get(m, "message"), *coded = json_object_get(m, "bytes");
    const json_t *from = text ? text : coded;
    size_t n = json_string_length(from);
    char *bytes = from && (text || n % 4 == 0) ? malloc(n + 4) : NULL;
    if (!bytes)
        return STR_NONE;
    memcpy(bytes, json_string_value(from), n);
    if (text)
        return (struct str){bytes, n};
    const char *p = json_string_value(coded);
    int len = EVP_DecodeBlock((unsigned char *)bytes, (const unsigned char *)p, (int)n);
    for (size_t pad = 1; len > 0 && pad <= 2 && n >= pad && p[n - pad] == '='; pad++)
        len--; /* decoded as a NUL byte */
    return (struct str){bytes, len > 0 ? (size_t)len : 0};
}

static bool capture(struct trace *t, const json_t *m, struct str bytes)
{
    struct addr local, peer;
    if (addr_parse(str_of(text_of(m, "local")), 0, &local) ||
        addr_parse(str_of(text_of(m, "peer")), 0, &peer))
        return false;
    bool is_in = strcmp(text_of(m, "direction"), "in") == 0;
    const struct pcap_message p = {
        .wall_us = (uint64_t)(json_number_value(json_object_get(m, "time")) * 1e6 + 0.5),
        .from = is_in ? peer : local,
        .to = is_in ? local : peer,
        .bytes = bytes};
    return pcap_add(t->capture, &p);
}

/* False: it could not be written. */
static bool show_message(struct trace *t, const json_t *m)
{
    struct str bytes = message_of(m);
    bool is_written = !str_is_none(bytes);
    if (is_written && t->capture)
        is_written = capture(t, m, bytes);
    if (is_written && !t->capture) {
        print_head(m);
        print_message(bytes);
        (void)putchar('\n');
        is_written = fflush(stdout) == 0;
    }
    free((char *)(uintptr_t)bytes.p);
    t->n_shown++;
    return is_written;
}

/* ---------------------------------------------------------------- the stream */

/* One event: its lines, NUL-terminated. False: the end. */
static bool take_event(struct trace *t, const char *event, int *status)
{
    const char *data = strstr(event, "data: ");
    json_t *json = data ? json_loads(data + 6, 0, NULL) : NULL;
    bool goes_on = true;
    if (json && strncmp(event, "event: missed", 13) == 0) {
        (void)fprintf(stderr, "breakwaterctl: %lld messages were missed\n",
                      (long long)json_integer_value(json_object_get(json, "messages")));
    } else if (json && t->is_json) {
        goes_on = puts(data + 6) >= 0 && fflush(stdout) == 0;
        t->n_shown++;
    } else if (json && !show_message(t, json)) {
        *status = fail("a message cannot be written", errno ? strerror(errno) : NULL);
        goes_on = false;
    }
    json_decref(json);
    return goes_on && (!t->options.count || t->n_shown < t->options.count);
}

/* Takes the whole events from the front. False: the end. */
static bool take_events(struct trace *t, int *status)
{
    char *from = t->text, *end;
    bool goes_on = true;
    t->text[t->n] = '\0';
    while (goes_on && (end = strstr(from, "\n\n"))) {
        *end = '\0';
        goes_on = take_event(t, from, status);
        from = end + 2;
    }
    t->n -= (size_t)(from - t->text);
    memmove(t->text, from, t->n);
    return goes_on;
}

/* False: it has ended. */
static bool read_more(struct trace *t, int fd, int *status)
{
    if (t->n + 1 >= sizeof t->text) {
        *status = fail("an event is too long", NULL);
        return false;
    }
    ssize_t got = read(fd, t->text + t->n, sizeof t->text - 1 - t->n);
    if (got < 0 && errno == EINTR)
        return true;
    if (got <= 0) {
        *status = fail("the daemon has ended the trace", got < 0 ? strerror(errno) : NULL);
        return false;
    }
    t->n += (size_t)got;
    t->text[t->n] = '\0';
    return true;
}

/* Up to the end of the HTTP head: 0, or what the daemon complains of. */
static int read_head(struct trace *t, int fd)
{
    const char *end = NULL;
    int status = EXIT_SUCCESS;
    t->text[0] = '\0';
    while (!(end = strstr(t->text, "\r\n\r\n")))
        if (!read_more(t, fd, &status))
            return status;
    bool is_right = strncmp(t->text, "HTTP/1.", 7) == 0 && strncmp(t->text + 8, " 200", 4) == 0;
    size_t head = (size_t)(end + 4 - t->text);
    if (is_right) {
        t->n -= head;
        memmove(t->text, end + 4, t->n);
        return 0;
    }
    json_t *json = json_loads(end + 4, 0, NULL);
    status = fail(json ? text_of(json_object_get(json, "error"), "message") : "no answer", NULL);
    json_decref(json);
    return status;
}

static int follow(struct trace *t, const char *path)
{
    int fd, status = ask_open(&(struct ask){"GET", path, NULL}, &fd);
    if (status)
        return status;
    status = read_head(t, fd);
    bool goes_on = !status;
    while (goes_on)
        goes_on = take_events(t, &status) && read_more(t, fd, &status);
    (void)close(fd);
    return status;
}

/* Its owner's alone, for it may hold secrets; no link is followed to another file. */
static FILE *open_capture(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "wb");
    if (!f && fd >= 0)
        (void)close(fd);
    return f;
}

int trace_run(const struct call *c)
{
    static struct trace t;
    char path[URLTEXT_MAX];
    struct buf b = buf_over(path, sizeof path - 1);
    t.is_json = c->is_json;
    if (!read_options(c, &t.options) || (t.is_json && t.options.pcap))
        return EXIT_USAGE;
    buf_add(&b, STR("/api/v1/trace"));
    urltext_add_param(&b, "aor", t.options.aor);
    urltext_add_param(&b, "source", t.options.source);
    urltext_add_param(&b, "secrets", t.options.shows_secrets ? "show" : NULL);
    if (b.has_overflown)
        return EXIT_USAGE;
    path[b.len] = '\0';
    if (t.options.pcap) {
        bool is_stdout = strcmp(t.options.pcap, "-") == 0;
        t.capture = is_stdout ? stdout : open_capture(t.options.pcap);
        if (!t.capture || !pcap_begin(t.capture))
            return fail(t.options.pcap, strerror(errno));
    }
    int status = follow(&t, path);
    if (t.capture && t.capture != stdout && fclose(t.capture))
        return fail(t.options.pcap, strerror(errno));
    return status;
}
