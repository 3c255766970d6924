/* Which upstreams have left a call without any answer, and said nothing else meanwhile. For a while
 * the next calls between phones of ours do not wait for them; one word from such an upstream, about
 * anything, ends that. Shared by all workers: atomic words by the upstream's mark
 * (dialog_core_mark), so a reload changes nothing. Any thread, but for what takes a context. */
#ifndef BW_SERVICE_SILENCE_H
#define BW_SERVICE_SILENCE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct context;
struct flow_ref;

/* How long no answer makes silence, and how long it is remembered. */
enum { SILENCE_S = 5, SILENCE_KEPT_S = 30 };

/* More that are silent at one time are not remembered. */
enum { SILENCE_MAX = 16, SILENCE_HEARD_MAX = 64 };

struct silence {
    _Atomic uint64_t words[SILENCE_MAX];       /* mark:32, end in seconds:32; 0: nothing */
    _Atomic uint32_t heard[SILENCE_HEARD_MAX]; /* when, in seconds; by the mark, so two upstreams
                                                  may count as one and be silent less often */
};

/* A request of ours was left without an answer for SILENCE_S. True: so it is silent, and was not
 * before; false, too, where something else was heard from there in that time: then the request is
 * to blame. now_s: service clock. */
bool silence_add(struct silence *s, uint16_t mark, uint64_t now_s);

/* It has said something. True: it was silent. */
bool silence_del(struct silence *s, uint16_t mark, uint64_t now_s);

bool silence_has(const struct silence *s, uint16_t mark, uint64_t now_s);

/* silence_add, counted and logged. The worker's thread. */
void silence_on_timeout(struct context *c, uint16_t mark);

/* A response has come from there to a request of ours. The worker's thread. */
void silence_on_response(struct context *c, const struct flow_ref *from);

#endif
