#include "admin/listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"

enum { BACKLOG = 64, KIND = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK };

/* Closes and keeps errno. */
static int give_up(int fd)
{
    int error = errno;
    if (fd >= 0)
        (void)close(fd);
    errno = error;
    return ERR_IO;
}

int listen_tcp(const struct addr *a)
{
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(a, &sa);
    int on = 1;
    int fd = socket(sa.ss_family, KIND, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
        return give_up(fd);
    if (a->family == 6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0)
        return give_up(fd);
    if (bind(fd, (struct sockaddr *)&sa, len) != 0 || listen(fd, BACKLOG) != 0)
        return give_up(fd);
    return fd;
}

/* 0, or ERR_IO with errno. */
static int remove_stale(const struct sockaddr_un *sun)
{
    struct stat st;
    if (lstat(sun->sun_path, &st) != 0)
        return errno == ENOENT ? 0 : ERR_IO;
    if (!S_ISSOCK(st.st_mode)) {
        errno = EEXIST;
        return ERR_IO;
    }
    int fd = socket(AF_UNIX, KIND, 0);
    if (fd < 0)
        return ERR_IO;
    bool is_refused =
        connect(fd, (const struct sockaddr *)sun, sizeof *sun) != 0 && errno == ECONNREFUSED;
    (void)close(fd);
    if (!is_refused) {
        errno = EADDRINUSE;
        return ERR_IO;
    }
    return unlink(sun->sun_path) == 0 ? 0 : ERR_IO;
}

int listen_unix(const char *path)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (n >= sizeof sun.sun_path) {
        errno = ENAMETOOLONG;
        return ERR_IO;
    }
    memcpy(sun.sun_path, path, n + 1);
    if (remove_stale(&sun))
        return ERR_IO;
    int fd = socket(AF_UNIX, KIND, 0);
    /* Before it listens nobody can connect, whatever mode the umask has left. */
    if (fd < 0 || bind(fd, (struct sockaddr *)&sun, sizeof sun) != 0)
        return give_up(fd);
    if (chmod(path, 0660) != 0 || listen(fd, BACKLOG) != 0) {
        int error = errno;
        (void)unlink(path);
        errno = error;
        return give_up(fd);
    }
    return fd;
}
