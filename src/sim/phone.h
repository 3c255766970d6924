/* One simulated phone: the REGISTERs that it sends and what it makes of the answers (RFC 3261 10.2,
 * 22.2; RFC 7616). Knows no sockets, timers or clocks. A REGISTER is made anew from the phone's
 * state each time it is sent, so a retransmission is the same bytes and nothing is stored.
 * One thread. */
#ifndef BW_SIM_PHONE_H
#define BW_SIM_PHONE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/buf.h"
#include "net/wheel.h"
#include "sip/digest_answer.h"
#include "sip/msg.h"

/* The most bytes of a REGISTER. */
enum { PHONE_MESSAGE_MAX = 4096 };

/* What all phones of a run have in common. */
struct phone_style {
    struct str domain;
    struct str user_prefix, user_suffix;
    uint32_t user_digits; /* at least; filled with zeros */
    uint32_t first_user;
    uint32_t devices_per_line;
    uint32_t expires_s;
    struct str password; /* none: challenges are not answered */
    bool has_instance;   /* +sip.instance in the Contact (RFC 5626) */
    uint64_t run;        /* random: tells this run's messages from others */
    struct digest_answer *digest;
};

struct phone_auth;

struct phone {
    struct wheel_timer timer; /* for the fleet */
    struct list node;         /* for the fleet */
    uint64_t sent_us;         /* for the fleet: when the REGISTER under way was first sent */
    uint64_t expires_ms;      /* registered until then; 0: not registered */
    struct phone_auth *auth;  /* NULL: never challenged */
    uint64_t began_us; /* for the fleet: its first REGISTER since it came back; 0: none yet */
    uint32_t number;
    uint32_t source;  /* for the fleet: where it sends from; its own number but behind a NAT */
    uint32_t boots;   /* how often it has lost its memory */
    uint32_t cseq;    /* of the latest REGISTER */
    uint32_t asked_s; /* what it asks for: a 423 may have raised it */
    uint8_t n_sent;   /* for the fleet: how often it was sent */
    uint8_t state;    /* for the fleet */
    bool is_leaving;  /* asks for removal */
    bool is_proven;   /* it answers a challenge of this attempt */
    bool is_back;     /* for the fleet: registered again since it came back */
    bool is_refused;  /* for the fleet: heard a refusal since then */
};

/* What an answer means. */
enum phone_event {
    PHONE_PROVISIONAL, /* 1xx: go on waiting */
    PHONE_REGISTERED,
    PHONE_REMOVED,
    PHONE_AGAIN,   /* send the next one now: a challenge can be answered, or 423 */
    PHONE_REFUSED, /* try again later */
    PHONE_WRONG    /* no answer that a registrar may give to this REGISTER */
};

enum phone_fault {
    FAULT_MALFORMED,    /* a Contact, an Expires */
    FAULT_OTHER_DIALOG, /* Call-ID, CSeq, From or To differ from the request's */
    FAULT_NOT_LISTED,   /* 200 without this phone's contact */
    FAULT_STILL_LISTED, /* 200 with it, after it was removed */
    FAULT_NO_EXPIRY,    /* listed without a time that is left */
    FAULT_FOREIGN,      /* another user's contact is listed */
    FAULT_MISDIRECTED,  /* a call for a contact that is not this phone's */
    FAULT_CALLED_TWICE, /* a second INVITE of one call */
    FAULT_NO_CALL,      /* ACK, CANCEL or BYE of a call that is not there */
    FAULT_NO_ACK,       /* a final answer that nobody acknowledged */
    FAULT_MAX
};

struct phone_answer {
    enum phone_event event;
    enum phone_fault fault; /* of PHONE_WRONG */
    uint32_t granted_s;     /* of PHONE_REGISTERED */
    uint32_t retry_after_s; /* of PHONE_REFUSED; 0: none given */
};

/* Sets prefix, digits and suffix from a text with one "%d" or "%0Nd". ERR_PARSE. text stays the
 * caller's. */
int phone_set_user_format(struct phone_style *s, const char *text);

/* What a fault is called in a report. */
const char *phone_fault_name(enum phone_fault fault);

void phone_init(struct phone *p, const struct phone_style *s, uint32_t number);
void phone_fini(struct phone *p);

/* It was without power: a new Call-ID, no nonce. */
void phone_reboot(struct phone *p);

/* The next attempt to register; leaving: to be removed. */
void phone_start(struct phone *p, const struct phone_style *s, bool is_leaving);

/* The next REGISTER gets its number. */
void phone_advance(struct phone *p);

/* Appends the REGISTER; local: where the phone sends from and is called at. */
void phone_print(const struct phone *p, const struct phone_style *s, const struct addr *local,
                 struct buf *out);

/* Which phone and which of its REGISTERs a response's branch belongs to. False: not one of this
 * run's. */
bool phone_find(const struct phone_style *s, struct str branch, uint32_t *number, uint32_t *cseq);

/* The contact that a phone registers, without brackets. */
void phone_print_contact(const struct phone_style *s, uint32_t number, const struct addr *local,
                         struct buf *out);

/* Whose contact a request's URI is, by its user and parameter; the address is not looked at. False:
 * it is no contact of this run's. */
bool phone_find_called(const struct phone_style *s, struct str uri, uint32_t *number);

/* A response that phone_find gave to this phone and its present CSeq. Changes its state; temporary
 * things come from the message's arena. */
struct phone_answer phone_take(struct phone *p, const struct phone_style *s,
                               const struct addr *local, const struct msg *m);

#endif
