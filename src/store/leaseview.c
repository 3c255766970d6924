#include "store/leaseview.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/sys.h"
#include "store/slot.h"

struct leaseview {
    void *map;
    size_t len;
    uint32_t n_slots;
    int64_t shift_s;
};

static int map_file(struct leaseview *v, const char *runtime_dir)
{
    char path[4096];
    struct stat st;
    if (snprintf(path, sizeof path, "%s/leases", runtime_dir) >= (int)sizeof path)
        return ERR_TOOBIG;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? ERR_ABSENT : ERR_IO;
    int err = fstat(fd, &st) ? ERR_IO : 0;
    if (!err && (size_t)st.st_size < SLOT_HEAD_LEN)
        err = ERR_PARSE;
    if (!err) {
        v->len = (size_t)st.st_size;
        v->map = mmap(NULL, v->len, PROT_READ, MAP_SHARED, fd, 0);
        if (v->map == MAP_FAILED) {
            v->map = NULL;
            err = ERR_IO;
        }
    }
    (void)close(fd);
    return err;
}

static bool is_this_boot(const struct slot_head *head)
{
    char id[SLOT_BOOT_ID_LEN] = {0};
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, id, sizeof id - 1);
    if (fd >= 0)
        (void)close(fd);
    return n > 0 && strncmp(id, head->boot_id, strcspn(id, "\n")) == 0;
}

static int judge_head(struct leaseview *v)
{
    const struct slot_head *head = v->map;
    if (memcmp(head->magic, "bwlease", 8) != 0 || head->version != SLOT_VERSION ||
        head->slot_len != sizeof(struct slot))
        return ERR_PARSE;
    if (!is_this_boot(head))
        return ERR_ABSENT;
    const int64_t store_ms = (int64_t)sys_now_ms() + atomic_load(&head->offset_ms);
    v->shift_s = (int64_t)sys_service_s() - store_ms / 1000;
    v->n_slots = (uint32_t)((v->len - SLOT_HEAD_LEN) / sizeof(struct slot));
    return 0;
}

int leaseview_open(const char *runtime_dir, struct leaseview **out)
{
    struct leaseview *v = calloc(1, sizeof *v);
    if (!v)
        return ERR_NOMEM;
    int err = map_file(v, runtime_dir);
    if (!err)
        err = judge_head(v);
    if (err) {
        leaseview_close(v);
        return err;
    }
    *out = v;
    return 0;
}

void leaseview_close(struct leaseview *v)
{
    if (v && v->map)
        (void)munmap(v->map, v->len);
    free(v);
}

bool leaseview_read(const struct leaseview *v, struct lease_ref ref, struct lease_state *out)
{
    if (ref.generation == 0 || ref.slot >= v->n_slots)
        return false;
    const struct slot *s =
        (const struct slot *)(const void *)((const char *)v->map + SLOT_HEAD_LEN) + ref.slot;
    const uint64_t mark = atomic_load(&s->mark), word = atomic_load(&s->word);
    if (slot_generation(word) != ref.generation)
        return false;
    *out = (struct lease_state){
        .expires_at_s = (uint64_t)((int64_t)(slot_expiry(word) + SLOT_EPOCH_S) + v->shift_s),
        .cseq = slot_cseq(mark),
        .branch_hash = (uint32_t)mark,
        .is_pending = (word & SLOT_PENDING) != 0,
    };
    return true;
}

int64_t leaseview_shift_s(const struct leaseview *v)
{
    return v->shift_s;
}
