/* Session families: who resumes is who he was. */
#include "unit.h"

#include "tlspair.h"

/* ---------------------------------------------------------------- session families */

static struct ticket_key key_of(uint8_t letter)
{
    struct ticket_key key = {.made_at_s = 1};
    memset(key.name, letter, sizeof key.name);
    memset(key.cipher, letter, sizeof key.cipher);
    memset(key.mac, letter + 1, sizeof key.mac);
    return key;
}

static struct tls_context *make_listener(const char *name, const char *ca, struct tickets *tickets)
{
    const char *certificate = "one.pem", *key = "one.key";
    const struct tls_conf conf = {&certificate, &key, 1, ca, name};
    char why[TLS_WHY];
    struct tls_context *t = NULL;
    assert_int_equal(tls_context_new(&conf, why, &t), 0);
    tls_context_set_tickets(t, tickets);
    return t;
}

static SSL_CTX *make_client(int version)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    assert_int_equal(SSL_CTX_set_min_proto_version(ctx, version), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(ctx, version), 1);
    assert_int_equal(SSL_CTX_use_certificate_file(ctx, "two.pem", SSL_FILETYPE_PEM), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(ctx, "two.key", SSL_FILETYPE_PEM), 1);
    return ctx;
}

/* Connects with the session, which becomes the new one's; the family. NULL: a new client. */
static struct family meet(struct tls_context *t, SSL_CTX *ctx, SSL_SESSION **session,
                          bool *is_resumed)
{
    struct pair p;
    char got[64];
    open_pair(&p, t, ctx);
    if (*session)
        assert_int_equal(SSL_set_session(p.client, *session), 1);
    assert_int_equal(shake_hands(&p, got), 5);
    *is_resumed = tls_is_resumed(p.server);
    const struct family f = tls_family(p.server);
    assert_int_equal(tls_write(p.server, "hi", 2), 2);
    assert_int_equal(SSL_read(p.client, got, sizeof got), 2);
    SSL_SESSION_free(*session);
    *session = SSL_get1_session(p.client);
    (void)SSL_shutdown(p.client);
    close_pair(&p);
    return f;
}

/* The keys go on, the contexts do not: as after a restart. */
static void a_family_goes_on_with_the_ticket(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct ticket_key keys[] = {key_of('b'), key_of('a')};
        struct tickets tickets = {.lock = PTHREAD_MUTEX_INITIALIZER};
        SSL_CTX *ctx = make_client(versions[i]);
        SSL_SESSION *session = NULL, *other = NULL;
        bool is_resumed;
        ticket_set(&tickets, keys + 1, 1);
        struct tls_context *t = make_listener("phones", "", &tickets);
        const struct family first = meet(t, ctx, &session, &is_resumed);
        assert_false(is_resumed || family_is_none(&first));
        const struct family second = meet(t, ctx, &other, &is_resumed);
        assert_false(is_resumed || family_is_same(&first, &second));
        tls_context_unref(t);
        ticket_set(&tickets, keys, 2); /* the next generation */
        t = make_listener("phones", "", &tickets);
        struct family now = meet(t, ctx, &session, &is_resumed);
        assert_true(is_resumed && family_is_same(&first, &now));
        ticket_set(&tickets, keys, 1); /* the old one has gone; the ticket was replaced */
        now = meet(t, ctx, &session, &is_resumed);
        assert_true(is_resumed && family_is_same(&first, &now));
        now = meet(t, ctx, &other, &is_resumed);
        assert_false(is_resumed || family_is_same(&second, &now));
        SSL_SESSION_free(session);
        SSL_SESSION_free(other);
        SSL_CTX_free(ctx);
        tls_context_unref(t);
    }
}

