#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/http.h"
#include "base/err.h"
#include "base/log.h"

static char directory[] = "/tmp/test_http.XXXXXX";
static char path[64];
static char answer[65536];

static bool is_ready(const char **why, void *arg)
{
    (void)why;
    (void)arg;
    return true;
}

static unsigned workers(void *arg)
{
    (void)arg;
    return 1;
}

static int reload(conf_say_fn *say, void *say_arg, void *arg)
{
    (void)arg;
    say(false, "noted", say_arg);
    return 0;
}

static const struct api_hooks hooks = {.is_ready = is_ready, .workers = workers, .reload = reload};

/* 127.0.0.1 with a port that is free now. */
static struct addr free_address(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof in;
    struct addr a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(addr_from_sockaddr((struct sockaddr *)&in, &a), 0);
    return a;
}

static int start(struct addr http, const char *socket_path, struct str token, struct http **out)
{
    struct conf_admin admin = {.http = http, .socket = socket_path, .token = token};
    return http_start(&(struct http_conf){&admin, hooks, NULL}, out);
}

/* Sends a request on a connected socket and reads into `answer` until the server closes. */
static const char *ask_on(int fd, const char *request)
{
    size_t n = 0;
    ssize_t got;
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    while ((got = read(fd, answer + n, sizeof answer - 1 - n)) > 0)
        n += (size_t)got;
    answer[n] = '\0';
    assert_int_equal(close(fd), 0);
    return answer;
}

static const char *ask_tcp(const struct addr *a, const char *request)
{
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(a, &sa);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
    return ask_on(fd, request);
}

static int connect_unix(void)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    memcpy(sun.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&sun, sizeof sun) == 0)
        return fd;
    assert_int_equal(close(fd), 0);
    return -1;
}

static const char *ask_unix(const char *request)
{
    int fd = connect_unix();
    assert_true(fd >= 0);
    return ask_on(fd, request);
}

#define HEAD "Host: localhost\r\nConnection: close\r\n"

static void assert_begins(const char *text, const char *with)
{
    if (strncmp(text, with, strlen(with)) != 0)
        fail_msg("%.200s", text);
}

static void without_a_token_http_reads_and_the_socket_does_all(void **state)
{
    (void)state;
    struct addr a = free_address();
    struct http *h;
    assert_int_equal(start(a, path, STR_NONE, &h), 0);
    assert_begins(ask_tcp(&a, "GET /healthz HTTP/1.1\r\n" HEAD "\r\n"), "HTTP/1.1 200 ");
    assert_non_null(strstr(answer, "\r\n\r\nok\n"));
    assert_begins(ask_tcp(&a, "HEAD /metrics HTTP/1.1\r\n" HEAD "\r\n"), "HTTP/1.1 200 ");
    assert_null(strstr(answer, "breakwater_"));
    assert_begins(ask_tcp(&a, "GET /metrics HTTP/1.1\r\n" HEAD "\r\n"), "HTTP/1.1 200 ");
    assert_non_null(strstr(answer, "breakwater_build_info"));
    assert_begins(ask_tcp(&a, "GET /healthz HTTP/1.1\r\nHost: evil.example\r\n"
                              "Connection: close\r\n\r\n"),
                  "HTTP/1.1 403 ");
    assert_begins(ask_tcp(&a, "POST /api/v1/reload HTTP/1.1\r\n" HEAD "Content-Length: 0\r\n\r\n"),
                  "HTTP/1.1 403 ");
    assert_non_null(strstr(answer, "{\"error\":{\"code\":\"read-only\""));
    assert_begins(ask_unix("POST /api/v1/reload HTTP/1.1\r\n" HEAD "Content-Length: 0\r\n\r\n"),
                  "HTTP/1.1 200 ");
    assert_non_null(strstr(answer, "\"noted\""));
    assert_begins(ask_unix("DELETE /healthz HTTP/1.1\r\n" HEAD "\r\n"), "HTTP/1.1 405 ");
    assert_non_null(strstr(answer, "Allow: GET, HEAD\r\n"));
    http_stop(h);
}

