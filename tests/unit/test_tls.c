#include "unit.h"

#include "tlspair.h"

static void bad_files_are_named(void **state)
{
    static const struct {
        const char *certificate, *key, *ca, *why;
    } rows[] = {
        {"none", "one.key", "", "\"none\" is no certificate"},
        {"junk", "one.key", "", "\"junk\" is no certificate"},
        {"one.key", "one.key", "", "\"one.key\" is no certificate"},
        {"one.pem", "none", "", "\"none\" No such file"},
        {"one.pem", "junk", "", "\"junk\" is no private key"},
        {"one.pem", ".", "", "\".\" is not a regular file"},
        {"one.pem", "two.key", "", "\"two.key\" is not the key of its certificate"},
        {"one.pem", "one.key", "none", "\"none\" has no certificates"},
        {"one.pem", "one.key", "one.key", "\"one.key\" has no certificates"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char why[TLS_WHY] = "";
        struct tls_context *t = NULL;
        assert_int_equal(make(rows[i].certificate, rows[i].key, rows[i].ca, why, &t), ERR_BADCONF);
        assert_memory_equal(why, rows[i].why, strlen(rows[i].why));
        assert_null(t);
        assert_int_equal(ERR_peek_error(), 0);
    }
}

static void a_key_is_secret(void **state)
{
    (void)state;
    static const struct {
        mode_t mode;
        int err;
    } rows[] = {{0600, 0}, {0640, 0}, {0400, 0}, {0644, ERR_BADCONF}, {0602, ERR_BADCONF}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char why[TLS_WHY] = "";
        struct tls_context *t = NULL;
        assert_int_equal(chmod("one.key", rows[i].mode), 0);
        assert_int_equal(make("one.pem", "one.key", NULL, why, &t), rows[i].err);
        tls_context_unref(t);
    }
    assert_int_equal(chmod("one.key", 0600), 0);
}

static void body(void *arg)
{
    char why[TLS_WHY];
    struct tls_context *t = NULL;
    (void)arg;
    int err = make("one.pem", "one.key", "two.pem", why, &t);
    assert_true(err == 0 || err == ERR_NOMEM);
    tls_context_unref(t);
}

static void without_memory_there_is_none(void **state)
{
    (void)state;
    assert_true(oom_sweep(body, NULL) > 1);
}

/* A ticket of one worker is good for all, in either version. */
static void who_comes_again_resumes(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char why[TLS_WHY];
        struct tls_context *t;
        SSL_SESSION *session = NULL;
        SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
        assert_int_equal(make("one.pem", "one.key", "", why, &t), 0);
        assert_int_equal(SSL_CTX_set_max_proto_version(ctx, versions[i]), 1);
        ask_again(t, ctx, &session, false);
        ask_again(t, ctx, &session, true);
        ask_again(t, ctx, &session, true);
        SSL_SESSION_free(session);
        SSL_CTX_free(ctx);
        tls_context_unref(t);
    }
}

static void old_versions_and_plain_text_fail(void **state)
{
    (void)state;
    char why[TLS_WHY], got[64];
    struct tls_context *t;
    struct pair p;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    assert_int_equal(make("one.pem", "one.key", "", why, &t), 0);
    assert_int_equal(SSL_CTX_set_min_proto_version(ctx, TLS1_1_VERSION), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(ctx, TLS1_1_VERSION), 1);
    assert_int_equal(SSL_CTX_set_cipher_list(ctx, "ALL:@SECLEVEL=0"), 1);
    open_pair(&p, t, ctx);
    assert_int_equal(shake_hands(&p, got), -1);
    assert_int_equal(errno, EPROTO);
    close_pair(&p);
    open_pair(&p, t, ctx);
    assert_int_equal(write(p.fds[1], "OPTIONS sip:x SIP/2.0\r\n\r\n", 25), 25);
    assert_int_equal(tls_read(p.server, got, sizeof got), -1);
    assert_int_equal(errno, EPROTO);
    tls_context_unref(t); /* the connection holds it */
    close_pair(&p);
    SSL_CTX_free(ctx);
}

/* RFC 5922: whoever is connected to must have the name, from an authority that is trusted. */
static void a_server_must_prove_its_name(void **state)
{
    static const struct {
        const char *server, *ca, *name;
        bool is_verified, is_let_in;
    } rows[] = {
        {"one", "one.pem", "one.test", true, true},
        {"one", "one.pem", "192.0.2.1", true, true},
        {"one", "one.pem", "ONE.TEST", true, true},
        {"one", "one.pem", "two.test", true, false},
        {"one", "one.pem", "192.0.2.2", true, false},
        {"one", "one.pem", "2001:db8::1", true, false},
        {"one", "one.pem", "test", true, false},
        {"one", "two.pem", "one.test", true, false},
        {"one", "", "one.test", true, false},
        {"one", "", "two.test", false, true},
        {"one", "one.pem", "a.one.test", true, false},
        {"one", "one.pem", "*.test", true, false},
        /* 7.2: a wildcard is nobody, but for whom it is configured */
        {"wild", "wild.pem", "a.wild.test", true, false},
        {"wild", "wild.pem", "wild.test", true, false},
        {"wild", "wild.pem", "*.wild.test", true, true},
        {"wild", "wild.pem", "*.WILD.test", true, true},
        {"wild", "wild.pem", "*.a.wild.test", true, false},
        {"wild", "one.pem", "*.wild.test", true, false},
        {"wild", "", "a.wild.test", false, true},
        /* 7.1: a SIP URI comes before host names */
        {"uri", "uri.pem", "uri.test", true, true},
        {"uri", "uri.pem", "dns.test", true, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tls_context *server;
        char why[TLS_WHY], got[64], certificate[16], key[16];
        (void)snprintf(certificate, sizeof certificate, "%s.pem", rows[i].server);
        (void)snprintf(key, sizeof key, "%s.key", rows[i].server);
        assert_int_equal(make(certificate, key, "", why, &server), 0);
        const struct tls_client_conf conf = {rows[i].ca, rows[i].is_verified};
        struct tls_context *client;
        int fds[2];
        ssize_t n = -1;
        assert_int_equal(tls_client_new(&conf, why, &client), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
        struct ssl_st *theirs = tls_accept(server, fds[0]);
        struct ssl_st *ours = tls_connect(client, fds[1], rows[i].name);
        errno = EAGAIN;
        for (int k = 0; k < ROUNDS && n < 0 && errno == EAGAIN; k++) {
            (void)tls_write(theirs, "hello", 5);
            n = tls_read(ours, got, sizeof got);
        }
        assert_int_equal(n, rows[i].is_let_in ? 5 : -1);
        assert_int_equal(tls_is_open(ours), rows[i].is_let_in);
        tls_free(ours);
        tls_free(theirs);
        (void)close(fds[0]);
        (void)close(fds[1]);
        tls_context_unref(client);
        tls_context_unref(server);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_files_are_named),
        cmocka_unit_test(a_key_is_secret),
        cmocka_unit_test(without_memory_there_is_none),
        cmocka_unit_test(who_comes_again_resumes),
        cmocka_unit_test(old_versions_and_plain_text_fail),
        cmocka_unit_test(a_server_must_prove_its_name),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
