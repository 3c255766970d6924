#include "core/txnfsm.h"

#include <stddef.h>

/* Short words, so that each machine fits on a screen. */
#define GO(state, does)                                                                            \
    {                                                                                              \
        TXN_##state, (does)                                                                        \
    }

enum {
    SEND = TXN_SEND,
    RESEND = TXN_RESEND,
    ACK = TXN_SEND_ACK,
    UP = TXN_UP,
    GIVE_UP = TXN_UP_TIMEOUT,
    FAIL = TXN_UP_ERROR,
    REPEAT = TXN_ARM_RETRANSMIT,
    QUIET = TXN_STOP_RETRANSMIT,
    TIMEOUT = TXN_ARM_TIMEOUT,
    LINGER = TXN_ARM_LINGER,
    PATIENT = TXN_STOP_LIFE,
    WATCH = TXN_ARM_LATE,
    LATE = TXN_UP_LATE
};

typedef const struct txnfsm_step machine[TXN_STATES][TXN_EVENTS];

/* clang-format off */

/* RFC 3261 figure 5, RFC 6026 figure 3. Proceeding waits for ever; a proxy's Timer C bounds it. */
static machine invite_client = {
    [TXN_TRYING] = {
        [TXN_EV_START]      = GO(TRYING, SEND | REPEAT | TIMEOUT),
        [TXN_EV_RETRANSMIT] = GO(TRYING, RESEND | REPEAT),  /* timer A */
        [TXN_EV_LIFE]       = GO(TERMINATED, GIVE_UP),      /* timer B */
        [TXN_EV_ERROR]      = GO(TERMINATED, FAIL),
        [TXN_EV_1XX]        = GO(PROCEEDING, UP | QUIET | PATIENT),
        [TXN_EV_2XX]        = GO(ACCEPTED, UP | QUIET | LINGER),
        [TXN_EV_FINAL]      = GO(COMPLETED, ACK | UP | QUIET | LINGER),
    },
    [TXN_PROCEEDING] = {
        [TXN_EV_1XX]        = GO(PROCEEDING, UP),
        [TXN_EV_2XX]        = GO(ACCEPTED, UP | LINGER),
        [TXN_EV_FINAL]      = GO(COMPLETED, ACK | UP | LINGER),
        [TXN_EV_ERROR]      = GO(TERMINATED, FAIL),
    },
    [TXN_ACCEPTED] = {
        [TXN_EV_2XX]        = GO(ACCEPTED, UP),
        [TXN_EV_LIFE]       = GO(TERMINATED, 0),            /* timer M */
    },
    [TXN_COMPLETED] = {
        [TXN_EV_FINAL]      = GO(COMPLETED, ACK),
        [TXN_EV_LIFE]       = GO(TERMINATED, 0),            /* timer D */
        [TXN_EV_ERROR]      = GO(TERMINATED, FAIL),
    },
};

/* RFC 3261 figure 6. */
static machine client = {
    [TXN_TRYING] = {
        [TXN_EV_START]      = GO(TRYING, SEND | REPEAT | TIMEOUT),
        [TXN_EV_RETRANSMIT] = GO(TRYING, RESEND | REPEAT),  /* timer E */
        [TXN_EV_LIFE]       = GO(TERMINATED, GIVE_UP),      /* timer F */
        [TXN_EV_ERROR]      = GO(TERMINATED, FAIL),
        [TXN_EV_1XX]        = GO(PROCEEDING, UP),
        [TXN_EV_2XX]        = GO(COMPLETED, UP | QUIET | LINGER),
        [TXN_EV_FINAL]      = GO(COMPLETED, UP | QUIET | LINGER),
    },
    [TXN_PROCEEDING] = {
        [TXN_EV_RETRANSMIT] = GO(PROCEEDING, RESEND | REPEAT),
        [TXN_EV_LIFE]       = GO(TERMINATED, GIVE_UP),
        [TXN_EV_ERROR]      = GO(TERMINATED, FAIL),
        [TXN_EV_1XX]        = GO(PROCEEDING, UP),
        [TXN_EV_2XX]        = GO(COMPLETED, UP | QUIET | LINGER),
        [TXN_EV_FINAL]      = GO(COMPLETED, UP | QUIET | LINGER),
    },
    [TXN_COMPLETED] = {
        [TXN_EV_LIFE]       = GO(TERMINATED, 0),            /* timer K */
    },
};

/* RFC 3261 figure 7, RFC 6026 figure 5. A response that could not be sent leaves Proceeding and
 * Accepted as they are: the request comes again, or another 2xx does. */
