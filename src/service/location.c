#include "service/location.h"

#include "base/err.h"
#include "store/store.h"

/* A snapshot that a commit overtakes is taken anew, but not for ever. */
enum { TRIES = 3 };

/* False: a commit has overtaken the record that this binding is from. */
static bool view_lease(const struct lease_table *t, const struct binding *b, struct lease_view *out)
{
    struct lease_state state;
    *out = (struct lease_view){.expires_at_s = b->expires_at_s, .cseq = b->cseq};
    if (!b->lease.generation)
        return true;
    if (lease_read(t, b->lease, &state)) {
        out->is_held = true;
        out->is_pending = state.is_pending;
        out->expires_at_s = state.expires_at_s;
        out->cseq = state.cseq;
        out->branch_hash = state.branch_hash;
        out->is_unreachable = state.is_unreachable;
    } else {
        out->is_held = lease_is_due(t, b->lease);
    }
    return out->is_held;
}

/* False: overtaken. */
static bool view_leases(const struct lease_table *t, const struct location *l)
{
    bool is_whole = true;
    for (size_t i = 0; i < l->record->n_bindings; i++)
        is_whole = view_lease(t, &l->record->bindings[i], &l->leases[i]) && is_whole;
    return is_whole;
}

int location_load(struct store *s, struct store_reader *reader, struct arena *a, struct str aor,
                  struct location *out)
{
    for (int tries = 0; tries < TRIES; tries++) {
        int err = store_read(reader, a, aor, &out->record);
        if (err)
            return err;
        out->leases = arena_calloc(a, out->record->n_bindings + 1, sizeof *out->leases);
        if (!out->leases)
            return ERR_NOMEM;
        if (view_leases(store_leases(s), out))
            break;
        store_reader_reset(reader);
    }
    return 0;
}

int location_read(struct context *c, struct arena *a, struct str aor, struct location *out)
{
    return location_load(c->store, c->reader, a, aor, out);
}

int location_refresh(struct context *c, struct arena *a, struct str aor, struct location *l)
{
    return view_leases(store_leases(c->store), l) ? 0 : location_read(c, a, aor, l);
}

uint64_t location_expires_at_s(const struct location *at, size_t i)
{
    return at->leases[i].is_held ? at->leases[i].expires_at_s
                                 : at->record->bindings[i].expires_at_s;
}

bool location_is_live(const struct location *at, size_t i, uint32_t grace_s, uint64_t now_s)
{
    return location_expires_at_s(at, i) + grace_s > now_s;
}
