/* A stream gives the same messages however it is cut: at once, byte by byte, in chunks. The first
 * byte chooses the size of the chunks, the second the most bytes of a message, the rest is the
 * stream. */
#include "fuzz.h"

#include "sip/frame.h"
#include "sip/msg.h"

#ifdef __SANITIZE_ADDRESS__
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif
#ifdef HAS_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

const char *const fuzz_more_seeds = "tests/torture/messages";

enum { STREAM_MAX = 8192, EVENTS_MAX = STREAM_MAX + 1 };

struct event {
    enum frame_verdict verdict;
    size_t len;
};

struct feed {
    struct str all;
    size_t max, chunk;
    struct event events[EVENTS_MAX];
    size_t n_events;
};

/* One verdict for what begins at `from`, of which the first *n bytes have come; what has not come
 * yet may not be looked at. */
static struct event step(const struct feed *f, size_t from, size_t *n)
{
    struct frame frame;
    struct event e = {FRAME_MORE, 0};
    frame_init(&frame);
    for (;;) {
        const char *come = f->all.p + *n;
        ASAN_POISON_MEMORY_REGION(come, f->all.n - *n);
        e.verdict = frame_step(&frame, str_span(f->all.p + from, come), f->max, &e.len);
        ASAN_UNPOISON_MEMORY_REGION(come, f->all.n - *n);
        if (e.verdict != FRAME_MORE || *n == f->all.n)
            return e;
        *n = f->all.n - *n < f->chunk ? f->all.n : *n + f->chunk;
    }
}

static void run(struct feed *f)
{
    size_t from = 0, n = 0;
    struct event e = {FRAME_SKIP, 0};
    f->n_events = 0;
    while (e.verdict == FRAME_MESSAGE || e.verdict == FRAME_PING || e.verdict == FRAME_SKIP) {
        e = step(f, from, &n);
        f->events[f->n_events++] = e;
        from += e.len;
        MUST(from <= n);
        MUST(f->n_events < EVENTS_MAX);
    }
}

static void check_event(const struct event *e, size_t max)
{
    switch (e->verdict) {
    case FRAME_MESSAGE:
        MUST(e->len > 0 && e->len <= max);
        break;
    case FRAME_PING:
        MUST(e->len == 4);
        break;
    case FRAME_SKIP:
        MUST(e->len == 1 || e->len == 2);
        break;
    case FRAME_MORE:
    case FRAME_BAD:
    case FRAME_TOOBIG:
        MUST(e->len == 0);
    }
}

/* What the index takes of a framed message is all of it. */
static void check_index(struct str bytes)
{
    struct msg *m = NULL;
    struct msg_fault fault;
    if (msg_index(fuzz_arena(), bytes, &msg_limits_default, &m, &fault) == 0)
        MUST(m->bytes.p == bytes.p && m->bytes.n == bytes.n);
}

static void check_messages(const struct feed *f)
{
    const char *at = f->all.p;
    for (size_t i = 0; i < f->n_events; i++) {
        check_event(&f->events[i], f->max);
        if (f->events[i].verdict == FRAME_MESSAGE)
            check_index((struct str){at, f->events[i].len});
        at += f->events[i].len;
    }
}

static void check_same(const struct feed *a, const struct feed *b)
{
    MUST(a->n_events == b->n_events);
    for (size_t i = 0; i < a->n_events; i++)
        MUST(a->events[i].verdict == b->events[i].verdict && a->events[i].len == b->events[i].len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct feed whole, single, chunked;
    if (size < 2 || size > STREAM_MAX)
        return 0;
    struct str all = fuzz_str(data + 2, size - 2);
    size_t max = 16U * (1U + data[1]);
    whole = (struct feed){.all = all, .max = max, .chunk = size};
    single = (struct feed){.all = all, .max = max, .chunk = 1};
    chunked = (struct feed){.all = all, .max = max, .chunk = 1U + data[0]};
    run(&whole);
    run(&single);
    run(&chunked);
    check_messages(&whole);
    check_same(&whole, &single);
    check_same(&whole, &chunked);
    return 0;
}
