/* A file of secrets in state-dir, mode 0600, put in the place of the one before: at any time, over
 * a power cut as well, there is the old one or the new one, and the new one once keyfile_write has
 * said so. One writer of a name at a time. */
#ifndef BW_STORE_KEYFILE_H
#define BW_STORE_KEYFILE_H

#include <stddef.h>

/* ERR_IO: logged with the path; the old one is there still, or the disk may have either. */
int keyfile_write(const char *state_dir, const char *name, const void *bytes, size_t n);

#endif
