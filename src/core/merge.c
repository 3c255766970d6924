#include "core/merge.h"

#include "base/err.h"

enum { COUNT_BITS = 16, WORD_LEN = 8, BYTE_BITS = 8 };

static int compare(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

int merge_compare(struct merge_version a, struct merge_version b)
{
    int order = compare(a.high, b.high);
    return order ? order : compare(a.low, b.low);
}

static void put_word(uint64_t v, uint8_t *out)
{
    for (int i = WORD_LEN; i-- > 0; v >>= BYTE_BITS)
        out[i] = (uint8_t)v;
}

static uint64_t get_word(const char *p)
{
    uint64_t v = 0;
    for (int i = 0; i < WORD_LEN; i++)
        v = v << BYTE_BITS | (uint8_t)p[i];
    return v;
}

void merge_encode(struct merge_version v, uint8_t out[MERGE_BYTES])
{
    put_word(v.high, out);
    put_word(v.low, out + WORD_LEN);
}

int merge_decode(struct str bytes, struct merge_version *out)
{
    if (bytes.n != MERGE_BYTES)
        return ERR_PARSE;
    *out = (struct merge_version){get_word(bytes.p), get_word(bytes.p + WORD_LEN)};
    return 0;
}

/* ---------------------------------------------------------------- the clock */

static uint64_t at_least(uint64_t v, uint64_t min)
{
    return v > min ? v : min;
}

/* Of the last of all stamps there is none above; no clock comes there, and MERGE_AHEAD lets no row
 * of another node come near it. */
static uint64_t above(uint64_t v)
{
    return v == UINT64_MAX ? v : v + 1;
}

struct merge_version merge_stamp(struct merge_clock *c, uint64_t wall_ms, uint64_t node,
                                 const struct merge_version *replaced)
{
    uint64_t stamp = at_least(wall_ms << COUNT_BITS, above(c->last));
    if (replaced)
        stamp = at_least(stamp, above(replaced->high));
    c->last = stamp;
    return (struct merge_version){stamp, node};
}

enum merge_skew merge_skew(struct merge_version v, uint64_t wall_ms, uint64_t *wait_ms)
{
    uint64_t at_ms = v.high >> COUNT_BITS;
    uint64_t ahead_ms = at_ms > wall_ms ? at_ms - wall_ms : 0;
    *wait_ms = ahead_ms > MERGE_AHEAD_MS ? ahead_ms - MERGE_AHEAD_MS : 0;
    if (*wait_ms)
        return MERGE_AHEAD;
    return ahead_ms > MERGE_SKEW_MS ? MERGE_SKEWED : MERGE_IN_TIME;
}

/* ---------------------------------------------------------------- rows */

enum merge_verdict merge_decide(const struct merge_row *ours, bool has_flow,
                                const struct merge_row *theirs)
{
    if (!ours)
        return MERGE_TAKE;
    if (merge_compare(ours->version, theirs->version) >= 0)
        return MERGE_KEEP;
    bool is_outdated = has_flow && !ours->is_removal && str_eq(ours->call_id, theirs->call_id) &&
                       ours->cseq > theirs->cseq;
    return is_outdated ? MERGE_ASSERT : MERGE_TAKE;
}