static void a_token_opens_all_and_only_with_it(void **state)
{
    (void)state;
    struct addr a = free_address();
    struct http *h;
    char token[] = "secret";
    assert_int_equal(start(a, "", str_of(token), &h), 0);
    memset(token, 'x', sizeof token); /* the server has its own copy */
    assert_begins(ask_tcp(&a, "GET /metrics HTTP/1.1\r\n" HEAD "\r\n"), "HTTP/1.1 401 ");
    assert_non_null(strstr(answer, "WWW-Authenticate: Basic realm=\"breakwater\"\r\n"));
    assert_null(strstr(answer, "breakwater_"));
    assert_begins(ask_tcp(&a, "GET /metrics HTTP/1.1\r\nHost: any\r\nConnection: close\r\n"
                              "Authorization: Bearer secret\r\n\r\n"),
                  "HTTP/1.1 200 ");
    assert_begins(ask_tcp(&a, "PUT /api/v1/log-level HTTP/1.1\r\n" HEAD
                              "Authorization: Basic cHJvbTpzZWNyZXQ=\r\nContent-Length: 17\r\n\r\n"
                              "{\"level\":\"error\"}"),
                  "HTTP/1.1 200 ");
    assert_int_equal(log_level(), LEVEL_ERROR);
    http_stop(h);
}

static void an_endless_request_is_refused(void **state)
{
    (void)state;
    struct http *h;
    char *request = malloc(100000);
    assert_int_equal(start((struct addr){0}, path, STR_NONE, &h), 0);
    int n = snprintf(request, 200,
                     "PUT /api/v1/log-level HTTP/1.1\r\n" HEAD "Content-Length: 5000\r\n\r\n");
    memset(request + n, 'x', 5000);
    request[n + 5000] = '\0';
    assert_begins(ask_unix(request), "HTTP/1.1 413 ");
    n = snprintf(request, 200, "GET /healthz HTTP/1.1\r\n" HEAD "X: ");
    memset(request + n, 'x', 60000);
    (void)snprintf(request + n + 60000, 200, "\r\n\r\n");
    int fd = connect_unix();
    (void)send(fd, request, strlen(request), MSG_NOSIGNAL);
    ssize_t got = read(fd, answer, sizeof answer - 1);
    answer[got > 0 ? got : 0] = '\0';
    assert_true(got <= 0 || strncmp(answer, "HTTP/1.1 4", 10) == 0);
    (void)close(fd);
    free(request);
    http_stop(h);
}

static void the_socket_file_is_private_and_goes_away(void **state)
{
    (void)state;
    struct http *h;
    struct stat st;
    assert_int_equal(start((struct addr){0}, path, STR_NONE, &h), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    http_stop(h);
    assert_int_equal(stat(path, &st), -1);
}

static void a_stale_socket_is_replaced_and_a_live_one_is_not(void **state)
{
    (void)state;
    struct http *h, *other = NULL;
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    memcpy(sun.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof sun), 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(start((struct addr){0}, path, STR_NONE, &h), 0);
    assert_int_equal(start((struct addr){0}, path, STR_NONE, &other), ERR_IO);
    assert_begins(ask_unix("GET /healthz HTTP/1.1\r\n" HEAD "\r\n"), "HTTP/1.1 200 ");
    http_stop(h);
    fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(close(fd), 0);
    assert_int_equal(start((struct addr){0}, path, STR_NONE, &other), ERR_IO);
    assert_int_equal(unlink(path), 0);
}

static void an_address_in_use_is_an_error(void **state)
{
    (void)state;
    struct addr a = free_address();
    struct http *h, *other = NULL;
    assert_int_equal(start(a, "", STR_NONE, &h), 0);
    assert_int_equal(start(a, path, STR_NONE, &other), ERR_IO);
    assert_int_equal(access(path, F_OK), -1);
    assert_null(other);
    http_stop(h);
    http_stop(NULL);
}

static void start_and_stop(void *arg)
{
    struct http *h = NULL;
    if (start(*(struct addr *)arg, path, STR("token"), &h) == 0)
        http_stop(h);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    struct addr a = free_address();
    assert_true(oom_sweep(start_and_stop, &a) > 3);
}

static int enter(void **state)
{
    (void)state;
    log_set_level(LEVEL_ERROR);
    if (!mkdtemp(directory))
        return -1;
    (void)snprintf(path, sizeof path, "%s/admin.sock", directory);
    return 0;
}

static int leave(void **state)
{
    (void)state;
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_token_http_reads_and_the_socket_does_all),
        cmocka_unit_test(a_token_opens_all_and_only_with_it),
        cmocka_unit_test(an_endless_request_is_refused),
        cmocka_unit_test(the_socket_file_is_private_and_goes_away),
        cmocka_unit_test(a_stale_socket_is_replaced_and_a_live_one_is_not),
        cmocka_unit_test(an_address_in_use_is_an_error),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
