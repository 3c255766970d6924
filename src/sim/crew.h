/* The phones of a command, as its options describe them. A command's settings begin with this
 * struct and its options with these rows. One thread. */
#ifndef BW_SIM_CREW_H
#define BW_SIM_CREW_H

#include "sim/fleet.h"
#include "sim/option.h"

enum {
    CREW_ROWS = 14,
    CREW_UNSET = UINT32_MAX >> 1 /* above what n_sources and rate can be set to */
};

struct crew {
    struct fleet_conf fleet;
    struct phone_style style;
    const char *domain, *password;
};

extern const struct option_row crew_rows[CREW_ROWS];

void crew_set_defaults(struct crew *c);

/* When the options have been read: what depends on others of them. */
void crew_settle(struct crew *c);

/* These rows and the command's own n; out has room for CREW_ROWS + n. How many. */
size_t crew_join(const struct option_row *own, size_t n, struct option_row *out);

#endif
