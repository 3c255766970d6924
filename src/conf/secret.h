/* Files with secrets, which nobody but their owner, who is root or the user of this process, may be
 * able to use. Main thread. */
#ifndef BW_CONF_SECRET_H
#define BW_CONF_SECRET_H

#include <stddef.h>

enum { SECRET_WHY = 160 };

/* Opens a file for reading. 0 and the descriptor, which is the caller's to close; ERR_BADCONF: why
 * says what is wrong with the file, its owner or its mode, to be put behind its name. */
int secret_open(const char *path, int *fd, char why[SECRET_WHY]);

#endif
