#include "store/lease.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/sys.h"
#include "store/checkpoint.h"
#include "store/mapping.h"
#include "store/slot.h"

enum { SLOTS_MAX = 16 << 20, DAY_S = 86400, DOWN_MAX_S = 7 * DAY_S };

struct lease_table {
    struct mapping m;
    struct slot_clock clock; /* as it was taken over; constant */
    int64_t shift_s;
    uint64_t claim;     /* of this process */
    uint32_t free_head; /* index + 1; 0: none */
    _Atomic size_t n;
    enum lease_origin origin;
    uint32_t age_s;
    uint64_t checkpoint_ms; /* interval */
    uint64_t checkpoint_due_ms;
    char state_dir[];
};

/* ---- times */

static uint32_t to_expiry(const struct lease_table *t, uint64_t at_s)
{
    int64_t s = (int64_t)at_s - t->shift_s - (int64_t)SLOT_EPOCH_S;
    if (s < 0)
        return 0;
    return s > UINT32_MAX ? UINT32_MAX : (uint32_t)s;
}

static uint64_t from_expiry(const struct lease_table *t, uint32_t expiry)
{
    int64_t s = (int64_t)(expiry + SLOT_EPOCH_S) + t->shift_s;
    return s > 0 ? (uint64_t)s : 0;
}

int64_t lease_shift_s(const struct lease_table *t)
{
    return t->shift_s;
}

/* ---- any thread */

struct slot *lease_slot(const struct lease_table *t, uint32_t slot)
{
    bool is_there = slot < atomic_load_explicit(&t->m.capacity, memory_order_acquire);
    return is_there ? &t->m.slots[slot] : NULL;
}

static struct slot *find(const struct lease_table *t, struct lease_ref ref)
{
    return ref.generation ? lease_slot(t, ref.slot) : NULL;
}

static uint64_t load_word(const struct slot *s)
{
    return atomic_load_explicit(&s->word, memory_order_acquire);
}

/* In one step, only if the word still is as it was seen.
 * NOLINTNEXTLINE(readability-non-const-parameter): the compare writes to it */
static bool swap_word(struct slot *s, uint64_t *seen, uint64_t word)
{
    return atomic_compare_exchange_strong_explicit(&s->word, seen, word, memory_order_acq_rel,
                                                   memory_order_acquire);
}

/* Raises the CSeq once the refresh has been accepted. It stops where the writer has come between:
 * a mark seen before a word that is not busy belongs to that word's generation. */
static void raise_mark(struct slot *s, uint64_t mark, const struct lease_refresh *r)
{
    uint64_t to = slot_mark(r->cseq, r->branch_hash);
    while (slot_cseq(mark) <= r->cseq && mark != to) {
        uint64_t word = load_word(s);
        if (slot_generation(word) != r->ref.generation || word & SLOT_BUSY)
            return;
        if (atomic_compare_exchange_strong_explicit(&s->mark, &mark, to, memory_order_acq_rel,
                                                    memory_order_acquire))
            return;
    }
}

/* LEASE_EXTENDED: it may be tried. */
static enum lease_result judge(uint64_t word, uint64_t mark, const struct lease_refresh *r)
{
    if (slot_generation(word) != r->ref.generation || word & SLOT_BUSY)
        return LEASE_STALE;
    if (mark == slot_mark(r->cseq, r->branch_hash))
        return LEASE_REPEAT;
    if (word & SLOT_PENDING)
        return LEASE_PENDING;
    if (r->cseq > slot_cseq(mark) || (r->cseq == slot_cseq(mark) && r->is_equal_cseq_allowed))
        return LEASE_EXTENDED;
    return LEASE_OLD;
}

enum lease_result lease_extend(struct lease_table *t, const struct lease_refresh *r,
                               uint64_t *expires_at_s)
{
    struct slot *s = find(t, r->ref);
    if (!s)
        return LEASE_STALE;
    uint32_t wanted = to_expiry(t, r->expires_at_s);
    uint64_t word = load_word(s);
    for (;;) {
        uint64_t mark = atomic_load_explicit(&s->mark, memory_order_acquire);
        enum lease_result result = judge(word, mark, r);
        uint32_t expiry = slot_expiry(word);
        if (result == LEASE_EXTENDED && expiry < wanted)
            expiry = wanted;
        if (result == LEASE_EXTENDED &&
            !swap_word(s, &word, slot_word(expiry, r->ref.generation, 0)))
            continue;
        if (result == LEASE_EXTENDED)
            raise_mark(s, mark, r);
        *expires_at_s = from_expiry(t, expiry);
        return result;
    }
}

