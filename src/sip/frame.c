#include "sip/frame.h"

#include <stdbool.h>

#include "base/err.h"
#include "sip/hdr.h"
#include "sip/line.h"

void frame_init(struct frame *f)
{
    *f = (struct frame){0};
}

static enum frame_verdict skip(size_t n, size_t *len)
{
    *len = n;
    return FRAME_SKIP;
}

/* What begins with a line end: a ping, a stray line end, or still either. */
static enum frame_verdict step_line_end(struct str in, size_t *len)
{
    static const struct str ping = {"\r\n\r\n", 4};
    if (in.p[0] == '\n')
        return skip(1, len);
    size_t n = 1;
    while (n < ping.n && n < in.n && in.p[n] == ping.p[n])
        n++;
    if (n < ping.n && n == in.n)
        return FRAME_MORE;
    if (n < ping.n)
        return skip(n < 2 ? 1 : 2, len);
    *len = n;
    return FRAME_PING;
}

/* True when the LF at this offset ends an empty line. */
static bool is_blank_end(struct str in, size_t lf)
{
    if (lf > 0 && in.p[lf - 1] == '\r')
        lf--;
    return lf > 0 && in.p[lf - 1] == '\n';
}

/* Looks for the blank line in the first max bytes, on from where the last call stopped. */
static void find_head(struct frame *f, struct str in, size_t max)
{
    size_t n = in.n < max ? in.n : max;
    while (f->n_seen < n) {
        const char *lf = memchr(in.p + f->n_seen, '\n', n - f->n_seen);
        if (!lf) {
            f->n_seen = n;
            return;
        }
        f->n_seen = (size_t)(lf + 1 - in.p);
        if (is_blank_end(in, f->n_seen - 1)) {
            f->head_len = f->n_seen;
            return;
        }
    }
}

/* The one Content-Length of the header fields. 0; ERR_PARSE; ERR_TOOBIG: more than max. */
static int find_body_len(struct str head, size_t max, size_t *out)
{
    struct str start, value = STR_NONE;
    struct msg_line l;
    if (!line_start(&head, &start))
        return ERR_PARSE;
    while (line_next(&head, &l)) {
        if (l.id != HDR_CONTENT_LENGTH)
            continue;
        if (!str_is_none(value))
            return ERR_PARSE;
        value = l.value;
    }
    uint64_t n = 0;
    int err = str_to_u64(value, max, &n);
    *out = (size_t)n;
    return err;
}

static enum frame_verdict measure(struct frame *f, struct str in, size_t max)
{
    switch (find_body_len((struct str){in.p, f->head_len}, max - f->head_len, &f->body_len)) {
    case 0:
        return FRAME_MORE;
    case ERR_TOOBIG:
        return FRAME_TOOBIG;
    default:
        return FRAME_BAD;
    }
}

enum frame_verdict frame_step(struct frame *f, struct str in, size_t max, size_t *len)
{
    *len = 0;
    if (in.n == 0)
        return FRAME_MORE;
    if (f->n_seen == 0 && (in.p[0] == '\r' || in.p[0] == '\n'))
        return step_line_end(in, len);
    if (f->head_len == 0) {
        find_head(f, in, max);
        if (f->head_len == 0)
            return f->n_seen >= max ? FRAME_TOOBIG : FRAME_MORE;
        enum frame_verdict verdict = measure(f, in, max);
        if (verdict != FRAME_MORE)
            return verdict;
    }
    if (in.n < f->head_len + f->body_len)
        return FRAME_MORE;
    *len = f->head_len + f->body_len;
    return FRAME_MESSAGE;
}
