/* Memory that may hold secrets, from malloc: it is zeroed when it is given back. For libraries that
 * take a `free` of ours. Any thread. */
#ifndef BW_BASE_WIPE_H
#define BW_BASE_WIPE_H

#include <stddef.h>

/* Zeroes all of a block that malloc gave; how many bytes that were. */
size_t wipe(void *block);

/* The same, and frees it. NULL is legal. */
void wipe_free(void *block);

#endif
