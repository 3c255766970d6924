/* A lease table in a directory of its own, on a machine whose clocks the test turns. Included once
 * by a test program. */
#ifndef BW_TESTS_LEASETABLE_H
#define BW_TESTS_LEASETABLE_H

#include "unit.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "fakeclock.h"
#include "store/lease.h"
#include "store/slot.h"

#define LEASE_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

/* ---- a table in a directory of its own */

static char dir[64];
static struct lease_table *table;

static inline struct lease_conf conf(void)
{
    return (struct lease_conf){
        .runtime_dir = dir, .state_dir = dir, .checkpoint_s = 10, .slots_max = 1 << 20};
}

static inline void open_table(void)
{
    struct lease_conf c = conf();
    assert_int_equal(lease_open(&c, &table), 0);
}

static inline const char *path_of(const char *name)
{
    static char path[128];
    assert_true(snprintf(path, sizeof path, "%s/%s", dir, name) < (int)sizeof path);
    return path;
}

static inline int set_up(void **state)
{
    (void)state;
    boot_ms = 5000000;
    wall_ms = (SLOT_EPOCH_S + 1000000) * 1000;
    start_process();
    (void)snprintf(dir, sizeof dir, "/tmp/bw-lease-XXXXXX");
    assert_non_null(mkdtemp(dir));
    open_table();
    return 0;
}

static inline void wipe(void)
{
    static const char *const names[] = {"leases", "leases.new", "leases.bad", "leases.checkpoint",
                                        "leases.checkpoint.new"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)unlink(path_of(names[i]));
}

static inline int tear_down(void **state)
{
    (void)state;
    lease_close(table);
    table = NULL;
    wipe();
    (void)rmdir(dir);
    return 0;
}

static inline struct lease_ref make(uint64_t id, uint64_t expires_at_s, uint32_t cseq)
{
    struct lease_ref ref;
    assert_int_equal(lease_alloc(table, id, &ref), 0);
    ref = lease_next(table, ref);
    lease_publish(table, ref, expires_at_s, cseq);
    return ref;
}

static inline enum lease_result refresh(struct lease_ref ref, uint64_t at_s, uint32_t cseq,
                                        uint32_t hash)
{
    uint64_t ignored;
    return lease_extend(table,
                        &(struct lease_refresh){
                            .ref = ref, .expires_at_s = at_s, .cseq = cseq, .branch_hash = hash},
                        &ignored);
}

static inline void reopen(void)
{
    lease_touch(table);
    lease_close(table);
    start_process();
    open_table();
}

#endif
