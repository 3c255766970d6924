#include "service/nonce.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/sys.h"

/* Of the 32 bytes of the HMAC 12 go into the text, so that the challenge stays short. */
enum { RING = 1 << 16, FIELDS_LEN = 16, MAC_LEN = 12, WINDOW = 64 };

/* What has come with a nonce. Its place follows from its number. */
struct use {
    uint64_t request; /* that came with the highest count */
    uint64_t seen;    /* bit i: the count `highest - i` */
    uint32_t number;
    uint32_t highest;
    bool is_taken;
};

struct nonce_mint {
    struct seal *seal;
    uint32_t home;    /* random: this worker since its start */
    uint32_t next;    /* number */
    struct use *ring; /* RING; the system gives it pages as they are used */
};

struct fields {
    uint32_t issued_s, home, number, source;
};

int nonce_new(struct seal *seal, struct nonce_mint **out)
{
    struct nonce_mint *n = calloc(1, sizeof *n);
    if (!n)
        return ERR_NOMEM;
    n->seal = seal;
    sys_random(&n->home, sizeof n->home);
    n->ring = calloc(RING, sizeof *n->ring);
    if (!n->ring) {
        nonce_free(n);
        return ERR_NOMEM;
    }
    *out = n;
    return 0;
}

void nonce_free(struct nonce_mint *n)
{
    if (!n)
        return;
    free(n->ring);
    free(n);
}

/* ---------------------------------------------------------------- text */

static bool print(const struct nonce_mint *n, const struct fields *f, struct str realm,
                  char out[NONCE_LEN])
{
    uint8_t mac[TOKEN_MAC_LEN];
    BUG_ON(sizeof *f != FIELDS_LEN);
    const struct str parts[] = {STR("nonce"), realm, {(const char *)f, sizeof *f}};
    struct buf text = buf_over(out, NONCE_LEN);
    bool is_made = seal_make(n->seal, parts, 3, mac);
    buf_add_hex(&text, f, sizeof *f);
    buf_add_hex(&text, mac, MAC_LEN);
    return is_made;
}

struct str nonce_print(struct nonce_mint *n, const struct nonce_scope *scope, uint64_t now_s,
                       char out[NONCE_LEN])
{
    const struct fields f = {(uint32_t)now_s, n->home, n->next++, scope->source};
    return print(n, &f, scope->realm, out) ? (struct str){out, NONCE_LEN} : STR("");
}

static bool read_fields(struct str text, struct fields *out)
{
    uint8_t bytes[FIELDS_LEN];
    if (text.n != NONCE_LEN)
        return false;
    for (size_t i = 0; i < sizeof bytes; i++) {
        int high = ascii_hex(text.p[2 * i]), low = ascii_hex(text.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    memcpy(out, bytes, sizeof bytes);
    return true;
}

enum nonce_age nonce_parse(struct nonce_mint *n, struct str text, const struct nonce_scope *scope,
                           uint64_t now_s, uint32_t *number)
{
    char want[NONCE_LEN];
    struct fields f;
    if (!read_fields(text, &f) || !print(n, &f, scope->realm, want) ||
        CRYPTO_memcmp(want, text.p, NONCE_LEN) != 0)
        return NONCE_FOREIGN;
    *number = f.number;
    bool is_young = (uint32_t)now_s - f.issued_s <= NONCE_LIFE_S;
    bool is_at_home = f.home == n->home && f.source == scope->source;
    return is_young && is_at_home ? NONCE_YOUNG : NONCE_OLD;
}

/* ---------------------------------------------------------------- counts */

static bool is_later(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) > 0;
}

static enum nonce_outcome begin(struct use *u, const struct nonce_use *use)
{
    if (u->is_taken && is_later(u->number, use->number))
        return NONCE_USED_UP;
    *u = (struct use){.request = use->request,
                      .seen = 1,
                      .number = use->number,
                      .highest = use->count,
                      .is_taken = true};
    return NONCE_TAKEN;
}

static enum nonce_outcome count_up(struct use *u, const struct nonce_use *use)
{
    uint32_t ahead = use->count - u->highest;
    u->seen = ahead < WINDOW ? u->seen << ahead | 1 : 1;
    u->highest = use->count;
    u->request = use->request;
    return NONCE_TAKEN;
}

static enum nonce_outcome come_late(struct use *u, const struct nonce_use *use)
{
    uint32_t behind = u->highest - use->count;
    if (behind == 0 && use->may_repeat && u->request == use->request)
        return NONCE_TAKEN;
    if (behind >= WINDOW || u->seen >> behind & 1)
        return NONCE_REPLAYED;
    u->seen |= (uint64_t)1 << behind;
    return NONCE_TAKEN;
}

enum nonce_outcome nonce_take(struct nonce_mint *n, const struct nonce_use *use)
{
    struct use *u = &n->ring[use->number % RING];
    if (!u->is_taken || u->number != use->number)
        return begin(u, use);
    bool is_counted = use->count && u->highest;
    bool is_same = use->may_repeat && use->request == u->request;
    if (!is_counted && (use->count != u->highest || !is_same))
        return NONCE_USED_UP;
    return use->count > u->highest ? count_up(u, use) : come_late(u, use);
}
