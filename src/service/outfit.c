#include "service/outfit.h"

#include "base/err.h"
#include "service/auth.h"
#include "service/gruuseal.h"
#include "service/keepalive.h"
#include "service/keeper.h"
#include "service/ledger.h"
#include "service/noise.h"
#include "service/ongoing.h"
#include "service/pacer.h"
#include "service/probe.h"
#include "service/refused.h"
#include "service/registrar.h"
#include "service/renew.h"
#include "service/servers.h"
#include "service/shadow.h"
#include "service/trail.h"
#include "service/txn.h"
#include "service/upstream.h"
#include "sip/digest_answer.h"
#include "store/store.h"

/* What is remembered of whom. */
static int make_memory(struct context *c)
{
    int err = refused_new(&c->refused);
    if (!err)
        err = trail_new(&c->trail);
    if (!err)
        err = ledger_new(&c->loop_key, &c->ledger);
    if (!err)
        err = shadow_new(&c->loop_key, &c->shadow);
    if (!err)
        err = noise_new(hash_str(&c->loop_key, STR("noise")), &c->noise);
    return err;
}

static int make_registration(struct context *c)
{
    int err = upstream_new(c, &(struct upstream_calls){registrar_resume, renew_look}, &c->upstream);
    if (!err)
        err = pacer_new(c, &(struct pacer_calls){registrar_resume, renew_look}, &c->pacer);
    if (!err)
        err = keeper_new(c, renew_now, &c->keeper);
    if (!err)
        err = probe_new(c, &c->probes);
    if (!err)
        err = keepalive_new(c, &c->keepalive);
    return err;
}

int outfit_new(struct context *c, const struct token_key *nonce_key)
{
    const struct txn_conf tc = {.loop = c->loop,
                                .flows = c->flows,
                                .marks = &c->marks,
                                .max = c->conf->limits.max_transactions,
                                .reopen = servers_reopen,
                                .arg = c};
    int err = txn_table_new(&tc, &c->txns);
    if (!err)
        err = digest_answer_new(&c->digest);
    if (!err)
        err = store_reader_new(c->store, &c->reader);
    if (!err)
        err = auth_new(nonce_key, &c->auth);
    if (!err)
        err = gruuseal_new(&c->token_key, &c->gruuseal);
    if (!err)
        err = make_memory(c);
    if (!err)
        err = make_registration(c);
    if (!err)
        err = ongoing_new(c, &c->ongoing);
    return err;
}

void outfit_free(struct context *c)
{
    probe_free(c->probes);
    keepalive_free(c->keepalive);
    txn_table_free(c->txns);
    ongoing_free(c->ongoing);
    pacer_free(c->pacer);
    upstream_free(c->upstream);
    refused_free(c->refused);
    trail_free(c->trail);
    ledger_free(c->ledger);
    shadow_free(c->shadow);
    noise_free(c->noise);
    auth_free(c->auth);
    gruuseal_free(c->gruuseal);
    keeper_free(c->keeper);
    store_reader_free(c->reader);
    digest_answer_free(c->digest);
}
