#include "sip/hop.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

static void add_line(struct buf *out, enum hdr_id id, struct str value)
{
    buf_add(out, hdr_name(id));
    buf_add(out, STR(": "));
    buf_add(out, value);
    buf_add(out, STR("\r\n"));
}

/* Most that is neither the request's nor the caller's: short names written out, numbers, the lines
 * that are new. A Route line may get a blank besides. */
enum { EXTRA = 512 };

/* What both have in common: the request's URI, top Via, Route set, From, Call-ID and CSeq number
 * under another method. */
static struct buf begin(struct arena *a, const struct msg *invite, struct str method, struct str to)
{
    struct buf out = buf_in(a, invite->bytes.n + invite->n_lines + to.n + EXTRA);
    buf_add(&out, method);
    buf_add_char(&out, ' ');
    buf_add(&out, invite->uri);
    buf_add(&out, STR(" SIP/2.0\r\n"));
    add_line(&out, HDR_VIA, invite->via.text);
    for (const struct msg_line *l = msg_first(invite, HDR_ROUTE); l; l = msg_next(invite, l))
        add_line(&out, HDR_ROUTE, l->value);
    add_line(&out, HDR_FROM, msg_value(invite, HDR_FROM));
    add_line(&out, HDR_TO, to);
    add_line(&out, HDR_CALL_ID, invite->call_id);
    buf_add(&out, STR("CSeq: "));
    buf_add_u64(&out, invite->cseq);
    buf_add_char(&out, ' ');
    buf_add(&out, method);
    buf_add(&out, STR("\r\nMax-Forwards: 70\r\n"));
    return out;
}

static int finish(struct buf *out, struct str *bytes)
{
    buf_add(out, STR("Content-Length: 0\r\n\r\n"));
    *bytes = buf_str(out);
    return out->has_overflown ? ERR_NOMEM : 0;
}

int hop_ack(struct arena *a, const struct msg *invite, const struct msg *response, struct str *out)
{
    struct buf b = begin(a, invite, STR("ACK"), msg_value(response, HDR_TO));
    return finish(&b, out);
}

int hop_cancel(struct arena *a, const struct msg *invite, struct str reason, struct str *out)
{
    struct buf b = begin(a, invite, STR("CANCEL"), msg_value(invite, HDR_TO));
    if (reason.n && reason.n <= HOP_REASON_MAX)
        add_line(&b, HDR_REASON, reason);
    return finish(&b, out);
}
