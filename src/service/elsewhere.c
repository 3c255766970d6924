#include "service/elsewhere.h"

#include "base/buf.h"
#include "sip/hdr.h"
#include "sip/hop.h"

enum { REASON_LEN = 80 };

struct str elsewhere_reason(struct arena *a, const struct fork *f, struct str before,
                            unsigned status)
{
    bool is_upstreams = f->is_cancelled && !str_is_none(before);
    bool is_decline = f->is_declined && status >= 600 && str_is_none(before);
    if (!is_upstreams && status >= 200 && status < 300)
        return STR("SIP;cause=200;text=\"Call completed elsewhere\"");
    if (!is_decline)
        return before;
    struct buf out = buf_in(a, REASON_LEN);
    buf_addf(&out, "SIP;cause=%u;text=\"%.*s\"", status, STR_FMT(hdr_reason(status)));
    return out.has_overflown ? before : buf_str(&out);
}

struct str elsewhere_of_cancel(struct arena *a, const struct msg *cancel)
{
    struct buf out = buf_in(a, HOP_REASON_MAX);
    for (const struct msg_line *l = msg_first(cancel, HDR_REASON); l; l = msg_next(cancel, l)) {
        if (out.len + l->value.n + 2 > HOP_REASON_MAX)
            continue;
        buf_add(&out, out.len ? STR(", ") : STR(""));
        buf_add(&out, l->value);
    }
    return out.has_overflown || out.len == 0 ? STR_NONE : buf_str(&out);
}
