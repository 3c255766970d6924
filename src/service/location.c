#include "service/location.h"

#include "base/err.h"
#include "store/store.h"

static void view_lease(const struct context *c, const struct binding *b, struct lease_view *out)
{
    struct lease_state state;
    *out = (struct lease_view){.expires_at_s = b->expires_at_s, .cseq = b->cseq};
    if (!b->lease.generation || !lease_read(store_leases(c->store), b->lease, &state))
        return;
    out->is_held = true;
    out->is_pending = state.is_pending;
    out->expires_at_s = state.expires_at_s;
    out->cseq = state.cseq;
    out->branch_hash = state.branch_hash;
}

int location_read(struct context *c, struct arena *a, struct str aor, struct location *out)
{
    int err = store_read(c->reader, a, aor, &out->record);
    if (err)
        return err;
    size_t n = out->record->n_bindings;
    out->leases = arena_calloc(a, n + 1, sizeof *out->leases);
    if (!out->leases)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        view_lease(c, &out->record->bindings[i], &out->leases[i]);
    return 0;
}