static machine invite_server = {
    [TXN_PROCEEDING] = {
        [TXN_EV_REQUEST]    = GO(PROCEEDING, RESEND),
        [TXN_EV_1XX]        = GO(PROCEEDING, SEND),
        [TXN_EV_2XX]        = GO(ACCEPTED, SEND | LINGER),
        [TXN_EV_FINAL]      = GO(COMPLETED, SEND | REPEAT | TIMEOUT),
        [TXN_EV_ERROR]      = GO(PROCEEDING, FAIL),
    },
    [TXN_ACCEPTED] = {
        [TXN_EV_2XX]        = GO(ACCEPTED, SEND),
        [TXN_EV_ACK]        = GO(ACCEPTED, UP),
        [TXN_EV_LIFE]       = GO(TERMINATED, 0),            /* timer L */
        [TXN_EV_ERROR]      = GO(ACCEPTED, FAIL),
    },
    [TXN_COMPLETED] = {
        [TXN_EV_REQUEST]    = GO(COMPLETED, RESEND),
        [TXN_EV_RETRANSMIT] = GO(COMPLETED, RESEND | REPEAT), /* timer G */
        [TXN_EV_ACK]        = GO(CONFIRMED, QUIET | LINGER),
        [TXN_EV_LIFE]       = GO(TERMINATED, GIVE_UP),      /* timer H */
        [TXN_EV_ERROR]      = GO(TERMINATED, FAIL),
    },
    [TXN_CONFIRMED] = {
        [TXN_EV_LIFE]       = GO(TERMINATED, 0),            /* timer I */
    },
};

/* RFC 3261 figure 8, with the late 100 of RFC 4320. */
static machine server = {
    [TXN_TRYING] = {
        [TXN_EV_START]      = GO(TRYING, WATCH),
        [TXN_EV_LIFE]       = GO(TRYING, LATE),
        [TXN_EV_1XX]        = GO(PROCEEDING, SEND | PATIENT),
        [TXN_EV_2XX]        = GO(COMPLETED, SEND | LINGER),
        [TXN_EV_FINAL]      = GO(COMPLETED, SEND | LINGER),
    },
    [TXN_PROCEEDING] = {
        [TXN_EV_REQUEST]    = GO(PROCEEDING, RESEND),
        [TXN_EV_1XX]        = GO(PROCEEDING, SEND),
        [TXN_EV_2XX]        = GO(COMPLETED, SEND | LINGER),
        [TXN_EV_FINAL]      = GO(COMPLETED, SEND | LINGER),
        [TXN_EV_ERROR]      = GO(TERMINATED, FAIL),
    },
    [TXN_COMPLETED] = {
        [TXN_EV_REQUEST]    = GO(COMPLETED, RESEND),
        [TXN_EV_LIFE]       = GO(TERMINATED, 0),            /* timer J */
        [TXN_EV_ERROR]      = GO(TERMINATED, FAIL),
    },
};
/* clang-format on */

static machine *const machines[TXN_KINDS] = {
    [TXN_INVITE_CLIENT] = &invite_client,
    [TXN_CLIENT] = &client,
    [TXN_INVITE_SERVER] = &invite_server,
    [TXN_SERVER] = &server,
};

struct txnfsm_step txnfsm_step(enum txnfsm_kind kind, enum txnfsm_state state,
                               enum txnfsm_event event)
{
    struct txnfsm_step step = (*machines[kind])[state][event];
    /* An empty cell: Trying with no action is in no table. */
    if (step.next == TXN_TRYING && step.actions == 0)
        step.next = (uint8_t)state;
    return step;
}

enum txnfsm_event txnfsm_event_of(unsigned status)
{
    if (status < 200)
        return TXN_EV_1XX;
    return status < 300 ? TXN_EV_2XX : TXN_EV_FINAL;
}

enum txnfsm_state txnfsm_first(enum txnfsm_kind kind)
{
    return kind == TXN_INVITE_SERVER ? TXN_PROCEEDING : TXN_TRYING;
}

uint32_t txnfsm_linger_ms(enum txnfsm_kind kind, enum txnfsm_state state, bool is_reliable)
{
    if (state == TXN_ACCEPTED)
        return TXN_TIMEOUT_MS; /* L, M: as long as 2xx and INVITE may be repeated (RFC 6026 8.7) */
    if (is_reliable)
        return 0;
    switch (kind) {
    case TXN_INVITE_CLIENT: /* D: at least 32 s */
    case TXN_SERVER:        /* J */
        return TXN_TIMEOUT_MS;
    default: /* K, I */
        return TXN_T4_MS;
    }
}

uint32_t txnfsm_retransmit_ms(enum txnfsm_kind kind, enum txnfsm_state state, uint32_t last_ms)
{
    if (kind == TXN_CLIENT && state == TXN_PROCEEDING)
        return TXN_T2_MS;
    if (last_ms == 0)
        return TXN_T1_MS;
    if (kind != TXN_INVITE_CLIENT && last_ms * 2 > TXN_T2_MS)
        return TXN_T2_MS;
    return last_ms * 2;
}

const char *txnfsm_state_name(enum txnfsm_state state)
{
    static const char *const names[TXN_STATES] = {
        [TXN_TRYING] = "trying",       [TXN_PROCEEDING] = "proceeding",
        [TXN_ACCEPTED] = "accepted",   [TXN_COMPLETED] = "completed",
        [TXN_CONFIRMED] = "confirmed", [TXN_TERMINATED] = "terminated",
    };
    return names[state];
}
