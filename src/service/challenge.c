#include "service/challenge.h"

#include "base/buf.h"

enum { LINES_MAX = 8192 };

static void add_lines(const struct msg *m, enum hdr_id id, struct buf *out)
{
    for (const struct msg_line *l = msg_first(m, id); l; l = msg_next(m, l)) {
        buf_add(out, hdr_name(id));
        buf_add(out, STR(": "));
        buf_add(out, l->value);
        buf_add(out, STR("\r\n"));
    }
}

struct str challenge_lines(struct context *c, const struct msg *const failures[], size_t n,
                           size_t but)
{
    struct buf out = buf_in(&c->scratch, LINES_MAX);
    for (size_t i = 0; i < n; i++) {
        const struct msg *m = failures[i];
        if (i == but || !m || (m->status != 401 && m->status != 407))
            continue;
        add_lines(m, HDR_WWW_AUTHENTICATE, &out);
        add_lines(m, HDR_PROXY_AUTHENTICATE, &out);
    }
    return out.len && !out.has_overflown ? buf_str(&out) : STR_NONE;
}
