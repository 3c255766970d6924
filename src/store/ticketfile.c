#include "store/ticketfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/sys.h"
#include "store/keyfile.h"

/* A key in the file: when it was made (little-endian), then its name and its two secrets. */
enum {
    TIME_LEN = 8,
    SECRETS_LEN = TICKET_NAME_LEN + 2 * TICKET_SECRET_LEN,
    KEY_LEN = TIME_LEN + SECRETS_LEN,
    FILE_MAX = KEY_LEN * TICKET_KEYS_MAX,
    OTHERS = 077
};

#define FILE_NAME "ticket.keys"

/* Of the file, and of tickets.is_superseded. */
static pthread_mutex_t file_lock = PTHREAD_MUTEX_INITIALIZER;

/* ---------------------------------------------------------------- the file */

static int fail(const char *what, const char *path)
{
    log_error("%s %s: %s", what, path, strerror(errno));
    return ERR_IO;
}

static void encode(const struct ticket_key *key, uint8_t out[KEY_LEN])
{
    for (size_t i = 0; i < TIME_LEN; i++)
        out[i] = (uint8_t)(key->made_at_s >> (8 * i));
    memcpy(out + TIME_LEN, key->name, TICKET_NAME_LEN);
    memcpy(out + TIME_LEN + TICKET_NAME_LEN, key->cipher, TICKET_SECRET_LEN);
    memcpy(out + KEY_LEN - TICKET_SECRET_LEN, key->mac, TICKET_SECRET_LEN);
}

static void decode(const uint8_t in[KEY_LEN], struct ticket_key *key)
{
    key->made_at_s = 0;
    for (size_t i = 0; i < TIME_LEN; i++)
        key->made_at_s |= (uint64_t)in[i] << (8 * i);
    memcpy(key->name, in + TIME_LEN, TICKET_NAME_LEN);
    memcpy(key->cipher, in + TIME_LEN + TICKET_NAME_LEN, TICKET_SECRET_LEN);
    memcpy(key->mac, in + KEY_LEN - TICKET_SECRET_LEN, TICKET_SECRET_LEN);
}

static int read_keys(int fd, const char *path, struct ticket_key *keys, size_t *n)
{
    struct stat st;
    uint8_t bytes[FILE_MAX + 1];
    if (fstat(fd, &st))
        return fail("cannot look at", path);
    if (st.st_mode & OTHERS) {
        log_error("%s: others may read it; expected mode 0600", path);
        return ERR_BADCONF;
    }
    ssize_t len = read(fd, bytes, sizeof bytes);
    if (len <= 0 || len > FILE_MAX || len % KEY_LEN) {
        log_error("%s: not 1 to %d keys of %d bytes; without it, tickets are made anew", path,
                  (int)TICKET_KEYS_MAX, (int)KEY_LEN);
        return ERR_BADCONF;
    }
    *n = (size_t)len / KEY_LEN;
    for (size_t i = 0; i < *n; i++)
        decode(bytes + i * KEY_LEN, &keys[i]);
    explicit_bzero(bytes, sizeof bytes);
    return 0;
}

static int write_keys(const char *state_dir, const struct ticket_key *keys, size_t n)
{
    uint8_t bytes[FILE_MAX];
    for (size_t i = 0; i < n; i++)
        encode(&keys[i], bytes + i * KEY_LEN);
    int err = keyfile_write(state_dir, FILE_NAME, bytes, n * KEY_LEN);
    explicit_bzero(bytes, sizeof bytes);
    return err;
}

/* ---------------------------------------------------------------- generations */

/* One from the future, by a clock that has gone back since, has no day that ends. */
static bool is_due(const struct ticket_key *newest, uint64_t now_s)
{
    return newest->made_at_s > now_s || now_s - newest->made_at_s >= TICKET_KEY_S;
}

static bool is_over(const struct ticket_key *key, uint64_t now_s)
{
    return key->made_at_s + TICKET_KEY_S + TICKET_LIFE_S <= now_s;
}

/* A new one in front; those that are over, and the oldest beyond the room, go. */
static size_t rotate(struct ticket_key *keys, size_t n, uint64_t now_s)
{
    struct ticket_key next[TICKET_KEYS_MAX] = {{.made_at_s = now_s}};
    size_t n_next = 1;
    sys_random(next[0].name, sizeof next[0].name);
    sys_random(next[0].cipher, sizeof next[0].cipher);
    sys_random(next[0].mac, sizeof next[0].mac);
    for (size_t i = 0; i < n && n_next < TICKET_KEYS_MAX; i++)
        if (!is_over(&keys[i], now_s))
            next[n_next++] = keys[i];
    memcpy(keys, next, n_next * sizeof *keys);
    explicit_bzero(next, sizeof next);
    return n_next;
}

static int renew(const char *state_dir, struct ticket_key *keys, size_t *n)
{
    *n = rotate(keys, *n, sys_service_s());
    int err = write_keys(state_dir, keys, *n);
    if (!err)
        stats_inc(STAT_TICKET_KEYS);
    return err;
}

int ticketfile_load(const char *state_dir, struct tickets *t)
{
    char path[PATH_MAX];
    struct ticket_key keys[TICKET_KEYS_MAX] = {{0}};
    size_t n = 0;
    (void)snprintf(path, sizeof path, "%s/%s", state_dir, FILE_NAME);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno != ENOENT)
        return fail("cannot open", path);
    int err = fd < 0 ? 0 : read_keys(fd, path, keys, &n);
    if (fd >= 0)
        (void)close(fd);
    if (!err && (n == 0 || is_due(&keys[0], sys_service_s())))
        err = renew(state_dir, keys, &n);
    if (!err)
        ticket_set(t, keys, n);
    explicit_bzero(keys, sizeof keys);
    return err;
}

void ticketfile_tend(const char *state_dir, struct tickets *t)
{
    struct ticket_key keys[TICKET_KEYS_MAX] = {{0}};
    size_t n = ticket_get(t, keys);
    pthread_mutex_lock(&file_lock);
    bool is_time = n && !t->is_superseded && is_due(&keys[0], sys_service_s());
    if (is_time && renew(state_dir, keys, &n) == 0)
        ticket_set(t, keys, n);
    pthread_mutex_unlock(&file_lock);
    explicit_bzero(keys, sizeof keys);
}

int ticketfile_install(const char *state_dir, struct tickets *t, const struct ticket_key *keys,
                       size_t n)
{
    pthread_mutex_lock(&file_lock);
    int err = write_keys(state_dir, keys, n);
    t->is_superseded |= !err;
    pthread_mutex_unlock(&file_lock);
    return err;
}