/* Least of all where certificates are asked for and were not there. */
static void a_ticket_is_good_at_one_listener(void **state)
{
    (void)state;
    static const struct {
        const char *name, *ca;
        bool is_taken;
    } rows[] = {
        {"phones", "", true}, {"others", "", false}, {"phones", "two.pem", false}, {"", "", false}};
    const struct ticket_key key = key_of('a');
    struct tickets tickets = {.lock = PTHREAD_MUTEX_INITIALIZER};
    ticket_set(&tickets, &key, 1);
    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        SSL_CTX *ctx = make_client(versions[i % 2]);
        SSL_SESSION *session = NULL;
        bool is_resumed;
        struct tls_context *from = make_listener("phones", "", &tickets);
        struct tls_context *to = make_listener(rows[i / 2].name, rows[i / 2].ca, &tickets);
        const struct family first = meet(from, ctx, &session, &is_resumed);
        const struct family then = meet(to, ctx, &session, &is_resumed);
        assert_int_equal(is_resumed, rows[i / 2].is_taken);
        assert_int_equal(family_is_same(&first, &then), rows[i / 2].is_taken);
        SSL_SESSION_free(session);
        SSL_CTX_free(ctx);
        tls_context_unref(from);
        tls_context_unref(to);
    }
}

/* One bit of a ticket, anywhere in it, and there is neither session nor family. */
static void a_ticket_cannot_be_made(void **state)
{
    const struct ticket_key key = key_of('a');
    struct tickets tickets = {.lock = PTHREAD_MUTEX_INITIALIZER};
    SSL_CTX *ctx = make_client(TLS1_2_VERSION);
    SSL_SESSION *session = NULL;
    struct tls_context *t = make_listener("phones", "", &tickets);
    bool is_resumed;
    (void)state;
    ticket_set(&tickets, &key, 1);
    const struct family first = meet(t, ctx, &session, &is_resumed);
    const unsigned char *ticket;
    size_t n;
    SSL_SESSION_get0_ticket(session, &ticket, &n);
    assert_true(n > 64);
    for (size_t i = 0; i < n; i += 7) {
        SSL_SESSION *spoilt = SSL_SESSION_dup(session);
        SSL_SESSION_get0_ticket(spoilt, &ticket, &n);
        ((unsigned char *)(uintptr_t)ticket)[i] ^= 1;
        const struct family f = meet(t, ctx, &spoilt, &is_resumed);
        assert_false(is_resumed || family_is_same(&first, &f));
        SSL_SESSION_free(spoilt);
    }
    SSL_SESSION_free(session);
    SSL_CTX_free(ctx);
    tls_context_unref(t);
}

/* A client that takes no tickets has no family, and nothing is the same as nothing. */
static void without_tickets_there_is_no_family(void **state)
{
    const struct ticket_key key = key_of('a');
    struct tickets tickets = {.lock = PTHREAD_MUTEX_INITIALIZER};
    SSL_CTX *ctx = make_client(TLS1_2_VERSION);
    SSL_SESSION *session = NULL;
    struct tls_context *t = make_listener("phones", "", &tickets);
    bool is_resumed;
    (void)state;
    ticket_set(&tickets, &key, 1);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    for (int i = 0; i < 2; i++) {
        const struct family f = meet(t, ctx, &session, &is_resumed);
        assert_false(is_resumed);
        assert_true(family_is_none(&f));
    }
    SSL_SESSION_free(session);
    SSL_CTX_free(ctx);
    tls_context_unref(t);
}

/* Neither a second handshake on a connection, nor data before the first is over. */
static void nothing_is_renegotiated_or_early(void **state)
{
    const struct ticket_key key = key_of('a');
    struct tickets tickets = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct tls_context *t = make_listener("phones", "", &tickets);
    SSL_CTX *ctx = make_client(TLS1_2_VERSION);
    SSL_SESSION *session = NULL;
    struct pair p;
    char got[64];
    bool is_resumed;
    (void)state;
    ticket_set(&tickets, &key, 1);
    open_pair(&p, t, ctx);
    assert_int_equal(shake_hands(&p, got), 5);
    assert_int_equal(SSL_renegotiate(p.client), 1);
    (void)SSL_do_handshake(p.client);
    assert_int_equal(tls_read(p.server, got, sizeof got), -1);
    assert_int_equal(SSL_do_handshake(p.client), -1);
    assert_false(SSL_is_init_finished(p.client));
    close_pair(&p);
    SSL_CTX_free(ctx);
    ctx = make_client(TLS1_3_VERSION);
    (void)meet(t, ctx, &session, &is_resumed);
    assert_int_equal(SSL_SESSION_get_max_early_data(session), 0);
    SSL_SESSION_free(session);
    SSL_CTX_free(ctx);
    tls_context_unref(t);
}

static int n_tickets;

static int count_ticket(SSL *client, SSL_SESSION *session)
{
    (void)client;
    (void)session;
    n_tickets++;
    return 0;
}

