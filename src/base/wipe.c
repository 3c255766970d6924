#include "base/wipe.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

size_t wipe(void *block)
{
    size_t n = malloc_usable_size(block);
    explicit_bzero(block, n);
    return n;
}

void wipe_free(void *block)
{
    if (block)
        (void)wipe(block);
    free(block);
}
