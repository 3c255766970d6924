/* Tables of REGISTERs with what absorb_decide says of them. Included once by a test program. */
#ifndef BW_TESTS_ABSORBROWS_H
#define BW_TESTS_ABSORBROWS_H

#include "regworld.h"

struct row {
    const char *name;
    void (*change)(struct world *w); /* of the world before it; or NULL */
    const char *send;                /* as in regworld.h */
    const char *want;
};

static int n_wrong;

static void try_row(const struct row *row, enum absorb_mode mode)
{
    struct world w;
    char text[64], before[512], after[512];
    world_init(&w, mode);
    world_bind(&w, 'a', 1);
    world_bind(&w, 'b', mode == MODE_AOR_THROTTLE ? 1 : 2);
    world_view(&w, row->send);
    if (row->change)
        row->change(&w);
    struct absorb_input in = world_input(&w);
    struct aor_record *next = binding_record_copy(&w.arena, w.r);
    world_record(next, w.now_s, before);
    struct verdict v = absorb_decide(&in, next);
    if (strcmp(world_verdict(v, text), row->want) != 0)
        print_error("%s: %s: \"%s\", wanted \"%s\"\n", row->name, row->send, text, row->want);
    n_wrong += strcmp(text, row->want) != 0;
    world_record(next, w.now_s, after);
    if (v.what != VERDICT_COMMIT && strcmp(before, after) != 0)
        fail_msg("%s: the record was touched", row->name);
    struct verdict again = absorb_decide(&in, NULL);
    assert_memory_equal(&v, &again, sizeof v);
    world_fini(&w);
}

/* All rows are tried before the test fails. */
#define EACH(rows, mode)                                                                           \
    for (size_t i = 0; i < sizeof(rows) / sizeof *(rows); i++)                                     \
    try_row(&(rows)[i], mode)

#endif
