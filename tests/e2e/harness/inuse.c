/* Loaded into the daemon by a test (LD_PRELOAD): whoever connects to the Unix socket INUSE_SOCKET
 * is told how many bytes are allocated. For one malloc arena only: MALLOC_ARENA_MAX=1. */
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void *serve(void *arg)
{
    const int listener = (int)(long)arg;
    for (;;) {
        const int to = accept(listener, NULL, NULL);
        const struct mallinfo2 now = mallinfo2();
        if (to < 0)
            return NULL;
        (void)dprintf(to, "%zu\n", now.uordblks + now.hblkhd);
        (void)close(to);
    }
}

/* The daemon's signals are not for this thread. */
static void start_thread(int listener)
{
    sigset_t all, before;
    pthread_t thread;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&thread, NULL, serve, (void *)(long)listener))
        abort();
    (void)pthread_detach(thread);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

__attribute__((constructor)) static void start(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    const char *path = getenv("INUSE_SOCKET");
    const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (!path || strlen(path) >= sizeof at.sun_path || listener < 0)
        abort();
    memcpy(at.sun_path, path, strlen(path));
    (void)unlink(path); /* of the program that has started this one */
    if (bind(listener, (const struct sockaddr *)&at, sizeof at) || listen(listener, 1))
        abort();
    start_thread(listener);
}