static struct lease_state state_of(const struct lease_table *t, uint64_t word, uint64_t mark)
{
    return (struct lease_state){
        .expires_at_s = from_expiry(t, slot_expiry(word)),
        .cseq = slot_cseq(mark),
        .branch_hash = (uint32_t)mark,
        .is_pending = word & SLOT_PENDING,
    };
}

bool lease_read(const struct lease_table *t, struct lease_ref ref, struct lease_state *out)
{
    const struct slot *s = find(t, ref);
    if (!s || slot_generation(load_word(s)) != ref.generation)
        return false;
    uint64_t mark = atomic_load_explicit(&s->mark, memory_order_acquire);
    uint64_t word = load_word(s); /* again: the mark is this generation's */
    if (slot_generation(word) != ref.generation)
        return false;
    *out = state_of(t, word, mark);
    out->is_unreachable =
        atomic_load_explicit(&s->unreachable, memory_order_relaxed) == ref.generation;
    return true;
}

bool lease_is_due(const struct lease_table *t, struct lease_ref ref)
{
    const struct slot *s = find(t, ref);
    uint64_t word = s ? load_word(s) : 0;
    return s && word & SLOT_BUSY && slot_next_generation(slot_generation(word)) == ref.generation;
}

bool lease_set_unreachable(struct lease_table *t, struct lease_ref ref, bool is_unreachable)
{
    struct slot *s = find(t, ref);
    if (!s || slot_generation(load_word(s)) != ref.generation)
        return false;
    uint32_t to = is_unreachable ? ref.generation : 0;
    uint32_t was = atomic_exchange_explicit(&s->unreachable, to, memory_order_relaxed);
    return (was == ref.generation) != is_unreachable;
}

void lease_set_pending(struct lease_table *t, struct lease_ref ref, bool is_pending)
{
    struct slot *s = find(t, ref);
    if (!s)
        return;
    uint64_t word = load_word(s);
    while (slot_generation(word) == ref.generation) {
        uint64_t to = is_pending ? word | SLOT_PENDING : word & ~(uint64_t)SLOT_PENDING;
        if (swap_word(s, &word, to))
            return;
    }
}

size_t lease_count(const struct lease_table *t)
{
    return atomic_load_explicit(&t->n, memory_order_relaxed);
}

/* ---- the store thread: one slot */

static void count(struct lease_table *t, ptrdiff_t by)
{
    atomic_store_explicit(&t->n, lease_count(t) + (size_t)by, memory_order_relaxed);
}

static uint32_t high(const struct lease_table *t)
{
    return atomic_load_explicit(&t->m.head->high, memory_order_relaxed);
}

/* Readers find no generation while the mark moves, so none pairs an old mark with a new word. */
static void set_slot(struct slot *s, uint64_t word, uint64_t mark)
{
    atomic_store_explicit(&s->word, SLOT_BUSY, memory_order_relaxed);
    atomic_store_explicit(&s->mark, mark, memory_order_release);
    atomic_store_explicit(&s->word, word, memory_order_release);
}

static int find_free(struct lease_table *t, uint32_t *slot)
{
    if (t->free_head) {
        *slot = t->free_head - 1;
        t->free_head = t->m.slots[*slot].next_free;
        return 0;
    }
    *slot = high(t);
    int err = mapping_grow(&t->m, *slot + 1);
    if (!err)
        atomic_store_explicit(&t->m.head->high, *slot + 1, memory_order_release);
    return err;
}

