#include "core/upkeep.h"

enum { HOUR_S = 3600, MARGIN_S = 64 };

static const struct {
    uint32_t first_s, most_s;
} waits[] = {[UPKEEP_TROUBLE] = {30, 300}, [UPKEEP_REFUSED] = {300, HOUR_S}};

uint32_t upkeep_wait_s(enum upkeep_failure what, unsigned n_before, uint32_t retry_after_s)
{
    uint32_t s = waits[what].first_s;
    uint32_t asked_s = retry_after_s < HOUR_S ? retry_after_s : HOUR_S;
    for (unsigned i = 0; i < n_before && s < waits[what].most_s; i++)
        s *= 2;
    s = s < waits[what].most_s ? s : waits[what].most_s;
    return s > asked_s ? s : asked_s;
}

uint32_t upkeep_jitter_s(uint32_t granted_s, uint64_t draw)
{
    return (uint32_t)(draw % (granted_s / 20 + 1));
}

uint32_t upkeep_refresh_in_s(uint32_t granted_s, uint64_t draw)
{
    uint32_t early_s = granted_s / 10 > MARGIN_S ? granted_s / 10 : MARGIN_S;
    early_s = early_s < granted_s / 2 ? early_s : granted_s / 2;
    uint32_t s = granted_s - early_s - upkeep_jitter_s(granted_s, draw);
    return s ? s : 1;
}
