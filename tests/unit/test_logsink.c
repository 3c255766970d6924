/* Where nobody reads, nobody waits. */
#include "unit.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "base/logsink.h"

enum { LINE = 1000, LINES_MAX = 100000, PATIENCE_S = 60 };

/* Lines of 1000 bytes until one is lost; how many were taken. */
static int fill(struct logsink_stream *s, size_t len)
{
    static char line[3 * PIPE_BUF];
    int n = 0;
    memset(line, 'x', len);
    line[len - 1] = '\n';
    while (n < LINES_MAX && logsink_write(s, (struct str){line, len}))
        n++;
    assert_in_range(n, 1, LINES_MAX - 1);
    return n;
}

static char content[1 << 20];

static size_t read_all(int fd)
{
    size_t n = 0;
    ssize_t got;
    while ((got = read(fd, content + n, sizeof content - n - 1)) > 0)
        n += (size_t)got;
    content[n] = '\0';
    return n;
}

static void a_pipe_that_nobody_reads(void **state)
{
    static const size_t lengths[] = {LINE, 2 * PIPE_BUF + 100};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        int fds[2];
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
        struct logsink_stream s = {.fd = fds[1]};
        int n = fill(&s, lengths[i]);
        assert_false(fcntl(fds[1], F_GETFL) & O_NONBLOCK); /* it may be another program's, too */
        size_t was = read_all(fds[0]);
        assert_true(was >= (size_t)n * lengths[i]);
        assert_true(logsink_write(&s, STR("again\n")));
        assert_int_equal(read_all(fds[0]), was == (size_t)n * lengths[i] ? 6 : 7);
        assert_non_null(strstr(content, "again\n"));
        assert_true(content[0] == '\n' || content[0] == 'a'); /* a line of its own */
        (void)close(fds[0]);
        assert_false(logsink_write(&s, STR("gone\n"))); /* and no signal */
        (void)close(fds[1]);
    }
}

/* A terminal takes what it has room for, and a blocking write would wait for the rest. */
static void a_terminal_that_stands_still(void **state)
{
    char name[64];
    struct termios raw;
    struct logsink_stream s;
    (void)state;
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    assert_int_equal(ptsname_r(master, name, sizeof name), 0);
    int slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(slave >= 0);
    assert_int_equal(tcgetattr(slave, &raw), 0);
    cfmakeraw(&raw);
    assert_int_equal(tcsetattr(slave, TCSANOW, &raw), 0);
    assert_int_equal(fcntl(master, F_SETFL, O_NONBLOCK), 0);
    logsink_open(&s, slave);
    assert_true(s.is_own);
    (void)alarm(PATIENCE_S);
    (void)fill(&s, LINE);
    assert_false(fcntl(slave, F_GETFL) & O_NONBLOCK); /* it is the shell's, too */
    size_t was = 0, n;
    while ((n = read_all(master)))
        was += n;
    assert_int_equal(tcflow(slave, TCOOFF), 0); /* ^S */
    assert_false(logsink_write(&s, STR("stopped\n")));
    assert_int_equal(tcflow(slave, TCOON), 0);
    assert_true(logsink_write(&s, STR("again\n")));
    (void)alarm(0);
    (void)read_all(master);
    assert_non_null(strstr(content, "\nagain\n"));
    assert_null(strstr(content, "stopped"));
    logsink_close(&s);
    assert_true(fcntl(slave, F_GETFL) >= 0);
    (void)close(slave);
    (void)close(master);
}

static void a_file_is_not_opened_anew(void **state)
{
    char path[] = "/tmp/test_logsink.XXXXXX";
    struct logsink_stream s;
    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "before\n", 7), 7);
    logsink_open(&s, fd);
    assert_int_equal(s.fd, fd);
    assert_true(logsink_write(&s, STR("line\n")));
    assert_int_equal(lseek(fd, 0, SEEK_END), 12);
    logsink_close(&s);
    assert_int_equal(close(fd), 0); /* it was left open */
    (void)unlink(path);
}

static void a_socket_that_nobody_reads(void **state)
{
    int fds[2];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    struct logsink_stream s = {.fd = fds[1]};
    (void)fill(&s, LINE);
    assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    (void)read_all(fds[0]);
    assert_true(logsink_write(&s, STR("again\n")));
    (void)read_all(fds[0]);
    assert_non_null(strstr(content, "again\n"));
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void a_file_gets_a_line_as_a_whole(void **state)
{
    char path[] = "/tmp/test_logsink.XXXXXX";
    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    struct logsink_stream s = {.fd = fd};
    static char line[3 * PIPE_BUF];
    memset(line, 'y', sizeof line);
    assert_true(logsink_write(&s, (struct str){line, sizeof line}));
    assert_int_equal(lseek(fd, 0, SEEK_END), sizeof line);
    (void)close(fd);
    (void)unlink(path);
}

/* ---------------------------------------------------------------- datagrams */

static int listen_at(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    memcpy(at.sun_path, path, strlen(path));
    (void)unlink(path);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

static bool send_text(struct logsink_socket *s, char *text)
{
    struct iovec part = {text, strlen(text)};
    return logsink_send(s, &part, 1);
}

static void a_system_log_that_stops_and_comes_again(void **state)
{
    char dir[] = "/tmp/test_logsink.XXXXXX", path[64], text[] = "line";
    struct logsink_socket s;
    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/log", dir);
    assert_false(logsink_connect(&s, path));
    assert_false(send_text(&s, text));
    int fd = listen_at(path);
    assert_true(logsink_connect(&s, path));
    int n = 0;
    while (n < LINES_MAX && send_text(&s, text))
        n++;
    assert_in_range(n, 1, LINES_MAX - 1); /* it is full, and nobody waited */
    (void)close(fd);
    assert_false(send_text(&s, text));
    fd = listen_at(path);
    s.tried_ms = 0; /* as if a second had gone by */
    assert_true(send_text(&s, text));
    assert_int_equal(read(fd, content, sizeof content), 4);
    logsink_hang_up(&s);
    (void)close(fd);
    (void)unlink(path);
    (void)rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pipe_that_nobody_reads),
        cmocka_unit_test(a_terminal_that_stands_still),
        cmocka_unit_test(a_file_is_not_opened_anew),
        cmocka_unit_test(a_socket_that_nobody_reads),
        cmocka_unit_test(a_file_gets_a_line_as_a_whole),
        cmocka_unit_test(a_system_log_that_stops_and_comes_again),
    };
    (void)signal(SIGPIPE, SIG_IGN); /* as in the daemon */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
