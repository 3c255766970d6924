/* Why a REGISTER or a binding was treated as it was: one table for the log, the metrics, `why` and
 * the tests. Pure; any thread. */
#ifndef BW_CORE_REASON_H
#define BW_CORE_REASON_H

enum reason {
#define REASON(id, word, help) id,
#include "base/reason.def"
#undef REASON
    REASON_MAX
};

const char *reason_word(enum reason r);
const char *reason_help(enum reason r);

#endif
