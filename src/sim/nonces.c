#include "sim/nonces.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/hash.h"

enum { RING = 1 << 20, ID_LEN = 8, TAG_LEN = 16 };

struct nonce {
    uint64_t issued_ms; /* 0: this place has never been taken */
    uint32_t id, count, cseq;
    bool is_used;
};

struct nonces {
    struct hash_key key; /* makes nonces that nobody can guess */
    uint64_t lifetime_ms;
    uint32_t next_id;
    struct nonce *ring; /* RING; the system gives it pages as they are used */
};

int nonces_new(uint32_t lifetime_s, struct nonces **out)
{
    struct nonces *n = calloc(1, sizeof *n);
    if (!n)
        return ERR_NOMEM;
    n->key = hash_key_new();
    n->lifetime_ms = lifetime_s * 1000ULL;
    n->ring = calloc(RING, sizeof *n->ring);
    if (!n->ring) {
        nonces_free(n);
        return ERR_NOMEM;
    }
    *out = n;
    return 0;
}

void nonces_free(struct nonces *n)
{
    if (!n)
        return;
    free(n->ring);
    free(n);
}

static void print(const struct nonces *n, const struct nonce *e, struct buf *out)
{
    const uint64_t seed[] = {e->issued_ms, e->id};
    const uint64_t tag = hash_bytes(&n->key, seed, sizeof seed);
    buf_add_hex(out, &e->id, sizeof e->id);
    buf_add_hex(out, &tag, sizeof tag);
}

void nonces_add(struct nonces *n, uint64_t now_ms, struct buf *out)
{
    struct nonce *e = &n->ring[n->next_id % RING];
    *e = (struct nonce){.issued_ms = now_ms, .id = n->next_id++};
    print(n, e, out);
}

/* The place that the text was made from; NULL: not one of ours, or its place was taken again. */
static struct nonce *find(const struct nonces *n, struct str text)
{
    uint8_t raw[ID_LEN / 2];
    uint32_t id;
    char want[ID_LEN + TAG_LEN];
    if (text.n != sizeof want)
        return NULL;
    for (size_t i = 0; i < sizeof raw; i++) {
        int high = ascii_hex(text.p[2 * i]), low = ascii_hex(text.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return NULL;
        raw[i] = (uint8_t)(high << 4 | low);
    }
    memcpy(&id, raw, sizeof id);
    struct nonce *e = &n->ring[id % RING];
    struct buf out = buf_over(want, sizeof want);
    print(n, e, &out);
    return e->issued_ms && str_eq(buf_str(&out), text) ? e : NULL;
}

bool nonces_use(struct nonces *n, const struct nonces_use *use, uint64_t now_ms)
{
    struct nonce *e = find(n, use->nonce);
    if (!e || now_ms - e->issued_ms > n->lifetime_ms)
        return false;
    const bool is_repeat = e->is_used && use->cseq == e->cseq && use->count == e->count;
    const bool is_counted_up = use->count == 0 || use->count > e->count;
    if (!is_repeat && (!is_counted_up || (use->is_once && e->is_used)))
        return false;
    e->is_used = true;
    e->count = use->count;
    e->cseq = use->cseq;
    return true;
}
