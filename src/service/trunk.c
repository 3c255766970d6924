#include "service/trunk.h"

#include "base/log.h"
#include "base/stats.h"
#include "base/sys.h"
#include "service/board.h"
#include "service/egress.h"
#include "service/reach.h"

bool trunk_plan(struct context *c, const struct conf_place *place, struct forward_plan *out)
{
    *out = (struct forward_plan){
        .uri = place->uri, .has_phone = true, .identity = {.is_to_phone = true}};
    if (egress_pick(c->egress, CONF_SIDE_ACCESS, &place->addr, &out->flow))
        return false;
    out->phone = reach_way(&out->flow);
    return true;
}

bool trunk_speaks(struct context *c, const struct packet *p, const struct aor_record *record,
                  struct sender *out)
{
    const struct conf_line *line = conf_line_find(c->conf, record->aor);
    if (!line || !conf_line_is_from(line, &p->flow.peer))
        return false;
    for (size_t i = 0; i < record->n_upregs; i++)
        if (record->upregs[i].is_fixed)
            sender_speaks_by(out, record, &record->upregs[i]);
    return true;
}

void trunk_note(struct context *c, const struct conf_line *line, bool is_away)
{
    if (!board_note_away(c->board, line->aor, is_away, sys_service_s()))
        return;
    if (!is_away) {
        log_info("line %.*s can be reached again", STR_FMT(LOG_NAME_OF(line->aor)));
        return;
    }
    stats_inc(STAT_ALARM_UNREACHABLE);
    log_warn("alarm line-unreachable: a call to line %.*s finds nobody: no device is registered "
             "that its target means",
             STR_FMT(LOG_NAME_OF(line->aor)));
}
