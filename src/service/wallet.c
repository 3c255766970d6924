#include "service/wallet.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/sys.h"

/* How long after its end a refusal is remembered: the next one is then met with more patience. */
enum { REMEMBER_S = 600 };

void wallet_forget(struct wallet *w, struct wallet_nonce *n)
{
    free(n->block);
    *n = w->list[--w->n];
}

void wallet_empty(struct wallet *w)
{
    while (w->n)
        wallet_forget(w, &w->list[w->n - 1]);
    w->keep_until_s = 0;
}

struct wallet_nonce *wallet_find(struct wallet *w, const struct demand *c)
{
    for (size_t i = 0; i < w->n; i++) {
        const struct demand *known = &w->list[i].challenge;
        if (known->is_proxy == c->is_proxy && str_eq(known->digest.realm, c->digest.realm))
            return &w->list[i];
    }
    return NULL;
}

/* Moves what a slice points to behind what is in the block. */
static void keep(struct str *s, char **at)
{
    if (s->n)
        memcpy(*at, s->p, s->n);
    *s = str_is_none(*s) ? STR_NONE : (struct str){*at, s->n};
    *at += s->n;
}

static bool fill(struct wallet_nonce *n, const struct demand *c)
{
    struct digest_challenge *d = &n->challenge.digest;
    uint8_t random[WALLET_CNONCE_LEN / 2];
    struct buf cnonce = buf_over(n->cnonce, sizeof n->cnonce);
    *n = (struct wallet_nonce){.challenge = *c};
    n->block = malloc(c->digest.realm.n + c->digest.nonce.n + c->digest.opaque.n +
                      c->digest.algorithm.n + 1);
    if (!n->block)
        return false;
    char *at = n->block;
    keep(&d->realm, &at);
    keep(&d->nonce, &at);
    keep(&d->opaque, &at);
    keep(&d->algorithm, &at);
    d->domain = d->qop = STR_NONE;
    sys_random(random, sizeof random);
    buf_add_hex(&cnonce, random, sizeof random);
    return true;
}

bool wallet_put(struct wallet *w, const struct demand *c)
{
    struct wallet_nonce fresh, *old = wallet_find(w, c);
    if ((!old && w->n == WALLET_MAX) || !fill(&fresh, c))
        return false;
    if (old)
        free(old->block);
    fresh.is_asked = true;
    *(old ? old : &w->list[w->n++]) = fresh;
    return true;
}

void wallet_renew(struct wallet *w, struct wallet_nonce *n, struct str nonce)
{
    struct wallet_nonce fresh;
    struct demand next = n->challenge;
    next.digest.nonce = nonce;
    if (next.is_session || !fill(&fresh, &next)) {
        wallet_forget(w, n);
        return;
    }
    free(n->block);
    *n = fresh;
}

uint64_t wallet_keep_ms(const struct wallet *w, uint64_t now_s)
{
    uint64_t until_s = w->refused_hash ? w->refused_until_s + REMEMBER_S : 0;
    if (w->n && w->keep_until_s > until_s)
        until_s = w->keep_until_s;
    return until_s > now_s ? (until_s - now_s) * 1000 : 0;
}
