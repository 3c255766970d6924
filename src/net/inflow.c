#include "net/inflow.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

enum { CAP_MIN = 2048 };

void inflow_init(struct inflow *f)
{
    *f = (struct inflow){0};
    frame_init(&f->frame);
}

static void forget(struct inflow *f)
{
    free(f->bytes);
    f->bytes = NULL;
    f->len = f->cap = 0;
}

void inflow_fini(struct inflow *f)
{
    forget(f);
}

bool inflow_is_waiting(const struct inflow *f)
{
    return f->len > 0;
}

/* Takes what is whole off the front of *in. False: nothing more is wanted. */
static bool take_whole(struct inflow *f, struct str *in, size_t max, inflow_fn *fn, void *arg)
{
    for (;;) {
        size_t len;
        enum frame_verdict verdict = frame_step(&f->frame, *in, max, &len);
        if (verdict == FRAME_MORE)
            return true;
        bool is_end = verdict == FRAME_BAD || verdict == FRAME_TOOBIG;
        struct str bytes = {in->p, is_end ? in->n : len};
        if (verdict != FRAME_SKIP && !fn(verdict, bytes, arg))
            return false;
        if (is_end)
            return false;
        *in = str_skip(*in, len);
        frame_init(&f->frame);
    }
}

/* NULL: no memory. */
static char *reserve(struct inflow *f, size_t len)
{
    size_t cap = f->cap ? f->cap : CAP_MIN;
    while (cap < len)
        cap *= 2;
    if (f->bytes && cap == f->cap)
        return f->bytes;
    char *p = realloc(f->bytes, cap);
    if (!p)
        return NULL;
    f->bytes = p;
    f->cap = cap;
    return p;
}

/* What is left of in, which may be a part of what is kept already. */
static int keep(struct inflow *f, struct str in)
{
    if (in.n == 0) {
        forget(f);
        return 0;
    }
    char *to = f->bytes ? f->bytes : reserve(f, in.n);
    if (!to)
        return ERR_NOMEM;
    memmove(to, in.p, in.n);
    f->len = in.n;
    return 0;
}

int inflow_feed(struct inflow *f, struct str bytes, size_t max, inflow_fn *fn, void *arg)
{
    struct str in = bytes;
    if (bytes.n == 0)
        return 0;
    if (f->len) {
        char *to = reserve(f, f->len + bytes.n);
        if (!to)
            return ERR_NOMEM;
        memcpy(to + f->len, bytes.p, bytes.n);
        f->len += bytes.n;
        in = (struct str){to, f->len};
    }
    return take_whole(f, &in, max, fn, arg) ? keep(f, in) : 0;
}
