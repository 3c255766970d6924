#include "sim/outlook.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/sys.h"
#include "conf/upcreds.h"
#include "core/absorb.h"
#include "core/licence.h"
#include "store/leaseview.h"
#include "store/records.h"

enum { ARENA_LIMIT = 16 << 20, ARENA_KEEP = 256 << 10, SLICE = 64 };

struct looking {
    const struct conf *conf;
    const struct outlook_conf *how;
    struct records records;
    struct leaseview *leases;
    struct arena arena;
    struct outlook *rows;
    uint64_t unknown;
    uint64_t then_s; /* when the phones come */
};

/* ---------------------------------------------------------------- one device */

static const struct conf_domain *domain_of(const struct looking *l, struct str aor)
{
    const char *at = str_find(aor, '@');
    return at ? conf_domain_find(l->conf, str_span(at + 1, str_end(aor))) : NULL;
}

static void read_leases(const struct looking *l, const struct aor_record *r,
                        struct lease_view *views)
{
    for (size_t i = 0; i < r->n_bindings; i++) {
        struct lease_state s = {.expires_at_s = r->bindings[i].expires_at_s,
                                .cseq = r->bindings[i].cseq};
        const bool is_held = leaseview_read(l->leases, r->bindings[i].lease, &s);
        if (l->how->is_kept && s.expires_at_s >= sys_service_s())
            s.expires_at_s = l->then_s + r->bindings[i].granted_s;
        views[i] =
            (struct lease_view){.is_held = is_held, .expires_at_s = s.expires_at_s, .cseq = s.cseq};
    }
}

struct device {
    struct register_contact contact;
    struct register_view view;
};

static void imagine(const struct looking *l, const struct conf_domain *d,
                    const struct aor_record *r, size_t at, struct device *out)
{
    const struct binding *b = &r->bindings[at];
    out->contact = (struct register_contact){.uri = b->contact,
                                             .params = b->params,
                                             .instance = b->instance,
                                             .reg_id = b->reg_id,
                                             .q = b->q,
                                             .expires_s = b->granted_s};
    out->view = (struct register_view){
        .aor = r->aor,
        .call_id = l->how->is_rebooted ? STR("after a restart") : b->call_id,
        .contacts = &out->contact,
        .n_contacts = 1,
        .expires_s = -1,
        .way = b->way,
        .path = b->path,
        .user_agent = b->user_agent,
        .methods = b->methods,
        .has_authorization = b->proof.kind == PROOF_UPSTREAM && !l->how->is_rebooted,
        .is_source_trusted = d->n_list_names > 0,
        .is_proven = d->absorb.authentication == AUTH_LOCAL,
        .has_account = upcreds_has(d->upcreds, r->aor, d->name),
        .branch_hash = 1,
    };
    if (l->how->is_rebound)
        out->view.way.peer.port ^= 1;
}

static bool is_answered_here(const struct verdict *v)
{
    return v->what == VERDICT_ABSORB || v->what == VERDICT_COMMIT || v->what == VERDICT_REJECT;
}

/* Where it is not answered here, but would be if there were no turn (D56a). */
static void judge(struct looking *l, const struct conf_domain *d, const struct aor_record *r,
                  const struct lease_view *leases, size_t at)
{
    struct outlook *row = &l->rows[d->upstream - l->conf->upstreams];
    struct device device;
    struct absorb_input in = {.conf = &d->absorb,
                              .view = &device.view,
                              .now_state = r,
                              .leases = leases,
                              .now_s = l->then_s};
    imagine(l, d, r, at, &device);
    device.view.cseq = leases[at].cseq + 1;
    struct verdict v = absorb_decide(&in, NULL);
    row->devices++;
    if (is_answered_here(&v)) {
        row->absorbed++;
        return;
    }
    const uint64_t n = r->bindings[at].proof.kind == PROOF_UPSTREAM ? 2 : 1;
    in.is_upstream_busy = true;
    v = absorb_decide(&in, NULL);
    row->registers += n;
    if (is_answered_here(&v)) {
        row->postponed++;
    } else {
        row->waiting++;
        row->unlicensed += n;
    }
}

/* ---------------------------------------------------------------- all of them */

