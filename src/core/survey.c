#include "core/survey.h"

#include <string.h>

#include "base/err.h"

static uint64_t bit(int index)
{
    return (uint64_t)1 << index;
}

static size_t count(uint64_t set)
{
    return (size_t)__builtin_popcountll(set);
}

static void look_at_leases(const struct absorb_input *in, struct survey *out)
{
    BUG_ON(in->now_state->n_bindings > RECORD_BINDINGS_MAX);
    for (size_t i = 0; i < in->now_state->n_bindings; i++) {
        uint64_t expires_at_s = in->leases[i].expires_at_s;
        if (expires_at_s > in->now_s)
            out->current |= bit((int)i);
        if (expires_at_s + in->conf->grace_s > in->now_s)
            out->alive |= bit((int)i);
    }
}

static int index_of(const struct aor_record *r, const struct register_contact *c)
{
    const struct binding *b = binding_find(r, c->uri, c->instance, c->reg_id);
    return b ? (int)(b - r->bindings) : -1;
}

static void look_at_contact(const struct register_contact *c, int at, struct survey *out)
{
    bool is_alive = survey_has(out->alive, at);
    if (c->expires_s == 0) {
        if (is_alive)
            out->removed |= bit(at);
        return;
    }
    if (is_alive)
        out->kept |= bit(at);
    out->n_unknown += !is_alive;
    out->n_growth += !survey_has(out->current, at);
}

void survey_take(const struct absorb_input *in, struct survey *out)
{
    const struct register_view *view = in->view;
    memset(out, 0, offsetof(struct survey, at));
    look_at_leases(in, out);
    for (size_t k = 0; k < view->n_contacts && k < RECORD_BINDINGS_MAX; k++) {
        out->at[k] = index_of(in->now_state, &view->contacts[k]);
        look_at_contact(&view->contacts[k], out->at[k], out);
    }
    if (view->is_star)
        out->removed = out->alive;
    out->removed &= ~out->kept;
}

size_t survey_excess(const struct absorb_input *in, const struct survey *s)
{
    if (s->n_growth == 0)
        return 0;
    size_t n = count(s->current & ~s->removed) + s->n_growth;
    size_t max = in->conf->max_contacts;
    return n > max ? n - max : 0;
}

bool survey_is_beyond_record(const struct survey *s)
{
    return s->n_unknown && count(s->alive & ~s->removed) + s->n_unknown > RECORD_BINDINGS_MAX;
}

uint64_t survey_of_upreg(const struct aor_record *r, uint64_t upreg_id)
{
    uint64_t set = 0;
    for (size_t i = 0; i < r->n_bindings; i++)
        if (r->bindings[i].upreg_id == upreg_id)
            set |= bit((int)i);
    return set;
}
