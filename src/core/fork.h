/* The response context of a forked request (RFC 3261 16.7): what to do with what its branches
 * answer. Pure: an event gives a set of actions, the caller carries them out. Any thread. */
#ifndef BW_CORE_FORK_H
#define BW_CORE_FORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Devices (D74), what a search may grow to with what is tried after them and an upstream before
 * them, and further servers of that upstream. */
enum {
    FORK_DEVICES_MAX = 32,
    FORK_GROWN_MAX = FORK_DEVICES_MAX + 2,
    FORK_BRANCHES_MAX = FORK_GROWN_MAX + 2
};

enum fork_state {
    FORK_TRYING,   /* nothing has come */
    FORK_RINGING,  /* a provisional has, be it a 100: a CANCEL may go out (9.1) */
    FORK_ANSWERED, /* 2xx */
    FORK_FAILED    /* 300 to 699, timeout or transport error */
};

/* What a domain has chosen; zero: neither. */
struct fork_policy {
    bool is_decline_local;   /* a 6xx counts as the rejection of its branch alone */
    bool is_media_exclusive; /* early media of one branch at a time */
};

struct fork_branch {
    enum fork_state state;
    unsigned status;       /* of the last final response; 408 and 503 stand for silence and error */
    bool is_cancel_wanted; /* goes out with the first provisional */
    bool is_cancel_sent;
    bool is_given_up;    /* it has rung its time: others are tried while its end is awaited */
    bool is_silent;      /* given up without a word from it: its end is not awaited either */
    bool is_followed;    /* its redirect was: its targets speak in its place (16.7 step 4) */
    uint32_t breadth;    /* its part (RFC 5393): set by the caller of fork_add */
    bool is_last_resort; /* fallback: set by the caller of fork_add. It is tried for whoever calls
                            and does not speak for the line: its 6xx ends nothing */
};

struct fork {
    struct fork_branch branches[FORK_BRANCHES_MAX];
    size_t n;
    struct fork_policy policy;
    int winner; /* the branch whose 2xx was the first; -1: none */
    int media;  /* is_media_exclusive: the branch whose early media goes back; -1: none yet */
    bool is_invite;
    bool has_more;     /* targets that have not been tried yet: fork_set_more */
    bool is_declined;  /* a 6xx has ended the search (16.7 step 5) */
    bool is_answered;  /* a 2xx has gone back: nothing else may */
    bool is_finished;  /* a final response has gone back */
    bool is_cancelled; /* by the caller */
};

enum fork_action {
    FORK_FORWARD = 1,     /* this response goes back to the caller */
    FORK_CANCEL_REST = 2, /* ask fork_next_cancel for those to be cancelled */
    FORK_SEND_BEST = 4,   /* all have ended: fork_best says which one goes back */
    FORK_NEXT = 16,       /* none is left that may answer: try what is left */
    FORK_DROP = 8         /* all have ended, and no answer may go back (RFC 4320 4.2) */
};

void fork_init(struct fork *f, bool is_invite, const struct fork_policy *policy);

/* One more branch; its index, or -1: the limit (D74). Not after a final response. */
int fork_add(struct fork *f);

/* Whether targets are left that have not been tried. While there are, the failure of all branches
 * is FORK_NEXT, not the end: serial forking (16.6, D68). */
void fork_set_more(struct fork *f, bool has_more);

/* The turn of a group has come, and it is empty after all, or not: what follows. */
unsigned fork_step(struct fork *f);

/* The branches have rung their time. With targets left: those that have not answered are given up,
 * which makes their 487 a 480, FORK_CANCEL_REST and FORK_NEXT; else 0. */
unsigned fork_on_ring_timeout(struct fork *f);

/* Not even a 100 has come for so long that whoever has said nothing is given up, and its end is not
 * awaited: it counts as 408. FORK_CANCEL_REST, and what follows: FORK_NEXT with targets left. Of
 * what it still says only a 2xx goes back; a provisional gets its CANCEL. */
unsigned fork_on_silence(struct fork *f);

/* A response of a branch, or 408 for its silence and 503 for a failing transport. A set of
 * actions. 2xx: forwarded, all of them; the others are cancelled. 6xx: the others are cancelled,
 * and it is the best. Provisionals but 100 are forwarded while nothing final has gone back; of a
 * request that is no INVITE none is (RFC 4320 4.1). */
unsigned fork_on_response(struct fork *f, size_t branch, unsigned status);

/* A redirect of the branch may be followed: the search goes on, and the branch has its part in it
 * (one that was given up has not: others have had its turn since). */
bool fork_can_redirect(const struct fork *f, size_t branch);

/* fork_can_redirect, and the redirect is not told. With new targets: FORK_NEXT, beside those that
 * ring. Without: they are being tried or were. The branch is a 480 if nobody else says anything. */
unsigned fork_on_redirect(struct fork *f, size_t branch, bool has_new);

/* A provisional that carries a session description and is not reliable (a reliable one always goes
 * back: its sender waits for the PRACK, RFC 3262) is about to be forwarded: whether it may. With
 * is_media_exclusive the first branch to send one has the caller's ear until it fails. */
bool fork_is_media_heard(struct fork *f, size_t branch);

/* The caller's CANCEL: FORK_CANCEL_REST, or 0 where it comes too late. */
unsigned fork_on_cancel(struct fork *f);

/* The next branch whose CANCEL is to go out now; -1: none. Marks it as sent. */
int fork_next_cancel(struct fork *f);

/* The search goes on: a further branch may be added. */
bool fork_is_open(const struct fork *f);

/* A branch has had its final response. */
bool fork_is_ended(const struct fork *f, size_t branch);

/* What of the breadth no branch has but one that is about to end, or -1 (RFC 5393). One that
 * is_silent is not counted: it has most likely never got the request, and others are in its place.
 */
uint32_t fork_breadth_left(const struct fork *f, uint32_t breadth, int ending);

/* An answer of a branch is waited for before anything else is tried. */
bool fork_is_awaited(const struct fork *f);

/* No branch is awaited any more. */
bool fork_is_over(const struct fork *f);

/* The branch whose failure the caller gets (16.7 step 6, D68): a 6xx if there is one; else of the
 * lowest class (a 6xx that speaks for its branch alone is as a 4xx), in the 4xx class 401, 407,
 * 415, 420 and 484 first; a 408 and a 430 after any answer that a device gave; one that is_followed
 * after all others. The failure of the last resort, be it a 6xx, comes after even that: that a line
 * has no voicemail says nothing of the line. Its 3xx is no failure, but names who would take the
 * call. -1: there is none. A 503 is told as 500, by the caller of this. */
int fork_best(const struct fork *f);

#endif
