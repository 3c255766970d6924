#include "service/natlife.h"

#include <string.h>

#include "base/stats.h"

enum { NET_BYTES_V4 = 3, NET_BYTES_V6 = 6 };

/* The network in one word; never 0. */
static uint64_t network_of(const struct addr *device)
{
    uint8_t bytes[8] = {device->family};
    memcpy(bytes + 1, device->ip, device->family == 4 ? NET_BYTES_V4 : NET_BYTES_V6);
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

static uint64_t pack(uint32_t interval_s, uint64_t at_s)
{
    return (uint64_t)interval_s << 48 | (at_s & 0xffffffffffff);
}

static uint32_t interval_of(uint64_t learned)
{
    return (uint32_t)(learned >> 48);
}

static uint64_t changed_s(uint64_t learned)
{
    return learned & 0xffffffffffff;
}

static uint64_t load(const _Atomic uint64_t *word)
{
    return atomic_load_explicit(word, memory_order_relaxed);
}

static struct natlife_entry *set_of(struct natlife *n, uint64_t network)
{
    return n->sets[hash_bytes(&n->key, &network, sizeof network) % NATLIFE_SETS];
}

static struct natlife_entry *find(struct natlife *n, uint64_t network)
{
    struct natlife_entry *set = set_of(n, network);
    for (size_t i = 0; i < NATLIFE_WAYS; i++)
        if (load(&set[i].network) == network)
            return &set[i];
    return NULL;
}

static void forget(struct natlife_entry *e, uint64_t network)
{
    if (atomic_compare_exchange_strong(&e->network, &network, 0))
        stats_add(STAT_NAT_NETWORKS, -1);
}

/* One step longer; a second thread that finds the same loses. */
static uint32_t relax(struct natlife_entry *e, uint64_t network, uint32_t wanted_s, uint64_t now_s)
{
    uint64_t learned = load(&e->learned);
    uint32_t longer_s = interval_of(learned) + interval_of(learned) / 4;
    if (longer_s >= wanted_s) {
        forget(e, network);
        return wanted_s;
    }
    (void)atomic_compare_exchange_strong(&e->learned, &learned, pack(longer_s, now_s));
    return longer_s;
}

uint32_t natlife_interval_s(struct natlife *n, const struct addr *device, uint32_t wanted_s,
                            uint64_t now_s)
{
    uint64_t network = network_of(device);
    struct natlife_entry *e = find(n, network);
    if (!e)
        return wanted_s;
    uint64_t learned = load(&e->learned);
    uint32_t interval_s = interval_of(learned);
    if (changed_s(learned) + NATLIFE_CALM_S <= now_s)
        interval_s = relax(e, network, wanted_s, now_s);
    return interval_s && interval_s < wanted_s ? interval_s : wanted_s;
}

/* A free place, else that of the network that was changed the longest ago. */
static struct natlife_entry *place_for(struct natlife *n, uint64_t network)
{
    struct natlife_entry *set = set_of(n, network), *oldest = set;
    for (size_t i = 0; i < NATLIFE_WAYS; i++) {
        if (load(&set[i].network) == 0)
            return &set[i];
        if (changed_s(load(&set[i].learned)) < changed_s(load(&oldest->learned)))
            oldest = &set[i];
    }
    return oldest;
}

/* Two threads that write one place leave one of both networks with an interval that is too short
 * for a while: more keepalives, and no more. */
static void learn(struct natlife *n, uint64_t network, uint32_t interval_s, uint64_t now_s)
{
    struct natlife_entry *e = find(n, network);
    if (!e)
        e = place_for(n, network);
    atomic_store_explicit(&e->learned, pack(interval_s, now_s), memory_order_relaxed);
    uint64_t before = atomic_exchange_explicit(&e->network, network, memory_order_relaxed);
    stats_add(STAT_NAT_NETWORKS, before == 0);
    stats_add(STAT_NAT_FORGOTTEN, before != 0 && before != network);
    stats_inc(STAT_NAT_SHORTENED);
}

bool natlife_on_loss(struct natlife *n, const struct addr *device, uint32_t wanted_s,
                     uint64_t heard_s, uint64_t now_s)
{
    uint64_t network = network_of(device);
    uint32_t used_s = natlife_interval_s(n, device, wanted_s, now_s);
    const struct natlife_entry *e = find(n, network);
    if (used_s <= NATLIFE_MIN_S || (e && changed_s(load(&e->learned)) >= heard_s))
        return false;
    uint32_t shorter_s = used_s - used_s / 4;
    learn(n, network, shorter_s < NATLIFE_MIN_S ? NATLIFE_MIN_S : shorter_s, now_s);
    return true;
}
