/* Access lists: checked and made ready for use, and asked. */
#ifndef BW_CONF_LISTS_H
#define BW_CONF_LISTS_H

#include "base/arena.h"
#include "conf/finding.h"
#include "conf/settings.h"

/* Fills l->nets and puts l->accounts in order, in the arena. ERR_NOMEM. Main thread. */
int lists_check(struct findings *f, struct arena *a, const struct settings_section *s,
                struct conf_access_list *l);

/* It lets accounts in whatever their network. */
bool lists_trusts_names(const struct conf_access_list *l);

/* The list lets in who comes from there as that account: an AoR, or none. Any thread. */
bool lists_admits(const struct conf_access_list *l, const struct addr *source, struct str aor);

#endif