int lease_alloc(struct lease_table *t, uint64_t binding_id, struct lease_ref *out)
{
    uint32_t slot = 0;
    int err = find_free(t, &slot);
    if (err)
        return err;
    struct slot *s = &t->m.slots[slot];
    uint32_t generation = slot_generation(load_word(s));
    if (!generation)
        generation = 1;
    set_slot(s, slot_word(0, generation, SLOT_BUSY), 0);
    atomic_store_explicit(&s->binding_id, binding_id, memory_order_relaxed);
    s->claim = t->claim;
    count(t, 1);
    *out = (struct lease_ref){slot, generation};
    return 0;
}

bool lease_is_of(const struct lease_table *t, struct lease_ref ref, uint64_t binding_id)
{
    const struct slot *s = find(t, ref);
    return s && atomic_load_explicit(&s->binding_id, memory_order_relaxed) == binding_id;
}

bool lease_seize(struct lease_table *t, struct lease_ref ref, uint64_t if_expires_at_s,
                 struct lease_state *out)
{
    struct slot *s = find(t, ref);
    if (!s)
        return false;
    uint64_t word = load_word(s);
    do {
        if (slot_generation(word) != ref.generation || word & SLOT_BUSY)
            return false;
        if (if_expires_at_s && from_expiry(t, slot_expiry(word)) != if_expires_at_s)
            return false;
    } while (!swap_word(s, &word, word | SLOT_BUSY));
    *out = state_of(t, word, atomic_load_explicit(&s->mark, memory_order_acquire));
    return true;
}

struct lease_ref lease_next(const struct lease_table *t, struct lease_ref ref)
{
    (void)t;
    return (struct lease_ref){ref.slot, slot_next_generation(ref.generation)};
}

/* The branch hash of a new generation is the generation, so that no mark comes twice: a refresh
 * that was overtaken cannot take the new mark for the one it saw. */
void lease_publish(struct lease_table *t, struct lease_ref next, uint64_t expires_at_s,
                   uint32_t cseq)
{
    struct slot *s = find(t, next);
    BUG_ON(!s || !(load_word(s) & SLOT_BUSY));
    set_slot(s, slot_word(to_expiry(t, expires_at_s), next.generation, 0),
             slot_mark(cseq, next.generation));
}

void lease_release(struct lease_table *t, struct lease_ref ref)
{
    struct slot *s = find(t, ref);
    BUG_ON(!s || slot_generation(load_word(s)) != ref.generation);
    atomic_fetch_and_explicit(&s->word, ~(uint64_t)SLOT_BUSY, memory_order_acq_rel);
}

/* Busy under the next generation: no handle fits, and none can be extended. */
static void make_free(struct lease_table *t, uint32_t slot)
{
    struct slot *s = &t->m.slots[slot];
    uint32_t generation = slot_next_generation(slot_generation(load_word(s)));
    atomic_store_explicit(&s->binding_id, 0, memory_order_relaxed);
    set_slot(s, slot_word(0, generation, SLOT_BUSY), 0);
    s->next_free = t->free_head;
    t->free_head = slot + 1;
}

void lease_free(struct lease_table *t, struct lease_ref ref)
{
    struct slot *s = find(t, ref);
    BUG_ON(!s || slot_generation(load_word(s)) != ref.generation);
    make_free(t, ref.slot);
    count(t, -1);
}

/* ---- after a start */

bool lease_adopt(struct lease_table *t, struct lease_ref ref, uint64_t binding_id,
                 struct lease_state *out)
{
    *out = (struct lease_state){0};
    struct slot *s = find(t, ref);
    if (!s || s->claim == t->claim || !lease_is_of(t, ref, binding_id))
        return false;
    uint64_t word = load_word(s) & ~(uint64_t)(SLOT_BUSY | SLOT_PENDING);
    *out = state_of(t, word, atomic_load_explicit(&s->mark, memory_order_relaxed));
    if (slot_generation(word) != ref.generation)
        return false;
    atomic_store_explicit(&s->word, word, memory_order_release);
    atomic_store_explicit(&s->unreachable, 0, memory_order_relaxed);
    s->claim = t->claim;
    count(t, 1);
    return true;
}

