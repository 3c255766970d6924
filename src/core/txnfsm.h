/* The four transaction machines of RFC 3261 17 as tables, with the Accepted states of RFC 6026.
 * Pure: an event in a state gives the next state and the actions, as a set; whoever owns the
 * transaction carries them out. Timers A, E and G are "retransmit"; B, F and H, and the waiting
 * timers D, I, J, K, L and M, are "life": a transaction has one of each at most. Any thread. */
#ifndef BW_CORE_TXNFSM_H
#define BW_CORE_TXNFSM_H

#include <stdbool.h>
#include <stdint.h>

enum txnfsm_kind {
    TXN_INVITE_CLIENT,
    TXN_CLIENT, /* any other method but ACK */
    TXN_INVITE_SERVER,
    TXN_SERVER,
    TXN_KINDS
};

enum txnfsm_state {
    TXN_TRYING, /* an INVITE client's Calling */
    TXN_PROCEEDING,
    TXN_ACCEPTED,
    TXN_COMPLETED,
    TXN_CONFIRMED,
    TXN_TERMINATED,
    TXN_STATES
};

enum txnfsm_event {
    TXN_EV_START,   /* the request goes out, or has come in */
    TXN_EV_REQUEST, /* server: the request came again */
    TXN_EV_ACK,     /* INVITE server */
    TXN_EV_1XX,     /* client: received; server: the user of the transaction sends it */
    TXN_EV_2XX,
    TXN_EV_FINAL, /* 300 to 699 */
    TXN_EV_RETRANSMIT,
    TXN_EV_LIFE,
    TXN_EV_ERROR, /* the transport failed */
    TXN_EVENTS
};

enum txnfsm_action {
    TXN_SEND = 1,            /* the event's message, and keep it */
    TXN_RESEND = 2,          /* the message kept last; nothing where none is */
    TXN_SEND_ACK = 4,        /* client: for a final response but 2xx (17.1.1.3) */
    TXN_UP = 8,              /* the event's message to the user */
    TXN_UP_TIMEOUT = 16,     /* no answer came (client), no ACK came (server) */
    TXN_UP_ERROR = 32,       /* the transport failed */
    TXN_ARM_RETRANSMIT = 64, /* unreliable transport only; first or next interval */
    TXN_STOP_RETRANSMIT = 128,
    TXN_ARM_TIMEOUT = 256, /* the life timer with 64*T1 */
    TXN_ARM_LINGER = 512,  /* the life timer with what the new state waits */
    TXN_STOP_LIFE = 1024,
    TXN_ARM_LATE = 2048, /* the life timer with TXN_LATE_MS */
    TXN_UP_LATE = 4096   /* no response yet: time for a 100 (RFC 4320 4.1) */
};

struct txnfsm_step {
    uint8_t next;     /* enum txnfsm_state */
    uint16_t actions; /* of enum txnfsm_action */
};

/* RFC 3261 17.1.1.1, table 4; milliseconds. */
enum { TXN_T1_MS = 500, TXN_T2_MS = 4000, TXN_T4_MS = 5000, TXN_TIMEOUT_MS = 64 * TXN_T1_MS };

/* When a client's timer E has grown to T2: earlier no 100 may answer a non-INVITE (RFC 4320). */
enum { TXN_LATE_MS = 7 * TXN_T1_MS };

/* No row for an event in a state: same state, no action. */
struct txnfsm_step txnfsm_step(enum txnfsm_kind kind, enum txnfsm_state state,
                               enum txnfsm_event event);

/* Of a response, 100 to 699. */
enum txnfsm_event txnfsm_event_of(unsigned status);

/* The state in which a new transaction begins. */
enum txnfsm_state txnfsm_first(enum txnfsm_kind kind);

/* How long the state that was entered by TXN_ARM_LINGER is kept: timers D, I, J, K, L, M. */
uint32_t txnfsm_linger_ms(enum txnfsm_kind kind, enum txnfsm_state state, bool is_reliable);

/* The next retransmission interval after the last one (0: the first): timers A, E, G. */
uint32_t txnfsm_retransmit_ms(enum txnfsm_kind kind, enum txnfsm_state state, uint32_t last_ms);

const char *txnfsm_state_name(enum txnfsm_state state);

#endif
