/* One REGISTER that is not answered at once: waiting for its turn, for upstream, or for the store.
 * It lives until its transactions have ended and the store has answered. Also our own refreshes
 * and removals, which have no phone behind them. The worker's thread. */
#ifndef BW_SERVICE_REG_H
#define BW_SERVICE_REG_H

#include "base/list.h"
#include "conf/conf.h"
#include "core/pace.h"
#include "net/inbox.h"
#include "net/wheel.h"
#include "service/pulse.h"
#include "service/regchange.h"
#include "service/regview.h"
#include "service/upreq.h"

struct leg;
struct queue;
struct txn;

struct reg {
    struct list link; /* among those that wait for a leg, or all others */
    struct context *context;
    struct conf *conf; /* the reference behind view.domain */
    struct arena arena;
    struct txn *server; /* NULL: our own, or the phone has its answer and is done with */
    struct txn *client;
    struct flow_ref flow; /* where the phone's came from */
    struct way before;    /* how the device was reached so far; all zero: it was not */
    struct pulse_past past;
    struct regview v;
    struct upreq up;
    enum reason reason; /* why it was not absorbed */
    struct leg *leg;
    struct queue *queue; /* of the pacer, that it waits in */
    struct wheel_timer patience;
    enum pace_class pace_class;
    uint64_t waits_since_ms; /* for a turn upstream; 0: it never did */
    uint64_t came_ms, sent_ms;
    const struct msg *answer;                /* upstream's 2xx while the store commits it */
    unsigned n_attempts;                     /* to commit it under its licence */
    uint64_t leaving[REGCHANGE_LEAVING_MAX]; /* registrations whose removal rides along (D58) */
    size_t n_leaving;
    unsigned n_answers;     /* to challenges */
    unsigned status;        /* of upstream's answer; 0: none came */
    uint32_t retry_after_s; /* as upstream asked; 0: it did not */
    uint64_t left_alone_s;  /* the account of ours that upstream refuses */
    bool is_own;
    bool is_heard;      /* our own, or from where a device of the line is */
    bool is_held;       /* our own, of what upstream has by the record */
    bool has_unblocked; /* upstream was silent too long; others may go */
    bool is_silent;     /* and the phone waits no longer (D61) */
    bool has_tried_423;
    bool is_answer;      /* to a challenge, by the turn that was kept for it: never held back */
    bool is_held_back;   /* no server that it could go to lets it now: not sent (RFC 7339) */
    unsigned n_upstream; /* registrations of the line that upstream holds by the record */
    unsigned n_beside;   /* those of them that this one does not concern */
    unsigned n_storing;  /* changes that the store has not answered */
};

/* From a phone's REGISTER: makes its server transaction and copies the view. ERR_FULL, ERR_NOMEM.
 */
int reg_new(struct context *c, const struct packet *p, const struct msg *m, const struct regview *v,
            struct reg **out);

/* Our own for an upstream registration of an AoR. ERR_NOMEM. */
int reg_new_own(struct context *c, const struct conf_domain *domain, struct str aor,
                struct reg **out);

/* The phone's REGISTER; NULL for our own, and once it has been answered and is gone. */
const struct msg *reg_request(const struct reg *r);

/* Answers the phone, once; nothing for our own. */
void reg_answer(struct reg *r, const struct build_reply *reply);
void reg_refuse(struct reg *r, enum reason why, unsigned status);

/* The answer is made elsewhere, with Via and identifiers restored. */
void reg_answer_bytes(struct reg *r, unsigned status, struct str bytes);

/* Upstream's answer, with Via and identifiers restored. */
void reg_pass_answer(struct reg *r, const struct msg *m);

bool reg_is_answered(const struct reg *r);

/* 200 with all bindings, from the record as it is now; edits the upstream's 2xx where there is
 * one. 500 if the record has lost by now what the phone has asked for (D44). */
void reg_answer_ok(struct reg *r);

/* Hands a change to the store; the result comes to on_result with the reg as cookie. */
int reg_store(struct reg *r, const struct regchange *change, inbox_fn *on_result);

/* When nothing holds it any more. An answer that cannot be sent ends its transaction at once, so it
 * stays valid for who has it in hand: until reg_reap. */
void reg_free_if_done(struct reg *r);

/* At the end of each loop turn. */
void reg_reap(struct context *c);

/* The worker ends: what still waits is forgotten. */
void reg_free_all(struct context *c);

/* One line per decision (debug) and its counter. */
void reg_count(const struct conf_domain *d, struct str aor, enum reason why);

/* The same of a REGISTER under way, and it is put on the worker's trail. status: of the answer; 0:
 * there is none. */
void reg_decided(const struct reg *r, enum reason why, unsigned status);

/* How long upstream's Retry-After leaves it alone (D56). */
uint32_t reg_left_alone_s(const struct reg *r);

#endif
