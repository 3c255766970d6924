/* Who sends a request from a phone's side, and whether he may: outside a dialog and in one. No
 * state; output is in the scratch arena; the worker's thread. */
#ifndef BW_SERVICE_MANDATE_H
#define BW_SERVICE_MANDATE_H

#include "service/dialog.h"
#include "service/sender.h"
#include "service/targetset.h"

/* A request of a phone whose line is registered from where it comes from. */
bool mandate_is_registered(struct context *c, const struct packet *p, const struct msg *m);

/* Who sends a request outside a dialog: as sender_prove has it, of whatever domain; sets what the
 * set says of challenges. Where it is us who judge, an address proves nothing (sender.h), but an
 * emergency call waits for no proof. */
enum forward_refusal mandate_find(struct context *c, const struct packet *p, const struct msg *m,
                                  struct target_set *set, struct sender *out);

/* A request by a Route that is signed for a phone's dialog, and not from an upstream. What ends
 * something, or belongs to what is going on, comes by whatever way a phone has by now. All else
 * must be that phone's, or a registered device's or a proven user's. Of an INVITE to whom nobody
 * has seen at the other end more is asked: it is judged as a call that begins. Sets what the set
 * says of challenges, and in_dialog. */
enum forward_refusal mandate_in_dialog(struct context *c, const struct packet *p,
                                       const struct msg *m, const struct dialog *d,
                                       struct target_set *set);

#endif
