#include "txnbench.h"

/* ---------------------------------------------------------------- server */

/* Timers J, H, I, L: each ends once, and its user hears of it once. */
static void test_server_lives(void **state)
{
    static const struct {
        const char *method;
        unsigned status;
        bool is_acknowledged;
        unsigned after_ms; /* the longest that it may live */
        int n_timeouts;
    } rows[] = {
        {"MESSAGE", 200, false, 32000, 0}, {"MESSAGE", 404, false, 32000, 0},
        {"INVITE", 486, false, 32000, 1},  {"INVITE", 486, true, 5000, 0},
        {"INVITE", 200, false, 32000, 0},  {"INVITE", 200, true, 32000, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bench b;
        struct user u = {0};
        bench_init(&b, 100);
        serve(&b, &u, MESSAGE(&b, .method = rows[i].method));
        assert_false(txn_table_is_idle(b.table));
        assert_int_equal(txn_table_size(b.table), 1);
        reply(&u, rows[i].status);
        bool is_call = strcmp(rows[i].method, "INVITE") == 0 && rows[i].status < 300;
        assert_int_equal(txn_table_is_idle(b.table), !is_call);
        if (rows[i].is_acknowledged) {
            bool is_taken = receive(&b, MESSAGE(&b, .method = "ACK"));
            assert_int_equal(is_taken, rows[i].status >= 300);
            assert_int_equal(u.n[TXN_NOTE_MESSAGE], rows[i].status < 300);
        }
        pass(&b, rows[i].after_ms - 10);
        assert_int_equal(u.n[TXN_NOTE_END], 0);
        pass(&b, 30);
        assert_int_equal(u.n[TXN_NOTE_END], 1);
        assert_int_equal(u.n[TXN_NOTE_TIMEOUT], rows[i].n_timeouts);
        assert_int_equal(txn_table_size(b.table), 0);
        assert_int_equal(gauge(), 0);
        bench_fini(&b);
        assert_int_equal(u.n[TXN_NOTE_END], 1);
    }
}

/* RFC 4320 4.1: when Timer E of the client has reached T2 it is time for a 100, told once. */
static void test_late(void **state)
{
    struct bench b;
    struct user u = {.on = TXN_NOTE_LATE, .deed = REPLY, .status = 100};
    (void)state;
    bench_init(&b, 100);
    serve(&b, &u, MESSAGE(&b, .method = "MESSAGE"));
    pass(&b, 3490);
    assert_int_equal(b.n_sent, 0);
    pass(&b, 100000);
    assert_int_equal(u.n[TXN_NOTE_LATE], 1);
    assert_int_equal(b.n_sent, 1);
    assert_true(has_sent(&b, "SIP/2.0 100 "));
    assert_true(txn_server_is_open(u.txn));
    txn_server_drop(u.txn);
    assert_int_equal(u.n[TXN_NOTE_END], 1);
    bench_fini(&b);
}

/* The last response again, byte for byte; nothing counts as sent again where nothing was sent. */
static void test_repeats(void **state)
{
    struct bench b;
    struct user u = {0};
    (void)state;
    bench_init(&b, 100);
    const struct msg *invite = MESSAGE(&b, .method = "INVITE");
    int64_t n_before = stats_sum(STAT_RESENT);
    serve(&b, &u, invite);
    assert_true(receive(&b, invite));
    assert_int_equal(b.n_sent, 0);
    assert_int_equal(stats_sum(STAT_RESENT), n_before);
    txn_server_send(u.txn, 180, STR("one"));
    assert_true(receive(&b, invite));
    assert_int_equal(b.n_sent, 2);
    assert_true(has_sent(&b, "one"));
    assert_int_equal(stats_sum(STAT_RESENT), n_before + 1);
    txn_server_send(u.txn, 200, STR("two"));
    assert_true(receive(&b, invite));          /* RFC 6026: absorbed */
    txn_server_send(u.txn, 486, STR("three")); /* too late */
    assert_int_equal(b.n_sent, 3);
    txn_server_send(u.txn, 200, STR("again"));
    assert_true(has_sent(&b, "again"));
    bench_fini(&b);
    assert_int_equal(u.n[TXN_NOTE_END], 1);
}

/* 9.2: the CANCEL finds its INVITE, and only that. */
static void test_cancel_finds(void **state)
{
    struct bench b;
    struct user u = {.on = TXN_NOTE_CANCEL, .deed = REPLY, .status = 487}, other = {0};
    (void)state;
    bench_init(&b, 100);
    serve(&b, &u, MESSAGE(&b, .method = "INVITE"));
    serve(&b, &other, MESSAGE(&b, .method = "MESSAGE"));
    const struct msg *cancel = MESSAGE(&b, .method = "CANCEL");
    assert_ptr_equal(find_cancelled(&b, cancel), u.txn);
    assert_false(receive(&b, cancel));
    txn_server_cancelled(u.txn, cancel);
    assert_int_equal(u.n[TXN_NOTE_CANCEL], 1);
    assert_true(has_sent(&b, "SIP/2.0 487 "));
    assert_false(txn_server_is_open(u.txn));
    assert_null(
        find_cancelled(&b, MESSAGE(&b, .method = "CANCEL", .via = "192.0.2.8;branch=z9hG4bKa")));
    bench_fini(&b);
}

/* A stop gives a 2xx of an INVITE the time for its ACK. */
static void test_idle_after_the_ack(void **state)
{
    struct bench b;
    struct user u = {0};
    (void)state;
    bench_init(&b, 100);
    assert_true(txn_table_is_idle(b.table));
    serve(&b, &u, MESSAGE(&b, .method = "INVITE"));
    pass(&b, 5000);
    reply(&u, 200);
    pass(&b, 1900);
    assert_false(txn_table_is_idle(b.table));
    pass(&b, 100);
    assert_true(txn_table_is_idle(b.table));
    bench_fini(&b);
}

/* RFC 4320 4.2: after 64*T1 nobody waits for the answer to a request that is no INVITE. */
static void test_no_answer_too_late(void **state)
{
    static const struct {
        const char *method;
        unsigned status;
        uint64_t after_ms;
        unsigned n_sent;
    } rows[] = {
        {"MESSAGE", 200, 31900, 1}, {"MESSAGE", 200, 32000, 0}, {"MESSAGE", 486, 32000, 0},
        {"MESSAGE", 486, 90000, 0}, {"INVITE", 200, 90000, 1},  {"INVITE", 486, 90000, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bench b;
        struct user u = {0};
        bench_init(&b, 100);
        serve(&b, &u, MESSAGE(&b, .method = rows[i].method));
        pass(&b, rows[i].after_ms);
        unsigned before = (unsigned)b.n_sent;
        reply(&u, rows[i].status);
        assert_int_equal(b.n_sent - before, rows[i].n_sent);
        assert_int_equal(u.n[TXN_NOTE_END], rows[i].n_sent == 0);
        bench_fini(&b);
    }
}

/* The ACK has the To tag of the response: a new one for the first INVITE, that of the dialog for a
 * further one. */
static void test_ack_of_rfc2543(void **state)
{
    struct bench b;
    struct user first = {0}, further = {0};
    char tag[MARK_TAG_LEN + 1] = "";
    (void)state;
    bench_init(&b, 100);
    const struct msg *invite = MESSAGE(&b, .via = "192.0.2.7");
    serve(&b, &first, invite);
    reply(&first, 403);
    (void)mark_tag(&b.marks, invite, tag);
    assert_true(has_sent(&b, tag));
    assert_false(
        receive(&b, MESSAGE(&b, .method = "ACK", .via = "192.0.2.7", .to_tag = "another")));
    assert_true(receive(&b, MESSAGE(&b, .method = "ACK", .via = "192.0.2.7", .to_tag = tag)));

    serve(&b, &further, MESSAGE(&b, .via = "192.0.2.7", .to_tag = "dialog", .cseq = "2"));
    reply(&further, 403);
    assert_true(receive(
        &b, MESSAGE(&b, .method = "ACK", .via = "192.0.2.7", .to_tag = "dialog", .cseq = "2")));
    pass(&b, 5100);
    assert_int_equal(first.n[TXN_NOTE_END], 1);
    assert_int_equal(further.n[TXN_NOTE_END], 1);
    assert_int_equal(first.n[TXN_NOTE_TIMEOUT] + further.n[TXN_NOTE_TIMEOUT], 0);
    bench_fini(&b);
}

/* ---------------------------------------------------------------- client */

static void test_client_lives(void **state)
{
    static const struct {
        const char *method, *start;
        unsigned after_ms;
        int n_timeouts, n_messages;
    } rows[] = {
        {"MESSAGE", NULL, 32000, 1, 0},
        {"INVITE", NULL, 32000, 1, 0},
        {"MESSAGE", "SIP/2.0 200 OK", 5000, 0, 1},
        {"INVITE", "SIP/2.0 200 OK", 32000, 0, 2},
        {"INVITE", "SIP/2.0 486 Busy Here", 32000, 0, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bench b;
        struct user u = {0};
        bench_init(&b, 100);
        ask(&b, &u, rows[i].method);
        assert_true(txn_table_is_idle(b.table)); /* those of servers only */
        if (rows[i].start) {
            assert_true(answer(&b, rows[i].start, rows[i].method));
            assert_true(answer(&b, rows[i].start, rows[i].method));
        }
        pass(&b, rows[i].after_ms - 10);
        assert_int_equal(u.n[TXN_NOTE_END], 0);
        pass(&b, 30);
        assert_int_equal(u.n[TXN_NOTE_END], 1);
        assert_int_equal(u.n[TXN_NOTE_TIMEOUT], rows[i].n_timeouts);
        assert_int_equal(u.n[TXN_NOTE_MESSAGE], rows[i].n_messages);
        assert_int_equal(gauge(), 0);
        bench_fini(&b);
    }
}

/* What may go only while something lasts is not sent again when that is over, late timers or not;
 * it goes on when it lasts again, and an answer is taken all the time. */
static void test_right_to_send_ends(void **state)
{
    struct bench b;
    struct user u = {0};
    static _Atomic uint64_t until_ms;
    (void)state;
    bench_init(&b, 100);
    atomic_store(&until_ms, sys_now_ms() + 2000);
    b.until_ms = &until_ms;
    ask(&b, &u, "REGISTER");
    pass(&b, 1900);
    assert_int_equal(b.n_sent, 3); /* at 0, 0.5 and 1.5 s */
    pass(&b, 8000);
    assert_int_equal(b.n_sent, 3);
    atomic_store(&until_ms, sys_now_ms() + 1000);
    pass(&b, 900);
    assert_true(b.n_sent > 3);
    int n = b.n_sent;
    fake_sys_set_ms(sys_now_ms() + 15000); /* it was stopped for so long */
    pass(&b, 1000);
    assert_int_equal(b.n_sent, n);
    assert_true(answer(&b, "SIP/2.0 200 OK", "REGISTER"));
    assert_int_equal(u.last_status, 200);
    bench_fini(&b);
}

/* 17.1.3: branch and method. */
static void test_client_matching(void **state)
{
    struct bench b;
    struct user u = {0};
    (void)state;
    bench_init(&b, 100);
    ask(&b, &u, "INVITE");
    assert_false(answer(&b, "SIP/2.0 200 OK", "MESSAGE"));
    assert_false(txn_client_receive(
        b.table, MESSAGE(&b, .start = "SIP/2.0 200 OK", .via = "192.0.2.7;branch=z9hG4bKb")));
    assert_false(
        txn_client_receive(b.table, MESSAGE(&b, .start = "SIP/2.0 200 OK", .via = "192.0.2.7")));
    assert_int_equal(u.n[TXN_NOTE_MESSAGE], 0);
    assert_true(answer(&b, "SIP/2.0 183 Session Progress", "INVITE"));
    assert_int_equal(u.last_status, 183);
    bench_fini(&b);
}

/* The ACK and the CANCEL are for a message as large as any that is taken: our own Via makes it
 * larger than the limits are for those of others. */
static void test_ack_and_cancel_of_many_lines(void **state)
{
    struct bench b;
    struct user u = {0};
    char lines[300 * 6 + 1];
    (void)state;
    for (int i = 0; i < 300; i++)
        memcpy(lines + 6 * (size_t)i, "X: y\r\n", 7);
    bench_init(&b, 100);
    assert_int_equal(try_ask(&b, &u, &(struct words){.more = lines}, "z9hG4bKa"), 0);
    assert_true(answer(&b, "SIP/2.0 180 Ringing", "INVITE"));
    assert_int_equal(txn_client_cancel(u.txn, STR_NONE), 0);
    assert_true(has_sent(&b, "CANCEL sip:bob@example.com SIP/2.0\r\n"));
    assert_true(answer(&b, "SIP/2.0 487 Request Terminated", "INVITE"));
    assert_true(has_sent(&b, "ACK sip:bob@example.com SIP/2.0\r\n"));
    int n = b.n_sent;
    assert_true(answer(&b, "SIP/2.0 487 Request Terminated", "INVITE"));
    assert_int_equal(b.n_sent, n + 1);
    bench_fini(&b);
}

/* The flow is gone: at once, or later. */
static void test_dead_flow(void **state)
{
    struct bench b;
    struct user u = {0}, late = {0}, server = {0};
    (void)state;
    bench_init(&b, 100);
    b.send_error = ERR_GONE;
    assert_int_equal(try_ask(&b, &u, &(struct words){0}, "z9hG4bKa"), ERR_GONE);
    b.send_error = ERR_IO;
    assert_int_equal(try_ask(&b, &u, &(struct words){0}, "z9hG4bKa"), ERR_IO);
    assert_int_equal(u.n[TXN_NOTE_END], 0);
    assert_int_equal(txn_table_size(b.table), 0);
    b.send_error = 0;
    ask(&b, &late, "INVITE");
    serve(&b, &server, MESSAGE(&b, .method = "MESSAGE"));
    b.send_error = ERR_GONE;
    pass(&b, 600);
    assert_int_equal(late.n[TXN_NOTE_ERROR], 1);
    assert_int_equal(late.n[TXN_NOTE_END], 1);
    reply(&server, 200);
    assert_int_equal(server.n[TXN_NOTE_ERROR], 1);
    assert_int_equal(server.n[TXN_NOTE_END], 1);
    bench_fini(&b);
}

/* ---------------------------------------------------------------- users that act at once */

static void test_drop_inside(void **state)
{
    static const struct {
        const char *method;
        enum txn_note on;
    } rows[] = {
        {"INVITE", TXN_NOTE_MESSAGE},
        {"MESSAGE", TXN_NOTE_MESSAGE},
        {"INVITE", TXN_NOTE_TIMEOUT},
        {"MESSAGE", TXN_NOTE_TIMEOUT},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bench b;
        struct user u = {.on = rows[i].on, .deed = DROP};
        bench_init(&b, 100);
        ask(&b, &u, rows[i].method);
        if (rows[i].on == TXN_NOTE_MESSAGE)
            assert_true(answer(&b, "SIP/2.0 404 Not Found", rows[i].method));
        else
            pass(&b, 32100);
        assert_int_equal(u.n[rows[i].on], 1);
        assert_int_equal(u.n[TXN_NOTE_END], 0); /* txn_client_drop: it hears no more */
        assert_int_equal(txn_table_size(b.table), 0);
        assert_int_equal(gauge(), 0);
        bench_fini(&b);
    }
}

static void test_server_dropped_inside(void **state)
{
    struct bench b;
    struct user u = {.on = TXN_NOTE_LATE, .deed = DROP},
                cancelled = {.on = TXN_NOTE_CANCEL, .deed = DROP};
    (void)state;
    bench_init(&b, 100);
    serve(&b, &u, MESSAGE(&b, .method = "MESSAGE"));
    pass(&b, 4000);
    assert_int_equal(u.n[TXN_NOTE_LATE], 1);
    assert_int_equal(u.n[TXN_NOTE_END], 1);
    serve(&b, &cancelled, MESSAGE(&b, .method = "INVITE"));
    txn_server_cancelled(cancelled.txn, MESSAGE(&b, .method = "CANCEL"));
    assert_int_equal(cancelled.n[TXN_NOTE_END], 1);
    assert_true(txn_table_is_idle(b.table));
    bench_fini(&b);
}

/* Two timers of one moment: the first one's user drops the other's transaction. */
static void test_drops_another(void **state)
{
    struct bench b;
    struct user other = {0}, u = {.on = TXN_NOTE_TIMEOUT, .deed = DROP_OTHER, .other = &other};
    (void)state;
    bench_init(&b, 100);
    ask(&b, &u, "MESSAGE");
    assert_int_equal(try_ask(&b, &other, &(struct words){0}, "z9hG4bKb"), 0);
    pass(&b, 33000);
    assert_int_equal(u.n[TXN_NOTE_END], 1);
    assert_int_equal(other.n[TXN_NOTE_TIMEOUT] + other.n[TXN_NOTE_END], 0);
    assert_int_equal(txn_table_size(b.table), 0);
    bench_fini(&b);
}

static void test_cancels_inside(void **state)
{
    struct bench b;
    struct user u = {.on = TXN_NOTE_MESSAGE, .deed = CANCEL_IT};
    (void)state;
    bench_init(&b, 100);
    ask(&b, &u, "INVITE");
    assert_true(answer(&b, "SIP/2.0 100 Trying", "INVITE"));
    assert_true(has_sent(&b, "CANCEL "));
    assert_int_equal(txn_table_size(b.table), 2);
    assert_true(answer(&b, "SIP/2.0 200 OK", "CANCEL"));
    u.deed = NOTHING;
    assert_true(answer(&b, "SIP/2.0 487 Request Terminated", "INVITE"));
    assert_int_equal(u.last_status, 487);
    pass(&b, 33000);
    assert_int_equal(txn_table_size(b.table), 0);
    bench_fini(&b);
}

/* ---------------------------------------------------------------- limits and memory */

static void test_full(void **state)
{
    struct bench b;
    struct user server = {0}, client = {0}, more = {0};
    (void)state;
    bench_init(&b, 2);
    int64_t n_before = stats_sum(STAT_TXN_FULL);
    serve(&b, &server, MESSAGE(&b, .method = "INVITE"));
    ask(&b, &client, "INVITE");
    const struct msg *other = MESSAGE(&b, .via = "192.0.2.9;branch=z9hG4bKa");
    const struct txn_user user = {on_note, &more};
    assert_int_equal(txn_server_new(b.table, other, &b.flow, &user, &more.txn), ERR_FULL);
    assert_int_equal(try_ask(&b, &more, &(struct words){0}, "z9hG4bKb"), ERR_FULL);
    assert_int_equal(stats_sum(STAT_TXN_FULL), n_before + 2);
    /* A CANCEL frees what is taken. */
    assert_true(answer(&b, "SIP/2.0 180 Ringing", "INVITE"));
    assert_int_equal(txn_client_cancel(client.txn, STR_NONE), 0);
    txn_table_set_max(b.table, 100);
    serve(&b, &more, other);
    txn_table_set_max(b.table, 2);
    assert_int_equal(txn_server_new(b.table, MESSAGE(&b, .via = "192.0.2.9;branch=z9hG4bKc"),
                                    &b.flow, &user, &more.txn),
                     ERR_FULL);
    txn_client_drop(client.txn);
    txn_server_drop(server.txn);
    txn_server_drop(more.txn);
    pass(&b, 33000);
    assert_int_equal(txn_table_size(b.table), 0);
    /* The last place is for the client that a server transaction has. */
    txn_table_set_max(b.table, 1);
    assert_int_equal(txn_server_new(b.table, other, &b.flow, &user, &more.txn), ERR_FULL);
    bench_fini(&b);
}

/* What comes from the pool remembers nothing of its last life. */
static void test_pool(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, 100);
    for (int i = 0; i < 3; i++) {
        struct user u = {0}, server = {0};
        const struct msg *invite = MESSAGE(&b, .method = "INVITE");
        ask(&b, &u, "INVITE");
        serve(&b, &server, invite);
        assert_true(receive(&b, invite));
        assert_int_equal(b.n_sent, 4 * i + 1); /* of the client; no reply is left over */
        assert_true(answer(&b, "SIP/2.0 486 Busy Here", "INVITE"));
        assert_true(has_sent(&b, "ACK "));
        reply(&server, 486);
        txn_server_drop(server.txn);
        txn_client_drop(u.txn);
        turn(&b);
        b.n_sent = 4 * (i + 1);
        assert_int_equal(server.n[TXN_NOTE_END], 1);
    }
    bench_fini(&b);
}

struct sweep {
    struct bench *bench;
    const struct msg *invite, *busy, *ringing;
    struct str bytes;
};

static void live_and_fail(void *arg)
{
    struct sweep *s = arg;
    struct bench *b = s->bench;
    const struct txn_conf conf = conf_of(b, 100);
    const struct txn_request request = {.flow = b->flow,
                                        .bytes = s->bytes,
                                        .branch = STR("z9hG4bKa"),
                                        .is_invite = true,
                                        .method = STR("INVITE")};
    struct user server = {.bench = b}, client = {.bench = b};
    struct txn_table *table;
    if (txn_table_new(&conf, &table))
        return;
    bool is_served = !txn_server_new(table, s->invite, &b->flow,
                                     &(struct txn_user){on_note, &server}, &server.txn);
    bool is_asked =
        !txn_client_new(table, &request, &(struct txn_user){on_note, &client}, &client.txn);
    if (is_asked) {
        assert_true(txn_client_receive(table, s->ringing));
        (void)txn_client_cancel(client.txn, STR_NONE);
        assert_true(txn_client_receive(table, s->busy));
    }
    if (is_served) {
        reply(&server, 180);
        reply(&server, 486);
        /* With or without memory: it does not wait for a final response any more. */
        assert_true(txn_table_is_idle(table));
    }
    txn_table_free(table);
    assert_int_equal(server.n[TXN_NOTE_END], is_served);
    assert_int_equal(client.n[TXN_NOTE_END], is_asked);
    assert_int_equal(gauge(), 0);
}

static void test_no_memory(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, 100);
    struct sweep s = {.bench = &b,
                      .invite = MESSAGE(&b, .method = "INVITE"),
                      .busy = MESSAGE(&b, .start = "SIP/2.0 486 Busy Here", .to_tag = "t"),
                      .ringing = MESSAGE(&b, .start = "SIP/2.0 180 Ringing", .to_tag = "t"),
                      .bytes = text_of(&b, &(struct words){0})};
    assert_true(oom_sweep(live_and_fail, &s) > 8);
    bench_fini(&b);
}

/* A table that goes tells everybody. */
static void test_table_free(void **state)
{
    struct bench b;
    struct user server = {0}, client = {0};
    (void)state;
    bench_init(&b, 100);
    serve(&b, &server, MESSAGE(&b, .method = "INVITE"));
    ask(&b, &client, "INVITE");
    bench_fini(&b);
    assert_int_equal(server.n[TXN_NOTE_END], 1);
    assert_int_equal(client.n[TXN_NOTE_END], 1);
    assert_int_equal(gauge(), 0);
    txn_table_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_server_lives),
        cmocka_unit_test(test_late),
        cmocka_unit_test(test_repeats),
        cmocka_unit_test(test_cancel_finds),
        cmocka_unit_test(test_idle_after_the_ack),
        cmocka_unit_test(test_no_answer_too_late),
        cmocka_unit_test(test_ack_of_rfc2543),
        cmocka_unit_test(test_client_lives),
        cmocka_unit_test(test_right_to_send_ends),
        cmocka_unit_test(test_client_matching),
        cmocka_unit_test(test_ack_and_cancel_of_many_lines),
        cmocka_unit_test(test_dead_flow),
        cmocka_unit_test(test_drop_inside),
        cmocka_unit_test(test_server_dropped_inside),
        cmocka_unit_test(test_drops_another),
        cmocka_unit_test(test_cancels_inside),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_pool),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_table_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
