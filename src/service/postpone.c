#include "service/postpone.h"

#include "service/leg.h"
#include "service/reg.h"
#include "service/turn.h"

/* Should the store have other news, it is decided once more, as one that is not silent. */
bool postpone_reg(struct reg *r)
{
    if (r->is_own || !r->leg || reg_is_answered(r))
        return false;
    void (*resume)(struct reg *) = r->leg->resume;
    leg_release(r->leg);
    turn_leave(r);
    r->is_silent = true;
    resume(r);
    r->is_silent = false;
    return reg_is_answered(r) || r->n_storing > 0;
}
