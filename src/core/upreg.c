#include "core/upreg.h"

#include "core/accept.h"

/* ---------------------------------------------------------------- forms */

bool upreg_is_moved(const struct absorb_conf *conf, const struct upreg *u)
{
    return conf->form && u->form && conf->form != u->form;
}

bool upreg_is_of_mode(const struct absorb_conf *conf, const struct upreg *u)
{
    return !upreg_is_moved(conf, u) || ((conf->form ^ u->form) & FORM_MODE_MASK) == 0;
}

/* ---------------------------------------------------------------- finding */

/* A device is its instance, or its Call-ID where it has none; by flow each of those by itself. */
static bool is_same_device(const struct absorb_input *in, const struct binding *b)
{
    const struct register_view *view = in->view;
    const struct register_contact none = {.instance = STR_NONE};
    const struct register_contact *c = view->n_contacts ? &view->contacts[0] : &none;
    if (c->instance.n || b->instance.n)
        return str_eq(c->instance, b->instance) &&
               (!in->conf->is_by_flow || c->reg_id == b->reg_id);
    return str_eq(view->call_id, b->call_id);
}

/* That of the first contact which is known, else of the device. */
static const struct upreg *standing(const struct absorb_input *in, const struct survey *s)
{
    const struct aor_record *r = in->now_state;
    for (size_t k = 0; k < in->view->n_contacts; k++)
        if (s->at[k] >= 0)
            return binding_upreg(r, r->bindings[s->at[k]].upreg_id);
    for (size_t i = 0; i < r->n_bindings; i++)
        if (is_same_device(in, &r->bindings[i]))
            return binding_upreg(r, r->bindings[i].upreg_id);
    return NULL;
}

/* One that is leaving or orphaned comes back to life when a device does (D58). One that stands for
 * all numbers of the line is not the one that stands for the line. */
static const struct upreg *of_aor(const struct absorb_input *in)
{
    const struct upreg *found = NULL;
    for (size_t i = 0; i < in->now_state->n_upregs; i++) {
        const struct upreg *u = &in->now_state->upregs[i];
        if (!upreg_is_of_mode(in->conf, u) ||
            (in->view->n_contacts && u->is_bulk != in->view->is_bulk))
            continue;
        if (u->state == UPREG_LIVE)
            return u;
        found = found ? found : u;
    }
    return found;
}

const struct upreg *upreg_find(const struct absorb_input *in, const struct survey *s)
{
    const struct upreg *u = standing(in, s);
    bool is_of_mode = u && upreg_is_of_mode(in->conf, u);
    if (u && !is_of_mode && register_is_removal(in->view))
        return u;
    if (in->conf->mode == MODE_AOR_THROTTLE)
        return of_aor(in);
    return is_of_mode ? u : NULL;
}

/* ---------------------------------------------------------------- who stands on it */

static bool is_free(const struct absorb_input *in, const struct upreg *u, uint64_t but)
{
    return (survey_of_upreg(in->now_state, u->id) & ~but) == 0;
}

bool upreg_is_last(const struct absorb_input *in, const struct survey *s)
{
    const struct upreg *u = upreg_find(in, s);
    return !u || (!u->is_fixed && is_free(in, u, ~s->alive | s->removed));
}

/* What the REGISTER can take from where it stands. */
static uint64_t going(const struct absorb_input *in, const struct survey *s)
{
    uint64_t set = 0;
    for (int at = 0; at < (int)in->now_state->n_bindings; at++)
        if (survey_has(s->removed | s->kept, at) && !accept_is_beyond_proof(in, at))
            set |= (uint64_t)1 << at;
    return set;
}

bool upreg_is_left(const struct absorb_input *in, const struct survey *s, const struct upreg *u)
{
    return u != upreg_find(in, s) && !u->is_fixed && is_free(in, u, ~s->alive | going(in, s));
}
