#include "store/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/stats.h"

/* Entries in a block: one write, one step of the checksum. */
enum { BLOCK = 2048, VERSION = 1 };

struct head {
    char magic[8];
    uint32_t version, n;
    struct slot_clock clock;
    uint64_t zero;
};

static const char magic[8] = "bwcheck";

/* A chain over the blocks, so that none can be missing or in another's place. */
static uint64_t chain(uint64_t sum, const void *block, size_t len)
{
    return hash_bytes(&(struct hash_key){sum, len}, block, len);
}

static int path_of(const char *dir, const char *name, char path[PATH_MAX])
{
    return snprintf(path, PATH_MAX, "%s/%s", dir, name) < PATH_MAX ? 0 : ERR_IO;
}

/* ---- writing */

struct writer {
    int fd;
    uint64_t sum;
};

static int write_all(int fd, const void *bytes, size_t len)
{
    for (const char *at = bytes; len;) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno != EINTR)
            return ERR_IO;
        if (n > 0) {
            at += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

static int write_block(struct writer *w, const void *bytes, size_t len)
{
    w->sum = chain(w->sum, bytes, len);
    return write_all(w->fd, bytes, len);
}

static struct checkpoint_entry entry_of(const struct slot *s)
{
    return (struct checkpoint_entry){
        .word = atomic_load_explicit(&s->word, memory_order_acquire),
        .mark = atomic_load_explicit(&s->mark, memory_order_relaxed),
        .binding_id = atomic_load_explicit(&s->binding_id, memory_order_relaxed),
    };
}

static int write_slots(struct writer *w, const struct slot *slots, uint32_t n)
{
    struct checkpoint_entry *block = malloc(BLOCK * sizeof *block);
    if (!block)
        return ERR_NOMEM;
    int err = 0;
    for (uint32_t at = 0; at < n && !err;) {
        size_t k = 0;
        for (; k < BLOCK && at < n; k++)
            block[k] = entry_of(&slots[at++]);
        err = write_block(w, block, k * sizeof *block);
    }
    free(block);
    return err;
}

static int write_file(int fd, const struct slot_clock *clock, const struct slot *slots, uint32_t n)
{
    struct writer w = {.fd = fd};
    struct head head = {.version = VERSION, .n = n, .clock = *clock};
    memcpy(head.magic, magic, sizeof magic);
    int err = write_block(&w, &head, sizeof head);
    if (!err)
        err = write_slots(&w, slots, n);
    if (!err)
        err = write_all(fd, &w.sum, sizeof w.sum);
    if (!err && fdatasync(fd))
        err = ERR_IO;
    return err;
}

/* The new name is on the disk only when the directory is. */
static int sync_dir(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return ERR_IO;
    int err = fsync(fd) ? ERR_IO : 0;
    (void)close(fd);
    return err;
}

int checkpoint_write(const char *dir, const struct slot_clock *clock, const struct slot *slots,
                     uint32_t n)
{
    char fresh[PATH_MAX], path[PATH_MAX];
    int err = path_of(dir, "leases.checkpoint.new", fresh);
    if (err || path_of(dir, "leases.checkpoint", path))
        return ERR_IO;
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        err = ERR_IO;
    } else {
        err = write_file(fd, clock, slots, n);
        if (close(fd) || (!err && rename(fresh, path)) || (!err && sync_dir(dir)))
            err = ERR_IO;
    }
    if (err) {
        log_warn("lease checkpoint: cannot write %s: %s", fresh, strerror(errno));
        (void)unlink(fresh);
    }
    return err;
}

/* ---- reading */

static int map_file(const char *path, struct checkpoint *c)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? ERR_ABSENT : ERR_IO;
    int err = fstat(fd, &st) ? ERR_IO : 0;
    if (!err && (uint64_t)st.st_size < sizeof(struct head) + sizeof(uint64_t))
        err = ERR_PARSE;
    if (!err) {
        c->map_len = (size_t)st.st_size;
        c->map = mmap(NULL, c->map_len, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
        if (c->map == MAP_FAILED)
            err = ERR_IO;
    }
    (void)close(fd);
    return err;
}

static bool is_whole(const struct checkpoint *c)
{
    const struct head *head = c->map;
    if (memcmp(head->magic, magic, sizeof magic) != 0 || head->version != VERSION ||
        c->map_len != sizeof *head + head->n * sizeof *c->entries + sizeof(uint64_t))
        return false;
    const struct checkpoint_entry *entries = (const void *)(head + 1);
    uint64_t sum = chain(0, head, sizeof *head);
    for (uint32_t at = 0; at < head->n; at += BLOCK) {
        uint32_t k = head->n - at < BLOCK ? head->n - at : BLOCK;
        sum = chain(sum, entries + at, k * sizeof *entries);
    }
    return memcmp(&sum, entries + head->n, sizeof sum) == 0;
}

int checkpoint_open(const char *dir, struct checkpoint *out)
{
    char path[PATH_MAX];
    struct checkpoint c = {.n = 0};
    int err = path_of(dir, "leases.checkpoint", path);
    if (!err)
        err = map_file(path, &c);
    if (!err && !is_whole(&c)) {
        (void)munmap(c.map, c.map_len);
        err = ERR_PARSE;
    }
    if (err == ERR_PARSE) {
        stats_inc(STAT_LEASE_FILE_BAD);
        log_warn("lease checkpoint: %s is damaged; not used", path);
    }
    if (err)
        return err;
    const struct head *head = c.map;
    c.clock = head->clock;
    c.clock.boot_id[SLOT_BOOT_ID_LEN - 1] = '\0';
    c.n = head->n;
    c.entries = (const void *)(head + 1);
    *out = c;
    return 0;
}

void checkpoint_close(struct checkpoint *c)
{
    (void)munmap(c->map, c->map_len);
}
