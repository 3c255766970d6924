/* What is known of the fixed lines and of their fixed contacts, where the admin API can read it.
 * Workers write when something changes, which is seldom; behind a lock, with copies. Any thread. */
#ifndef BW_SERVICE_BOARD_H
#define BW_SERVICE_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/str.h"
#include "conf/model.h"

enum board_state {
    BOARD_REGISTERING, /* the first attempt waits for its turn, or for its answer */
    BOARD_REGISTERED,  /* upstream holds it, and took the last REGISTER */
    BOARD_FAILING,     /* the last REGISTER failed; until its end upstream may still hold it */
    BOARD_STATES
};

const char *board_state_word(enum board_state state);

enum board_reach { BOARD_UNKNOWN, BOARD_REACHABLE, BOARD_SILENT };

/* Times are of the service clock. */
struct board_line {
    struct str name, domain;
    const struct conf_place *places; /* of one that is read: uri, addr and aor alone */
    size_t n_places;
    const enum board_reach *reach; /* of one that is read: of each place that is a contact */
    enum board_state state;
    uint64_t since_s;
    uint64_t dead_at_s;      /* upstream holds it until then; 0: never did */
    const char *error;       /* the word of the reason for the last failure; NULL: none since */
    unsigned status;         /* of upstream's answer; 0: none came */
    uint64_t next_at_s;      /* the next REGISTER; 0: none is planned, it is on its way */
    uint64_t unregistered_s; /* since when the alarm line-unregistered stands; 0: it does not */
    uint64_t unreachable_s;  /* the same of line-unreachable: a call found nobody, or, of a line
                                that is read, a contact is silent */
};

struct arena;
struct board;

int board_new(struct board **out); /* ERR_NOMEM */
void board_free(struct board *b);  /* NULL is legal */

/* What a worker says of a line of its own, by AoR. b NULL: nobody reads. Without memory it is left
 * out. What board_note_away says stays. */
void board_put(struct board *b, struct str aor, const struct board_line *line);
void board_del(struct board *b, struct str aor);

/* A call to the line has found somebody, or nobody. True: that is new. b NULL: never. */
bool board_note_away(struct board *b, struct str aor, bool is_away, uint64_t now_s);

/* A fixed contact has answered, or not. True: that is new. b NULL: never. */
bool board_note_contact(struct board *b, const struct addr *contact, bool is_reachable,
                        uint64_t now_s);

/* All lines, in the order of their AoRs, with all that they point to in the arena. Other threads
 * wait meanwhile. ERR_NOMEM. */
int board_read(struct board *b, struct arena *a, struct board_line **lines, size_t *n);

#endif
