#include "service/bridge.h"

#include "service/regview.h"

bool bridge_takes(const struct msg *m)
{
    return m->method == METHOD_INVITE || m->method == METHOD_MESSAGE;
}

bool bridge_is_caller_shown(struct context *c, const struct msg *m,
                            const struct callerid_line *line)
{
    struct str from;
    return str_is_none(line->aor) || callerid_is_anonymous(c, m, line->domain) ||
           (regview_aor(&c->scratch, c->conf, m->from.text, &from) && str_eq(from, line->aor));
}

void bridge_plan(const struct forward_plan *from, bool is_past_upstream, struct forward_plan *plan)
{
    for (; plan; plan = plan->other) {
        plan->is_between_phones = plan->has_phone;
        plan->is_past_upstream = is_past_upstream;
        plan->identity = (struct identity){.is_from_phone = true,
                                           .is_to_phone = is_past_upstream,
                                           .asserted = from->identity.asserted};
        plan->phone = from->phone;
        plan->called_line = plan->line;
        plan->line = from->line;
        plan->has_phone = plan->is_from_phone = true;
        plan->n_routes = FORWARD_ALL_ROUTES;
    }
}
