/* A WebSocket gives the same messages, the same answers and the same end however its bytes are cut:
 * at once, byte by byte, in chunks. The first byte chooses the size of the chunks; the second one
 * the most bytes of a message and, if it is odd, that an upgrade has been granted before; the rest
 * is what the client sends. */
#include "fuzz.h"

#include <stdlib.h>

#include "net/ws.h"

const char *const fuzz_more_seeds = NULL;

enum { STREAM_MAX = 16384, TEXT = 1 << 18 };

struct feed {
    struct ws *ws;
    struct buf messages, answers;
    size_t max;
    enum stats_id why;
    bool is_over, is_waiting;
    char message_text[TEXT], answer_text[TEXT];
};

static bool on_part(enum frame_verdict verdict, struct str bytes, void *arg)
{
    struct feed *f = arg;
    MUST(verdict == FRAME_MESSAGE || verdict == FRAME_PING);
    MUST(bytes.n > 0 && bytes.n <= f->max);
    buf_addf(&f->messages, "[%d %zu]", (int)verdict, bytes.n);
    buf_add(&f->messages, bytes);
    /* an answer in the middle of things */
    if (verdict == FRAME_PING)
        (void)ws_send(f->ws, STR("\r\n"));
    return true;
}

static int on_write(struct str bytes, void *arg)
{
    struct feed *f = arg;
    buf_add(&f->answers, bytes);
    return 0;
}

static void put(struct feed *f, struct str bytes, size_t chunk)
{
    while (bytes.n) {
        size_t n = bytes.n < chunk ? bytes.n : chunk;
        char *copy = malloc(n);
        MUST(copy);
        memcpy(copy, bytes.p, n);
        MUST(ws_feed(f->ws, (struct str){copy, n}) == 0);
        free(copy);
        bytes = str_skip(bytes, n);
    }
}

static void run(struct feed *f, struct str all, const struct ws_conf *conf, size_t chunk,
                bool is_open)
{
    static const struct ws_fns fns = {on_part, on_write};
    f->messages = buf_over(f->message_text, sizeof f->message_text);
    f->answers = buf_over(f->answer_text, sizeof f->answer_text);
    f->max = conf->max_len;
    MUST(ws_new(conf, &fns, f, &f->ws) == 0);
    if (is_open)
        put(f,
            STR("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Protocol: sip\r\n\r\n"),
            1000);
    put(f, all, chunk);
    f->is_over = ws_is_over(f->ws, &f->why);
    f->is_waiting = ws_is_waiting(f->ws);
    ws_free(f->ws);
    MUST(!f->messages.has_overflown && !f->answers.has_overflown);
}

static void check_same(const struct feed *a, const struct feed *b)
{
    MUST(str_eq(buf_str(&a->messages), buf_str(&b->messages)));
    MUST(str_eq(buf_str(&a->answers), buf_str(&b->answers)));
    MUST(a->is_over == b->is_over && a->why == b->why);
    MUST(a->is_over || a->is_waiting == b->is_waiting);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct str origins[] = {{"https://phone.example.com", 25}};
    static struct feed whole, single, chunked;
    if (size < 2 || size > STREAM_MAX)
        return 0;
    struct str all = fuzz_str(data + 2, size - 2);
    const struct ws_conf conf = {{origins, 1}, 8U * (1U + data[1])};
    bool is_open = data[1] & 1;
    run(&whole, all, &conf, size, is_open);
    run(&single, all, &conf, 1, is_open);
    run(&chunked, all, &conf, 1U + data[0], is_open);
    check_same(&whole, &single);
    check_same(&whole, &chunked);
    return 0;
}
