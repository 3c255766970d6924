/* The script by which a shell completes words of breakwaterctl, made from the table of commands.
 * One thread. */
#ifndef BW_CTL_COMPLETION_H
#define BW_CTL_COMPLETION_H

#include <stdbool.h>
#include <stddef.h>

#include "ctl/command.h"

struct completion {
    const struct command *commands; /* those with the same first word stand together */
    size_t n_commands;
    const struct command_word *words;
    size_t n_words;
};

/* shell: bash or zsh. False: another one. */
bool completion_print(const char *shell, const struct completion *all);

#endif
