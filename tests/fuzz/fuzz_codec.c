/* A stored record: what is read stays inside, and written again it is read as the same. */
#include "fuzz.h"

#include "store/codec.h"

const char *const fuzz_more_seeds = NULL;

static const char *const listeners[] = {"access", "core"};
static const struct codec_names names = {listeners, 2};

static void check_binding(const struct binding *b, struct str bytes)
{
    const struct str parts[] = {b->contact, b->params, b->instance,
                                b->call_id, b->path,   b->user_agent};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        MUST(fuzz_is_inside(parts[i], bytes));
    MUST(b->proof.kind <= PROOF_TRUSTED && b->q >= -1);
    MUST(b->way.listener < names.n_listeners || b->way.listener == CODEC_NO_LISTENER);
    MUST(b->way.peer.family == 0 || b->way.peer.family == 4 || b->way.peer.family == 6);
}

static void check_upreg(const struct upreg *u, struct str bytes)
{
    const struct str parts[] = {u->contact,    u->call_id,  u->service_route,
                                u->associated, u->pub_gruu, u->temp_gruu};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        MUST(fuzz_is_inside(parts[i], bytes));
    MUST(u->state <= UPREG_ENDED);
}

static struct str encode(struct arena *a, const struct aor_record *r)
{
    size_t bound = codec_bound(r, &names);
    struct buf out = buf_in(a, bound);
    codec_encode(r, &names, &out);
    MUST(!out.has_overflown || a->has_failed);
    return out.has_overflown ? STR_NONE : buf_str(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = fuzz_arena();
    struct str bytes = fuzz_str(data, size);
    struct aor_record *r, *again;
    if (codec_decode(a, bytes, &names, &r))
        return 0;
    MUST(r->n_bindings <= RECORD_BINDINGS_MAX && r->n_upregs <= RECORD_UPREGS_MAX);
    MUST(r->aor.n && fuzz_is_inside(r->aor, bytes));
    for (size_t i = 0; i < r->n_bindings; i++)
        check_binding(&r->bindings[i], bytes);
    for (size_t i = 0; i < r->n_upregs; i++)
        check_upreg(&r->upregs[i], bytes);
    struct str once = encode(a, r);
    if (str_is_none(once) || codec_decode(a, once, &names, &again) == ERR_NOMEM)
        return 0;
    MUST(codec_decode(a, once, &names, &again) == 0);
    MUST(again->n_bindings == r->n_bindings && again->n_upregs == r->n_upregs);
    struct str twice = encode(a, again);
    MUST(str_is_none(twice) || str_eq(once, twice));
    return 0;
}
