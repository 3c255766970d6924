/* Reads a file line by line through one buffer of fixed size, however long the file is. A line
 * that does not fit is told as such and passed by. What was read is wiped at the end: the files
 * may hold secrets. One thread. */
#ifndef BW_BASE_LINES_H
#define BW_BASE_LINES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { LINES_LEN_MAX = 4096, LINES_BUFFER = 64 * 1024 };

struct lines {
    int fd;          /* the caller's */
    uint64_t number; /* of the line that lines_next gave last, from 1 */
    size_t from, to; /* what is in the buffer and not given yet */
    bool is_at_end;
    bool
        is_too_long; /* that line has more than LINES_LEN_MAX bytes; what was given may be a part */
    char buffer[LINES_BUFFER];
};

/* From where the descriptor stands. */
void lines_init(struct lines *l, int fd);

/* 1 and the next line without its LF, valid until the next call; 0: there are no more; ERR_IO:
 * errno says why. */
int lines_next(struct lines *l, struct str *line);

/* Wipes the buffer. */
void lines_fini(struct lines *l);

#endif
