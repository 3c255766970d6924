#include "service/ping.h"

#include "base/err.h"
#include "base/sys.h"
#include "service/egress.h"
#include "service/forward.h"

/* All but the URI, twice. */
enum { TEXT_MAX = 1024 };

static void print(struct context *c, const struct ping *ping, const struct forward *f,
                  struct buf *out)
{
    uint64_t id[2];
    sys_random(id, sizeof id);
    buf_add(out, STR("OPTIONS "));
    buf_add(out, ping->uri);
    buf_add(out, STR(" SIP/2.0\r\nVia: "));
    forward_print_via(c, f, out);
    buf_add(out, STR("\r\nMax-Forwards: 70\r\nFrom: <sip:"));
    egress_print_sent_by(c->egress, &f->flow, out);
    buf_add(out, STR(">;tag="));
    buf_add_hex(out, &id[0], sizeof id[0]);
    buf_add(out, STR("\r\nTo: <"));
    buf_add(out, ping->uri);
    buf_add(out, STR(">\r\nCall-ID: "));
    buf_add_hex(out, &id[1], sizeof id[1]);
    buf_add(out, STR("\r\nCSeq: "));
    buf_add_u64(out, ping->cseq);
    buf_add(out, STR(" OPTIONS\r\nAccept: application/sdp\r\nUser-Agent: Breakwater\r\n"
                     "Content-Length: 0\r\n\r\n"));
}

int ping_send(struct context *c, const struct ping *ping, const struct txn_user *user,
              struct txn **out)
{
    struct forward f = {.flow = ping->flow};
    struct buf text = buf_in(&c->scratch, 2 * ping->uri.n + TEXT_MAX);
    f.branch = mark_branch(&c->marks, 0, f.branch_text);
    print(c, ping, &f, &text);
    if (text.has_overflown)
        return ERR_NOMEM;
    const struct txn_request request = {
        .flow = f.flow, .bytes = buf_str(&text), .branch = f.branch, .method = STR("OPTIONS")};
    return txn_client_new(c->txns, &request, user, out);
}
