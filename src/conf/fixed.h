/* The fixed lines of a configuration: their domains and targets are linked and checked, and they
 * are found by their AoR. Filled on the main thread, then read by any. */
#ifndef BW_CONF_FIXED_H
#define BW_CONF_FIXED_H

#include "base/arena.h"
#include "base/hmap.h"
#include "conf/finding.h"
#include "conf/hosts.h"
#include "conf/settings.h"

struct fixed {
    struct hmap map;      /* lines by AoR */
    struct hmap contacts; /* by address */
};

void fixed_init(struct fixed *x);
void fixed_fini(struct fixed *x);

/* After check_conf. */
struct fixed_input {
    struct findings *findings;
    struct arena *arena;
    const struct settings *from;
    struct conf *conf;
    const struct hosts *hosts;
};

/* What is wrong is said. ERR_NOMEM. */
int fixed_check(const struct fixed_input *in, struct fixed *out);

const struct conf_line *fixed_find(const struct fixed *x, struct str aor);

/* The address is that of a contact, with its port. */
bool fixed_is_contact(const struct fixed *x, const struct addr *a);

#endif
