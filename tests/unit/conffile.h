/* Configurations as files in a directory of the test's own, and what is said of them. */
#ifndef BW_TESTS_CONFFILE_H
#define BW_TESTS_CONFFILE_H

#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "conf/conf.h"

#define SERVES                                                                                     \
    "listen \"a\" { address = \"udp:127.0.0.1:5060\" }\n"                                          \
    "upstream \"u\" { servers = \"sip:192.0.2.1\" }\n"                                             \
    "domain \"example.com\" { }\n"

static char directory[] = "/tmp/test_conf.XXXXXX";
static char said[16384];
static size_t said_len;

static inline void hear(bool is_error, const char *text, void *arg)
{
    (void)arg;
    int n =
        snprintf(said + said_len, sizeof said - said_len, "%s %s\n", is_error ? "E" : "W", text);
    said_len += (size_t)n < sizeof said - said_len ? (size_t)n : 0;
}

static inline void write_file(const char *name, const char *text, mode_t mode)
{
    (void)unlink(name);
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
}

static inline int load(const char *text, struct conf **out)
{
    write_file("t.conf", text, 0600);
    said_len = 0;
    said[0] = '\0';
    return conf_load("t.conf", hear, NULL, out);
}

static inline struct conf *load_good(const char *text)
{
    struct conf *c = NULL;
    if (load(text, &c) != 0)
        fail_msg("refused: %s", said);
    return c;
}

static inline int enter_directory(void **state)
{
    (void)state;
    static char source[4096];
    const char *srcdir = getenv("srcdir");
    if (!realpath(srcdir ? srcdir : ".", source) || !mkdtemp(directory) || chdir(directory) != 0)
        return -1;
    return setenv("source_directory", source, 1);
}

static inline int leave_directory(void **state)
{
    (void)state;
    (void)unlink("t.conf");
    (void)unlink("token");
    return chdir("/") || rmdir(directory);
}

#endif