static void judge_record(struct looking *l, const struct aor_record *r)
{
    struct lease_view leases[RECORD_BINDINGS_MAX];
    const struct conf_domain *d = domain_of(l, r->aor);
    if (!d || !d->upstream) {
        l->unknown += r->n_bindings;
        return;
    }
    read_leases(l, r, leases);
    for (size_t i = 0; i < r->n_bindings; i++)
        if (leases[i].expires_at_s >= sys_service_s())
            judge(l, d, r, leases, i);
}

/* What is read in one snapshot. */
struct slice {
    const struct aor_record *records[SLICE];
    size_t n;
    size_t at_len;
    char at[RECORDS_AOR_MAX]; /* the last one that was looked at */
};

/* ERR_ABSENT: that was all. */
static int read_records(struct looking *l, struct lmdb_txn *t, struct slice *s)
{
    struct aor_record *r;
    struct str aor;
    for (size_t n = 0; n < SLICE; n++) {
        int err = records_next(t, &l->arena, (struct str){s->at, s->at_len}, &aor);
        if (err)
            return err;
        s->at_len = aor.n < sizeof s->at ? aor.n : sizeof s->at;
        memcpy(s->at, aor.p, s->at_len);
        err = records_get(&l->records, t, &l->arena, aor, &r);
        if (err == ERR_NOMEM || err == ERR_IO)
            return err;
        if (!err) /* damaged: the daemon tells */
            s->records[s->n++] = r;
    }
    return 0;
}

/* Who is stopped by Ctrl-Z must not keep a snapshot meanwhile: the daemon could free no page. */
static int read_slice(struct looking *l, struct lmdb_reader *reader, struct slice *s)
{
    sigset_t stops, before;
    (void)sigemptyset(&stops);
    (void)sigaddset(&stops, SIGTSTP);
    (void)sigaddset(&stops, SIGTTOU);
    (void)sigaddset(&stops, SIGTTIN);
    (void)pthread_sigmask(SIG_BLOCK, &stops, &before);
    s->n = 0;
    int err = read_records(l, lmdb_reader_begin(reader), s);
    lmdb_reader_end(reader);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return err;
}

static int scan(struct looking *l)
{
    struct lmdb_reader *reader;
    struct slice s = {.n = 0};
    int err = lmdb_reader_new(l->records.env, &reader);
    if (err)
        return err;
    while (!err) {
        arena_reset(&l->arena, ARENA_KEEP);
        err = read_slice(l, reader, &s);
        for (size_t i = 0; i < s.n; i++)
            judge_record(l, s.records[i]);
    }
    lmdb_reader_free(reader);
    return err == ERR_ABSENT ? 0 : err;
}

static int open_records(struct looking *l)
{
    const size_t n = l->conf->n_listens;
    const char **names = arena_alloc(&l->arena, (n + 1) * sizeof *names);
    if (!names)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        names[i] = l->conf->listens[i].name;
    return records_open(
        &(struct records_conf){
            .dir = l->conf->state_dir, .is_synced = true, .is_readonly = true, .names = {names, n}},
        &l->records);
}

static int look(struct looking *l)
{
    struct arena names;
    int err = leaseview_open(l->conf->runtime_dir, &l->leases);
    if (err)
        return err;
    arena_init(&l->arena, ARENA_LIMIT);
    err = open_records(l);
    names = l->arena; /* lives as long as the records are open */
    arena_init(&l->arena, ARENA_LIMIT);
    if (!err) {
        l->records.shift_s = leaseview_shift_s(l->leases);
        err = scan(l);
        records_close(&l->records);
    }
    arena_fini(&l->arena);
    arena_fini(&names);
    leaseview_close(l->leases);
    return err;
}

int outlook_take(const struct conf *conf, const struct outlook_conf *how, struct outlook **out,
                 uint64_t *unknown)
{
    struct looking l = {.conf = conf, .how = how};
    l.then_s = sys_service_s() + how->outage_s;
    l.rows = calloc(conf->n_upstreams + 1, sizeof *l.rows);
    if (!l.rows)
        return ERR_NOMEM;
    for (size_t i = 0; i < conf->n_upstreams; i++)
        l.rows[i].upstream = &conf->upstreams[i];
    int err = look(&l);
    if (err) {
        free(l.rows);
        return err;
    }
    *unknown = l.unknown;
    *out = l.rows;
    return 0;
}
