/* The keys of TLS tickets on the disk: "ticket.keys" in state-dir, mode 0600, so that a ticket is
 * good over a restart. Each day there is a new key; a key goes when no ticket of its can be good
 * any more. Main thread, but where another is named. */
#ifndef BW_STORE_TICKETFILE_H
#define BW_STORE_TICKETFILE_H

#include "net/ticket.h"

/* Reads the keys, or makes the first one. ERR_IO, ERR_BADCONF (not such a file, or its mode):
 * logged with the path. */
int ticketfile_load(const char *state_dir, struct tickets *t);

/* From time to time: makes the next key when its day has come, on the disk first. What cannot be
 * written is logged and tried again the next time; the keys stay. */
void ticketfile_tend(const char *state_dir, struct tickets *t);

/* Puts these, newest first, in the place of the keys on the disk, for the next start; until then
 * the keys that run stay as they are, for nothing may be written over the new ones. Any thread.
 * ERR_IO: logged. */
int ticketfile_install(const char *state_dir, struct tickets *t, const struct ticket_key *keys,
                       size_t n);

#endif
