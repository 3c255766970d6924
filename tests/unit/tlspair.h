/* Certificates, contexts and handshakes over a socket pair, for tests of TLS. Included once by a
 * test program. */
#ifndef BW_TESTS_TLSPAIR_H
#define BW_TESTS_TLSPAIR_H

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/family.h"
#include "net/ticket.h"
#include "net/tls.h"

enum { ROUNDS = 100 };

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static char directory[] = "/tmp/test_tls.XXXXXX";

/* ---------------------------------------------------------------- files */

static inline FILE *create(const char *name)
{
    FILE *f = fopen(name, "w");
    assert_non_null(f);
    return f;
}

/* "one.test" and 192.0.2.1, say; or a wildcard; or a SIP URI, beside which no host name counts. */
static inline void add_names(X509 *c, const char *name)
{
    char names[64];
    if (strchr(name, ':'))
        (void)snprintf(names, sizeof names, "URI:%s,DNS:dns.test", name);
    else
        (void)snprintf(names, sizeof names, "DNS:%s,IP:192.0.2.%c", name,
                       name[0] == 'o' ? '1' : '2');
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    assert_non_null(e);
    assert_int_equal(X509_add_ext(c, e, -1), 1);
    X509_EXTENSION_free(e);
}

static inline void write_pair(const char *name, const char *certificate_file, const char *key_file)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *c = X509_new();
    assert_non_null(key);
    assert_int_equal(X509_set_version(c, 2), 1);
    ASN1_INTEGER_set(X509_get_serialNumber(c), 1);
    X509_gmtime_adj(X509_getm_notBefore(c), -60);
    X509_gmtime_adj(X509_getm_notAfter(c), 3600);
    X509_set_pubkey(c, key);
    X509_NAME *subject = X509_get_subject_name(c);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(c, subject);
    add_names(c, name);
    assert_true(X509_sign(c, key, EVP_sha256()) > 0);
    FILE *f = create(certificate_file);
    assert_int_equal(PEM_write_X509(f, c), 1);
    (void)fclose(f);
    f = create(key_file);
    assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
    (void)fclose(f);
    assert_int_equal(chmod(key_file, 0600), 0);
    X509_free(c);
    EVP_PKEY_free(key);
}

static inline int set_up(void **state)
{
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    assert_non_null(mkdtemp(directory));
    assert_int_equal(chdir(directory), 0);
    write_pair("one.test", "one.pem", "one.key");
    write_pair("two.test", "two.pem", "two.key");
    write_pair("*.wild.test", "wild.pem", "wild.key");
    write_pair("sip:uri.test", "uri.pem", "uri.key");
    FILE *f = create("junk");
    (void)fputs("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", f);
    (void)fclose(f);
    assert_int_equal(chmod("junk", 0600), 0);
    return 0;
}

static inline int tear_down(void **state)
{
    static const char *const names[] = {"one.pem",  "one.key",  "two.pem", "two.key", "junk",
                                        "wild.pem", "wild.key", "uri.pem", "uri.key"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        (void)unlink(names[i]);
    return chdir("/") || rmdir(directory);
}

/* ---------------------------------------------------------------- contexts */

static inline int make(const char *certificate, const char *key, const char *ca, char why[TLS_WHY],
                       struct tls_context **out)
{
    const struct tls_conf conf = {&certificate, &key, 1, ca, NULL};
    return tls_context_new(&conf, why, out);
}

/* ---------------------------------------------------------------- connections */

struct pair {
    int fds[2];
    struct ssl_st *server;
    SSL *client;
};

static inline void open_pair(struct pair *p, struct tls_context *t, SSL_CTX *ctx)
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p->fds), 0);
    p->server = tls_accept(t, p->fds[0]);
    assert_non_null(p->server);
    p->client = SSL_new(ctx);
    assert_int_equal(SSL_set_fd(p->client, p->fds[1]), 1);
    SSL_set_connect_state(p->client);
}

static inline void close_pair(struct pair *p)
{
    tls_free(p->server);
    SSL_free(p->client);
    (void)close(p->fds[0]);
    (void)close(p->fds[1]);
}

/* What the server's last read said, once it has read something or failed. */
static inline ssize_t shake_hands(struct pair *p, char got[64])
{
    ssize_t n = -1;
    errno = EAGAIN;
    for (int i = 0; i < ROUNDS && n < 0 && errno == EAGAIN; i++) {
        if (SSL_do_handshake(p->client) == 1)
            (void)SSL_write(p->client, "hello", 5);
        n = tls_read(p->server, got, 64);
    }
    return n;
}

static inline void ask_again(struct tls_context *t, SSL_CTX *ctx, SSL_SESSION **session,
                             bool is_resumed)
{
    struct pair p;
    char got[64];
    open_pair(&p, t, ctx);
    if (*session)
        assert_int_equal(SSL_set_session(p.client, *session), 1);
    assert_false(tls_is_open(p.server));
    assert_int_equal(shake_hands(&p, got), 5);
    assert_memory_equal(got, "hello", 5);
    assert_true(tls_is_open(p.server));
    assert_int_equal(tls_is_resumed(p.server), is_resumed);
    assert_int_equal(tls_write(p.server, "hi", 2), 2);
    assert_int_equal(SSL_read(p.client, got, sizeof got), 2);
    assert_int_equal(tls_read(p.server, got, sizeof got), -1);
    assert_int_equal(errno, EAGAIN);
    SSL_SESSION_free(*session);
    *session = SSL_get1_session(p.client);
    assert_int_equal(SSL_shutdown(p.client), 0);
    assert_int_equal(tls_read(p.server, got, sizeof got), 0);
    close_pair(&p);
}

#endif