/* One a day, of the same family, with what is written (TLS 1.3). */
static void a_long_connection_gets_new_tickets(void **state)
{
    const struct ticket_key key = key_of('a');
    struct tickets tickets = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct tls_context *t = make_listener("phones", "", &tickets);
    SSL_CTX *ctx = make_client(TLS1_3_VERSION);
    struct pair p;
    char got[64];
    (void)state;
    ticket_set(&tickets, &key, 1);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(ctx, count_ticket);
    n_tickets = 0;
    open_pair(&p, t, ctx);
    assert_int_equal(shake_hands(&p, got), 5);
    const struct family first = tls_family(p.server);
    for (int day = 0; day < 3; day++) {
        for (int i = 0; i < 3; i++) {
            assert_int_equal(tls_write(p.server, "hi", 2), 2);
            assert_int_equal(SSL_read(p.client, got, sizeof got), 2);
            assert_int_equal(n_tickets, day + 1);
        }
        SSL_SESSION *session = SSL_get_session(p.server);
        SSL_SESSION_set_time(session, SSL_SESSION_get_time(session) - TICKET_KEY_S - 60);
    }
    const struct family last = tls_family(p.server);
    assert_true(family_is_same(&first, &last));
    close_pair(&p);
    SSL_CTX_free(ctx);
    tls_context_unref(t);
}

static uint64_t cpu_us(void)
{
    struct timespec t;
    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t), 0);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* What the server's side of one handshake takes of its thread. */
static uint64_t cost_us(struct tls_context *t, SSL_CTX *ctx, SSL_SESSION **session)
{
    uint64_t sum_us = 0;
    struct pair p;
    char got[64];
    open_pair(&p, t, ctx);
    if (*session)
        assert_int_equal(SSL_set_session(p.client, *session), 1);
    for (ssize_t n = -1; n < 0;) {
        if (SSL_do_handshake(p.client) == 1)
            (void)SSL_write(p.client, "hello", 5);
        uint64_t from_us = cpu_us();
        n = tls_read(p.server, got, sizeof got);
        sum_us += cpu_us() - from_us;
        assert_true(n > 0 || errno == EAGAIN);
    }
    assert_int_equal(tls_is_resumed(p.server), *session != NULL);
    assert_int_equal(tls_write(p.server, "hi", 2), 2);
    assert_int_equal(SSL_read(p.client, got, sizeof got), 2);
    SSL_SESSION_free(*session);
    *session = SSL_get1_session(p.client);
    (void)SSL_shutdown(p.client);
    close_pair(&p);
    return sum_us;
}

/* The figure for a storm of devices that come back (P-256). */
static void to_come_again_is_cheap(void **state)
{
    enum { TIMES = 200 };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct ticket_key key = key_of('a');
        struct tickets tickets = {.lock = PTHREAD_MUTEX_INITIALIZER};
        SSL_CTX *ctx = make_client(versions[i]);
        struct tls_context *t = make_listener("phones", "", &tickets);
        SSL_SESSION *session = NULL;
        uint64_t full_us = 0, resumed_us = 0;
        ticket_set(&tickets, &key, 1);
        for (int n = 0; n < TIMES; n++) {
            SSL_SESSION_free(session);
            session = NULL;
            full_us += cost_us(t, ctx, &session);
            resumed_us += cost_us(t, ctx, &session);
        }
        print_message("TLS 1.%zu: %llu handshakes/s on a core, %llu resumed\n", i + 2,
                      TIMES * 1000000ULL / full_us, TIMES * 1000000ULL / resumed_us);
        /* with TLS 1.3 a key is agreed on anew all the same, and little is spared */
        assert_true(resumed_us < full_us || versions[i] == TLS1_3_VERSION);
        SSL_SESSION_free(session);
        SSL_CTX_free(ctx);
        tls_context_unref(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_family_goes_on_with_the_ticket),
        cmocka_unit_test(a_ticket_is_good_at_one_listener),
        cmocka_unit_test(a_ticket_cannot_be_made),
        cmocka_unit_test(without_tickets_there_is_no_family),
        cmocka_unit_test(nothing_is_renegotiated_or_early),
        cmocka_unit_test(a_long_connection_gets_new_tickets),
        cmocka_unit_test(to_come_again_is_cheap),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
