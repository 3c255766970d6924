#include "core/reason.h"

static const struct {
    const char *word, *help;
} rows[REASON_MAX] = {
#define REASON(id, word, help) [id] = {word, help},
#include "base/reason.def"
#undef REASON
};

const char *reason_word(enum reason r)
{
    return rows[r].word;
}

const char *reason_help(enum reason r)
{
    return rows[r].help;
}
