#include "store/leasememo.h"

#include "store/slot.h"

bool leasememo_read(const struct lease_table *t, uint32_t slot, struct leasememo_view *out)
{
    const struct slot *s = lease_slot(t, slot);
    if (!s)
        return false;
    uint64_t word = atomic_load_explicit(&s->word, memory_order_acquire);
    out->ref = (struct lease_ref){slot, slot_generation(word)};
    out->revision = atomic_load_explicit(&s->revision, memory_order_relaxed);
    out->memo.words[0] = atomic_load_explicit(&s->memos[0], memory_order_relaxed);
    out->memo.words[1] = atomic_load_explicit(&s->memos[1], memory_order_relaxed);
    out->memo.word = atomic_load_explicit(&s->memo, memory_order_relaxed);
    return !(word & (SLOT_BUSY | SLOT_PENDING)) && lease_read(t, out->ref, &out->lease);
}

void leasememo_write(struct lease_table *t, uint32_t slot, const struct leasememo *memo)
{
    struct slot *s = lease_slot(t, slot);
    if (!s)
        return;
    atomic_store_explicit(&s->memos[0], memo->words[0], memory_order_relaxed);
    atomic_store_explicit(&s->memos[1], memo->words[1], memory_order_relaxed);
    atomic_store_explicit(&s->memo, memo->word, memory_order_relaxed);
}

void leasememo_set_revision(struct lease_table *t, uint32_t slot, uint64_t revision)
{
    struct slot *s = lease_slot(t, slot);
    if (s)
        atomic_store_explicit(&s->revision, (uint32_t)revision, memory_order_relaxed);
}
