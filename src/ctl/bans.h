/* breakwaterctl ban list, add, remove: the sources that are banned. One thread. */
#ifndef BW_CTL_BANS_H
#define BW_CTL_BANS_H

#include "ctl/call.h"

call_fn bans_list, bans_add, bans_remove;

#endif