bool lease_rebuild(struct lease_table *t, struct lease_ref ref, uint64_t binding_id,
                   const struct lease_state *as)
{
    if (!ref.generation || ref.generation >= SLOT_GENERATIONS || ref.slot == UINT32_MAX ||
        mapping_grow(&t->m, ref.slot + 1))
        return false;
    struct slot *s = find(t, ref);
    if (!s || s->claim == t->claim)
        return false;
    if (ref.slot >= high(t))
        atomic_store_explicit(&t->m.head->high, ref.slot + 1, memory_order_release);
    set_slot(s, slot_word(to_expiry(t, as->expires_at_s), ref.generation, 0),
             slot_mark(as->cseq, as->branch_hash));
    atomic_store_explicit(&s->binding_id, binding_id, memory_order_relaxed);
    atomic_store_explicit(&s->unreachable, 0, memory_order_relaxed);
    s->claim = t->claim;
    count(t, 1);
    stats_inc(STAT_LEASE_REBUILT);
    return true;
}

void lease_prolong(struct lease_table *t, struct lease_ref ref, uint64_t expires_at_s)
{
    struct slot *s = find(t, ref);
    uint64_t word = s ? load_word(s) : 0;
    uint32_t wanted = to_expiry(t, expires_at_s);
    if (slot_generation(word) == ref.generation && slot_expiry(word) < wanted)
        atomic_store_explicit(&s->word, slot_word(wanted, ref.generation, word & 3),
                              memory_order_release);
}

size_t lease_collect(struct lease_table *t)
{
    size_t n = 0;
    t->free_head = 0;
    for (uint32_t i = high(t); i-- > 0;) { /* downward: the lowest are given out first */
        struct slot *s = &t->m.slots[i];
        if (s->claim == t->claim)
            continue;
        n += atomic_load_explicit(&s->binding_id, memory_order_relaxed) != 0;
        make_free(t, i);
    }
    return n;
}

/* ---- the clock */

static void read_boot_id(char out[SLOT_BOOT_ID_LEN])
{
    memset(out, 0, SLOT_BOOT_ID_LEN);
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (read(fd, out, SLOT_BOOT_ID_LEN - 1) < 0)
        out[0] = '\0';
    (void)close(fd);
}

/* A boot without a name is like no other. */
static bool is_same_boot(const char *a, const char *b)
{
    return a[0] && strncmp(a, b, SLOT_BOOT_ID_LEN) == 0;
}

/* Where the store's clock stands now, by what the last process wrote; sets the origin. */
static int64_t resume_ms(struct lease_table *t, const struct slot_clock *last, const char *boot_id)
{
    int64_t wall_ms = (int64_t)sys_wall_ms();
    int64_t down_ms = wall_ms - last->wall_ms;
    if (is_same_boot(boot_id, last->boot_id))
        return (int64_t)sys_now_ms() + last->offset_ms;
    if (t->origin == LEASE_SAME_BOOT)
        t->origin = LEASE_CHECKPOINT;
    if (down_ms >= 0 && down_ms <= (int64_t)DOWN_MAX_S * 1000) {
        t->age_s = (uint32_t)(down_ms / 1000);
        return wall_ms - last->wall_ahead_ms;
    }
    t->origin = LEASE_UNKNOWN;
    return last->wall_ms - last->wall_ahead_ms;
}

/* last: NULL where nothing was found. */
static void start_clock(struct lease_table *t, const struct slot_clock *last)
{
    int64_t service_s = (int64_t)sys_service_s();
    int64_t store_ms = service_s * 1000;
    read_boot_id(t->clock.boot_id);
    if (last)
        store_ms = resume_ms(t, last, t->clock.boot_id);
    if (store_ms < (int64_t)(SLOT_EPOCH_S + DAY_S) * 1000) /* a machine that has no clock */
        store_ms = (int64_t)(SLOT_EPOCH_S + DAY_S) * 1000;
    t->clock.offset_ms = store_ms - (int64_t)sys_now_ms();
    t->shift_s = service_s - store_ms / 1000;
    if (t->shift_s == 1 || t->shift_s == -1) /* rounding, not a step */
        t->shift_s = 0;
    struct slot_head *head = t->m.head;
    memcpy(head->boot_id, t->clock.boot_id, SLOT_BOOT_ID_LEN);
    atomic_store(&head->offset_ms, t->clock.offset_ms);
    lease_touch(t);
}

