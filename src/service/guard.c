#include "service/guard.h"

#include "base/stats.h"

/* Nothing shorter than a start line with its blank line can be SIP. */
enum { SHORTEST = 16, KEEPALIVE_MAX = 4 };

/* Phones hold their pinhole open with CRLFs, or with up to four NULs. */
static bool is_keepalive(struct str bytes)
{
    if (bytes.n > KEEPALIVE_MAX)
        return false;
    for (size_t i = 0; i < bytes.n; i++)
        if (bytes.p[i] != '\r' && bytes.p[i] != '\n' && bytes.p[i] != '\0')
            return false;
    return true;
}

bool guard_admit(const struct packet *p)
{
    if (is_keepalive(p->bytes)) {
        stats_inc(STAT_KEEPALIVE);
        return false;
    }
    if (p->bytes.n < SHORTEST) {
        stats_inc(STAT_NOT_SIP);
        return false;
    }
    return true;
}
