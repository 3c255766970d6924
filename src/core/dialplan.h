/* Where calls may go: prefixes of telephone numbers of which the longest that fits decides, and
 * numbers that always pass. Made once, then read by any thread; pure. */
#ifndef BW_CORE_DIALPLAN_H
#define BW_CORE_DIALPLAN_H

#include <stddef.h>

#include "core/number.h"

struct dialplan_rule {
    struct str prefix; /* as number_read makes it */
    bool is_allowed;
};

struct dialplan {
    struct dialplan_rule *rules; /* in the order of dialplan_sort */
    size_t n_rules;
    bool is_open; /* what no rule fits is allowed */
    const struct str *emergency;
    size_t n_emergency;
};

void dialplan_sort(struct dialplan_rule *rules, size_t n);

/* The user part of a URI that is called, and its parameters behind that. Escapes are resolved once,
 * wherever they stand. A name is no number and always allowed. What begins like a
 * number is judged by that, whatever comes behind it. It has to be allowed as it stands and with
 * each phone-context that is a number in front, and so does a routing number (rn, RFC 4694). 00 in
 * front is the same as +, so what allows "0" alone does not allow 0031. */
bool dialplan_allows(const struct dialplan *d, struct str user);

/* It is one of the emergency numbers and nothing more; the phone-context of a country may be there.
 */
bool dialplan_is_emergency(const struct dialplan *d, struct str user);

#endif
