#include "service/refusal.h"

#include "base/log.h"

enum { SHOWN_MAX = 120 };

/* As in the label of requests_refused_total. */
static const char *const words[FORWARD_REFUSALS] = {
    [FORWARD_ACCESS] = "access-list", [FORWARD_DOMAIN] = "foreign-domain",
    [FORWARD_IDENTITY] = "identity",  [FORWARD_DESTINATION] = "destination",
    [FORWARD_TOO_MANY] = "max-calls", [FORWARD_TOO_FAST] = "calls-per-second",
};

static struct str shown(struct str s)
{
    return (struct str){s.p, s.n < SHOWN_MAX ? s.n : SHOWN_MAX};
}

static void tell(const struct packet *p, const struct msg *m, struct str to, const char *reason)
{
    char from[ADDR_TEXT];
    struct buf host = buf_over(from, sizeof from - 1);
    addr_print_bare(&p->flow.peer, &host);
    const struct str source = buf_str(&host), method = shown(m->method_name);
    const struct str caller = LOG_NAME_OF(shown(m->from.uri)), called = LOG_NAME_OF(shown(to));
    log_info("refused source=%.*s method=%.*s from=%.*s to=%.*s reason=%s", STR_FMT(source),
             STR_FMT(method), STR_FMT(caller), STR_FMT(called), reason);
}

void refusal_note(const struct packet *p, const struct msg *m, enum forward_refusal why)
{
    if (words[why])
        tell(p, m, m->uri, words[why]);
}

void refusal_note_register(const struct packet *p, const struct msg *m, enum reason why)
{
    if (why == REASON_NOT_ALLOWED || why == REASON_FOREIGN_DOMAIN)
        tell(p, m, m->to.uri, reason_word(why));
}