static struct slot_clock clock_now(const struct lease_table *t)
{
    struct slot_clock c = t->clock;
    c.wall_ms = (int64_t)sys_wall_ms();
    c.wall_ahead_ms = c.wall_ms - ((int64_t)sys_now_ms() + c.offset_ms);
    return c;
}

void lease_touch(struct lease_table *t)
{
    struct slot_clock c = clock_now(t);
    atomic_store_explicit(&t->m.head->wall_ahead_ms, c.wall_ahead_ms, memory_order_relaxed);
    atomic_store_explicit(&t->m.head->wall_ms, c.wall_ms, memory_order_relaxed);
}

/* ---- opening */

static struct slot_clock clock_of(const struct slot_head *head)
{
    struct slot_clock c = {
        .offset_ms = head->offset_ms,
        .wall_ahead_ms = head->wall_ahead_ms,
        .wall_ms = head->wall_ms,
    };
    memcpy(c.boot_id, head->boot_id, sizeof c.boot_id - 1);
    return c;
}

static void fill_slots(struct lease_table *t, const struct checkpoint *c)
{
    for (uint32_t i = 0; i < c->n; i++) {
        struct slot *s = &t->m.slots[i];
        s->word = c->entries[i].word;
        s->mark = c->entries[i].mark;
        s->binding_id = c->entries[i].binding_id;
    }
    t->m.head->high = c->n;
}

/* The live table is new: what the disk has. */
static void restore(struct lease_table *t)
{
    struct checkpoint c;
    t->origin = LEASE_NEW;
    if (checkpoint_open(t->state_dir, &c)) {
        start_clock(t, NULL);
        return;
    }
    t->origin = LEASE_CHECKPOINT;
    start_clock(t, &c.clock);
    if (mapping_grow(&t->m, c.n) == 0)
        fill_slots(t, &c);
    else
        t->origin = LEASE_NEW;
    checkpoint_close(&c);
}

static void take_over(struct lease_table *t)
{
    struct slot_clock last = clock_of(t->m.head);
    t->origin = LEASE_SAME_BOOT;
    start_clock(t, &last);
}

int lease_open(const struct lease_conf *conf, struct lease_table **out)
{
    size_t dir_len = strlen(conf->state_dir) + 1;
    struct lease_table *t = calloc(1, sizeof *t + dir_len);
    if (!t)
        return ERR_NOMEM;
    memcpy(t->state_dir, conf->state_dir, dir_len);
    bool is_new;
    int err = mapping_open(conf->runtime_dir, conf->slots_max ? conf->slots_max : SLOTS_MAX, &t->m,
                           &is_new);
    if (err) {
        free(t);
        return err;
    }
    t->claim = ++t->m.head->starts;
    if (is_new)
        restore(t);
    else
        take_over(t);
    err = is_new ? mapping_keep(&t->m, conf->runtime_dir) : 0;
    if (err) {
        mapping_close(&t->m);
        free(t);
        return err;
    }
    t->checkpoint_ms = (uint64_t)conf->checkpoint_s * 1000;
    t->checkpoint_due_ms = sys_now_ms() + t->checkpoint_ms;
    *out = t;
    return 0;
}

enum lease_origin lease_origin(const struct lease_table *t, uint32_t *age_s)
{
    *age_s = t->age_s;
    return t->origin;
}

static int write_checkpoint(struct lease_table *t)
{
    struct slot_clock clock = clock_now(t);
    uint32_t n = atomic_load_explicit(&t->m.head->high, memory_order_acquire);
    int err = checkpoint_write(t->state_dir, &clock, t->m.slots, n);
    stats_inc(err ? STAT_CHECKPOINT_FAILED : STAT_CHECKPOINT);
    return err;
}

int lease_checkpoint(struct lease_table *t)
{
    uint64_t now_ms = sys_now_ms();
    if (now_ms < t->checkpoint_due_ms)
        return 0;
    t->checkpoint_due_ms = now_ms + t->checkpoint_ms;
    return write_checkpoint(t);
}

void lease_close(struct lease_table *t)
{
    if (!t)
        return;
    (void)write_checkpoint(t);
    mapping_close(&t->m);
    free(t);
}
