#include "store/mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/stats.h"

/* The file grows by a megabyte. */
enum { GROW_SLOTS = 16384 };

static const char magic[8] = "bwlease";

static size_t file_len(uint32_t n_slots)
{
    return SLOT_HEAD_LEN + (size_t)n_slots * sizeof(struct slot);
}

static int fail_io(const char *what, const char *path)
{
    log_error("lease table: cannot %s %s: %s", what, path, strerror(errno));
    return ERR_IO;
}

/* Blocks are allocated, not only promised: a full tmpfs is an error here, not a SIGBUS later. */
static int reserve(int fd, size_t from, size_t to)
{
    int code = posix_fallocate(fd, (off_t)from, (off_t)(to - from));
    if (!code)
        return 0;
    errno = code;
    return ERR_IO;
}

static bool is_good(int fd)
{
    struct slot_head head;
    struct stat st;
    if (fstat(fd, &st) || pread(fd, &head, sizeof head, 0) != (ssize_t)sizeof head)
        return false;
    return memcmp(head.magic, magic, sizeof magic) == 0 && head.version == SLOT_VERSION &&
           head.slot_len == sizeof(struct slot) && head.high <= head.capacity &&
           (uint64_t)st.st_size >= file_len(head.capacity);
}

static int path_of(const char *dir, const char *name, char path[PATH_MAX])
{
    if (snprintf(path, PATH_MAX, "%s/%s", dir, name) < PATH_MAX)
        return 0;
    errno = ENAMETOOLONG;
    return fail_io("use", dir);
}

/* A half made file never carries the right name. */
static int make_file(const char *dir, int *out)
{
    char path[PATH_MAX];
    int err = path_of(dir, "leases.new", path);
    if (err)
        return err;
    struct slot_head head = {
        .version = SLOT_VERSION, .slot_len = sizeof(struct slot), .capacity = GROW_SLOTS};
    memcpy(head.magic, magic, sizeof magic);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_io("make", path);
    if (flock(fd, LOCK_EX | LOCK_NB) || reserve(fd, 0, file_len(GROW_SLOTS)) ||
        pwrite(fd, &head, sizeof head, 0) != (ssize_t)sizeof head) {
        err = fail_io("make", path);
        (void)unlink(path);
        (void)close(fd);
        return err;
    }
    *out = fd;
    return 0;
}

int mapping_keep(const struct mapping *m, const char *dir)
{
    char from[PATH_MAX], to[PATH_MAX];
    (void)m;
    int err = path_of(dir, "leases.new", from);
    if (!err)
        err = path_of(dir, "leases", to);
    if (!err && rename(from, to))
        err = fail_io("make", to);
    return err;
}

static void put_aside(const char *path)
{
    char aside[PATH_MAX];
    stats_inc(STAT_LEASE_FILE_BAD);
    if (snprintf(aside, sizeof aside, "%s.bad", path) < (int)sizeof aside &&
        rename(path, aside) == 0)
        log_warn("lease table: %s is damaged or none of ours; put aside as %s", path, aside);
}

/* A memory file system keeps faults and write-back off the storm path. */
static void warn_of_disk(int fd, const char *dir)
{
    struct statfs fs;
    if (fstatfs(fd, &fs) == 0 && fs.f_type != TMPFS_MAGIC && fs.f_type != RAMFS_MAGIC)
        log_warn("lease table: %s is not on a memory file system (tmpfs): refreshes may stall",
                 dir);
}

/* Two processes with one runtime-dir, whatever their state-dirs, would free each other's slots. */
static int lock(int fd, const char *path)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno != EWOULDBLOCK)
        return fail_io("lock", path);
    log_error("lease table: %s is in use by another process; stop it, or set another runtime-dir",
              path);
    return ERR_IO;
}

static int open_file(const char *dir, int *out, bool *is_new)
{
    char path[PATH_MAX];
    struct stat st;
    *is_new = false;
    int err = path_of(dir, "leases", path);
    if (err)
        return err;
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno != ENOENT)
        return fail_io("open", path);
    if (fd >= 0 && lock(fd, path)) {
        (void)close(fd);
        return ERR_IO;
    }
    if (fd >= 0 && is_good(fd)) {
        *out = fd;
        return 0;
    }
    if (fd >= 0) {
        bool is_empty = fstat(fd, &st) == 0 && st.st_size == 0;
        (void)close(fd);
        if (!is_empty)
            put_aside(path);
    }
    *is_new = true;
    return make_file(dir, out);
}

static int map_file(struct mapping *m, uint32_t slots_max, const char *dir)
{
    struct slot_head head;
    if (pread(m->fd, &head, sizeof head, 0) != (ssize_t)sizeof head)
        return fail_io("read the table in", dir);
    m->capacity = head.capacity;
    m->slots_max = slots_max > head.capacity ? slots_max : head.capacity;
    m->len = file_len(m->slots_max);
    void *base = mmap(NULL, m->len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, m->fd, 0);
    if (base == MAP_FAILED)
        return fail_io("map the table in", dir);
    m->head = base;
    m->slots = (struct slot *)(void *)((char *)base + SLOT_HEAD_LEN);
    return 0;
}

int mapping_open(const char *dir, uint32_t slots_max, struct mapping *out, bool *is_new)
{
    struct mapping m = {.fd = -1};
    if (mkdir(dir, 0755) && errno != EEXIST)
        return fail_io("make the directory", dir);
    int err = open_file(dir, &m.fd, is_new);
    if (err)
        return err;
    err = map_file(&m, slots_max, dir);
    if (err) {
        (void)close(m.fd);
        return err;
    }
    warn_of_disk(m.fd, dir);
    *out = m;
    return 0;
}

int mapping_grow(struct mapping *m, uint32_t n)
{
    uint32_t have = atomic_load_explicit(&m->capacity, memory_order_relaxed);
    if (n <= have)
        return 0;
    if (n > m->slots_max)
        return ERR_FULL;
    uint64_t want = (n + (uint64_t)GROW_SLOTS - 1) / GROW_SLOTS * GROW_SLOTS;
    uint32_t to = want < m->slots_max ? (uint32_t)want : m->slots_max;
    int err = reserve(m->fd, file_len(have), file_len(to));
    if (err) {
        log_error("lease table: no room for %u more slots: %s", to - have, strerror(errno));
        return err;
    }
    atomic_store_explicit(&m->capacity, to, memory_order_release);
    atomic_store_explicit(&m->head->capacity, to, memory_order_release);
    return 0;
}

void mapping_close(struct mapping *m)
{
    (void)munmap(m->head, m->len);
    (void)close(m->fd);
}
