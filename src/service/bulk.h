/* RFC 6140: one registration of a PBX for all numbers of its line. No state; the worker's thread.
 */
#ifndef BW_SERVICE_BULK_H
#define BW_SERVICE_BULK_H

#include "core/reason.h"
#include "core/register.h"
#include "service/context.h"
#include "sip/msg.h"

/* Of a REGISTER whose contacts have been read; sets v->is_bulk. REASON_MAX; REASON_BAD_CONTACT: a
 * bulk contact with a user, or beside one that is none. */
enum reason bulk_judge(bool is_asked, struct register_view *v);

/* The Request-URI for the number that `called` names at a registered Contact: that of a bulk
 * contact has the number's user part (7.1.1); of any other it is none. Scratch arena. */
struct str bulk_uri(struct context *c, struct str contact, struct str called);

#endif
