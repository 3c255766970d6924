/* One row of the table of commands, and what the words in it stand for: help, completion and the
 * running of a command read them. */
#ifndef BW_CTL_COMMAND_H
#define BW_CTL_COMMAND_H

#include "ctl/call.h"

struct command {
    const char *name[2]; /* the second may be none */
    const char *words;   /* behind it, for the help; its options among them begin with -- */
    int least, most;     /* of these */
    const char *help;
    call_fn *run;
};

/* A word of such a row, and what may stand in its place, with commas between. */
struct command_word {
    const char *word, *is;
};

#endif
