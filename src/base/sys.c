#include "base/sys.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/err.h"

static uint64_t read_ms(clockid_t clock)
{
    struct timespec ts;
    BUG_ON(clock_gettime(clock, &ts) != 0);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t sys_now_ms(void)
{
    return read_ms(CLOCK_BOOTTIME);
}

uint64_t sys_now_us(void)
{
    struct timespec ts;
    BUG_ON(clock_gettime(CLOCK_MONOTONIC, &ts) != 0);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t sys_wall_ms(void)
{
    return read_ms(CLOCK_REALTIME);
}

static pthread_once_t offset_once = PTHREAD_ONCE_INIT;
static uint64_t offset_ms; /* wall - boot time, as it was at the first call */

static void take_offset(void)
{
    offset_ms = sys_wall_ms() - sys_now_ms();
}

uint64_t sys_service_s(void)
{
    (void)pthread_once(&offset_once, take_offset);
    return (sys_now_ms() + offset_ms) / 1000;
}

/* One system call fills a pool of small draws: a branch or a tag takes 8 bytes of it. */
struct pool {
    uint8_t bytes[256];
    size_t left;
};
static _Thread_local struct pool pool;

static void draw(void *out, size_t n)
{
    uint8_t *at = out;
    while (n) {
        ssize_t got = getrandom(at, n, 0);
        BUG_ON(got < 0 && errno != EINTR);
        if (got > 0) {
            at += got;
            n -= (size_t)got;
        }
    }
}

void sys_random(void *out, size_t n)
{
    if (n > sizeof pool.bytes) {
        draw(out, n);
        return;
    }
    if (pool.left < n) {
        draw(pool.bytes, sizeof pool.bytes);
        pool.left = sizeof pool.bytes;
    }
    pool.left -= n;
    memcpy(out, pool.bytes + pool.left, n);
    explicit_bzero(pool.bytes + pool.left, n);
}
