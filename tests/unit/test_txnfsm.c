#include "unit.h"

#include "core/txnfsm.h"

/* What the RFCs' figures say, in their words; every pair of state and event that is not here must
 * do nothing. */
struct row {
    enum txnfsm_state in;
    enum txnfsm_event on;
    enum txnfsm_state to;
    unsigned does;
};

enum {
    STOP_A = TXN_STOP_RETRANSMIT,
    STOP_B = TXN_STOP_LIFE,
};

/* RFC 3261 17.1.1.2 with RFC 6026 7.2 (Accepted, timer M). */
static const struct row invite_client[] = {
    {TXN_TRYING, TXN_EV_START, TXN_TRYING, TXN_SEND | TXN_ARM_RETRANSMIT | TXN_ARM_TIMEOUT},
    {TXN_TRYING, TXN_EV_RETRANSMIT, TXN_TRYING, TXN_RESEND | TXN_ARM_RETRANSMIT},
    {TXN_TRYING, TXN_EV_LIFE, TXN_TERMINATED, TXN_UP_TIMEOUT},
    {TXN_TRYING, TXN_EV_ERROR, TXN_TERMINATED, TXN_UP_ERROR},
    {TXN_TRYING, TXN_EV_1XX, TXN_PROCEEDING, TXN_UP | STOP_A | STOP_B},
    {TXN_TRYING, TXN_EV_2XX, TXN_ACCEPTED, TXN_UP | STOP_A | TXN_ARM_LINGER},
    {TXN_TRYING, TXN_EV_FINAL, TXN_COMPLETED, TXN_SEND_ACK | TXN_UP | STOP_A | TXN_ARM_LINGER},
    {TXN_PROCEEDING, TXN_EV_1XX, TXN_PROCEEDING, TXN_UP},
    {TXN_PROCEEDING, TXN_EV_2XX, TXN_ACCEPTED, TXN_UP | TXN_ARM_LINGER},
    {TXN_PROCEEDING, TXN_EV_FINAL, TXN_COMPLETED, TXN_SEND_ACK | TXN_UP | TXN_ARM_LINGER},
    {TXN_PROCEEDING, TXN_EV_ERROR, TXN_TERMINATED, TXN_UP_ERROR},
    {TXN_ACCEPTED, TXN_EV_2XX, TXN_ACCEPTED, TXN_UP}, /* each 2xx goes up */
    {TXN_ACCEPTED, TXN_EV_LIFE, TXN_TERMINATED, 0},
    {TXN_COMPLETED, TXN_EV_FINAL, TXN_COMPLETED, TXN_SEND_ACK}, /* its ACK was lost */
    {TXN_COMPLETED, TXN_EV_LIFE, TXN_TERMINATED, 0},
    {TXN_COMPLETED, TXN_EV_ERROR, TXN_TERMINATED, TXN_UP_ERROR},
};

/* RFC 3261 17.1.2.2. */
static const struct row client[] = {
    {TXN_TRYING, TXN_EV_START, TXN_TRYING, TXN_SEND | TXN_ARM_RETRANSMIT | TXN_ARM_TIMEOUT},
    {TXN_TRYING, TXN_EV_RETRANSMIT, TXN_TRYING, TXN_RESEND | TXN_ARM_RETRANSMIT},
    {TXN_TRYING, TXN_EV_LIFE, TXN_TERMINATED, TXN_UP_TIMEOUT},
    {TXN_TRYING, TXN_EV_ERROR, TXN_TERMINATED, TXN_UP_ERROR},
    {TXN_TRYING, TXN_EV_1XX, TXN_PROCEEDING, TXN_UP},
    {TXN_TRYING, TXN_EV_2XX, TXN_COMPLETED, TXN_UP | STOP_A | TXN_ARM_LINGER},
    {TXN_TRYING, TXN_EV_FINAL, TXN_COMPLETED, TXN_UP | STOP_A | TXN_ARM_LINGER},
    {TXN_PROCEEDING, TXN_EV_RETRANSMIT, TXN_PROCEEDING, TXN_RESEND | TXN_ARM_RETRANSMIT},
    {TXN_PROCEEDING, TXN_EV_LIFE, TXN_TERMINATED, TXN_UP_TIMEOUT},
    {TXN_PROCEEDING, TXN_EV_ERROR, TXN_TERMINATED, TXN_UP_ERROR},
    {TXN_PROCEEDING, TXN_EV_1XX, TXN_PROCEEDING, TXN_UP},
    {TXN_PROCEEDING, TXN_EV_2XX, TXN_COMPLETED, TXN_UP | STOP_A | TXN_ARM_LINGER},
    {TXN_PROCEEDING, TXN_EV_FINAL, TXN_COMPLETED, TXN_UP | STOP_A | TXN_ARM_LINGER},
    {TXN_COMPLETED, TXN_EV_LIFE, TXN_TERMINATED, 0},
};

/* RFC 3261 17.2.1 with RFC 6026 7.1 (Accepted, timer L; an INVITE that comes again is absorbed). */
static const struct row invite_server[] = {
    {TXN_PROCEEDING, TXN_EV_REQUEST, TXN_PROCEEDING, TXN_RESEND},
    {TXN_PROCEEDING, TXN_EV_1XX, TXN_PROCEEDING, TXN_SEND},
    {TXN_PROCEEDING, TXN_EV_2XX, TXN_ACCEPTED, TXN_SEND | TXN_ARM_LINGER},
    {TXN_PROCEEDING, TXN_EV_FINAL, TXN_COMPLETED, TXN_SEND | TXN_ARM_RETRANSMIT | TXN_ARM_TIMEOUT},
    {TXN_PROCEEDING, TXN_EV_ERROR, TXN_PROCEEDING, TXN_UP_ERROR},
    {TXN_ACCEPTED, TXN_EV_2XX, TXN_ACCEPTED, TXN_SEND},
    {TXN_ACCEPTED, TXN_EV_ACK, TXN_ACCEPTED, TXN_UP},
    {TXN_ACCEPTED, TXN_EV_LIFE, TXN_TERMINATED, 0},
    {TXN_ACCEPTED, TXN_EV_ERROR, TXN_ACCEPTED, TXN_UP_ERROR},
    {TXN_COMPLETED, TXN_EV_REQUEST, TXN_COMPLETED, TXN_RESEND},
    {TXN_COMPLETED, TXN_EV_RETRANSMIT, TXN_COMPLETED, TXN_RESEND | TXN_ARM_RETRANSMIT},
    {TXN_COMPLETED, TXN_EV_ACK, TXN_CONFIRMED, STOP_A | TXN_ARM_LINGER},
    {TXN_COMPLETED, TXN_EV_LIFE, TXN_TERMINATED, TXN_UP_TIMEOUT},
    {TXN_COMPLETED, TXN_EV_ERROR, TXN_TERMINATED, TXN_UP_ERROR},
    {TXN_CONFIRMED, TXN_EV_LIFE, TXN_TERMINATED, 0},
};

/* RFC 3261 17.2.2; RFC 4320 4.1: a 100 only when the client's timer E has grown to T2. */
static const struct row server[] = {
    {TXN_TRYING, TXN_EV_START, TXN_TRYING, TXN_ARM_LATE},
    {TXN_TRYING, TXN_EV_LIFE, TXN_TRYING, TXN_UP_LATE},
    {TXN_TRYING, TXN_EV_1XX, TXN_PROCEEDING, TXN_SEND | STOP_B},
    {TXN_TRYING, TXN_EV_2XX, TXN_COMPLETED, TXN_SEND | TXN_ARM_LINGER},
    {TXN_TRYING, TXN_EV_FINAL, TXN_COMPLETED, TXN_SEND | TXN_ARM_LINGER},
    {TXN_PROCEEDING, TXN_EV_REQUEST, TXN_PROCEEDING, TXN_RESEND},
    {TXN_PROCEEDING, TXN_EV_1XX, TXN_PROCEEDING, TXN_SEND},
    {TXN_PROCEEDING, TXN_EV_2XX, TXN_COMPLETED, TXN_SEND | TXN_ARM_LINGER},
    {TXN_PROCEEDING, TXN_EV_FINAL, TXN_COMPLETED, TXN_SEND | TXN_ARM_LINGER},
    {TXN_PROCEEDING, TXN_EV_ERROR, TXN_TERMINATED, TXN_UP_ERROR},
    {TXN_COMPLETED, TXN_EV_REQUEST, TXN_COMPLETED, TXN_RESEND},
    {TXN_COMPLETED, TXN_EV_LIFE, TXN_TERMINATED, 0},
    {TXN_COMPLETED, TXN_EV_ERROR, TXN_TERMINATED, TXN_UP_ERROR},
};

#define MACHINE(rows)                                                                              \
    {                                                                                              \
        rows, sizeof(rows) / sizeof *(rows)                                                        \
    }
static const struct {
    const struct row *rows;
    size_t n;
} machines[TXN_KINDS] = {
    [TXN_INVITE_CLIENT] = MACHINE(invite_client),
    [TXN_CLIENT] = MACHINE(client),
    [TXN_INVITE_SERVER] = MACHINE(invite_server),
    [TXN_SERVER] = MACHINE(server),
};

static struct row wanted(enum txnfsm_kind kind, enum txnfsm_state in, enum txnfsm_event on)
{
    for (size_t i = 0; i < machines[kind].n; i++)
        if (machines[kind].rows[i].in == in && machines[kind].rows[i].on == on)
            return machines[kind].rows[i];
    return (struct row){in, on, in, 0};
}

static void each_event_in_each_state_does_what_the_rfcs_say(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TXN_KINDS * TXN_STATES * TXN_EVENTS; i++) {
        enum txnfsm_kind kind = i / (TXN_STATES * TXN_EVENTS);
        enum txnfsm_state in = i / TXN_EVENTS % TXN_STATES;
        enum txnfsm_event on = i % TXN_EVENTS;
        struct row want = wanted(kind, in, on);
        struct txnfsm_step got = txnfsm_step(kind, in, on);
        if (got.next != want.to || got.actions != want.does)
            fail_msg("kind %d, %s, event %d: %s, %x", kind, txnfsm_state_name(in), on,
                     txnfsm_state_name(got.next), got.actions);
    }
}

/* RFC 3261 table 4; RFC 6026 8.7. */
static void each_state_lingers_as_long_as_its_timer(void **state)
{
    (void)state;
    static const struct {
        enum txnfsm_kind kind;
        enum txnfsm_state in;
        uint32_t unreliable_ms, reliable_ms;
    } rows[] = {
        {TXN_INVITE_CLIENT, TXN_COMPLETED, 32000, 0},    /* D */
        {TXN_INVITE_CLIENT, TXN_ACCEPTED, 32000, 32000}, /* M */
        {TXN_INVITE_SERVER, TXN_CONFIRMED, 5000, 0},     /* I */
        {TXN_INVITE_SERVER, TXN_ACCEPTED, 32000, 32000}, /* L */
        {TXN_CLIENT, TXN_COMPLETED, 5000, 0},            /* K */
        {TXN_SERVER, TXN_COMPLETED, 32000, 0},           /* J */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(txnfsm_linger_ms(rows[i].kind, rows[i].in, false), rows[i].unreliable_ms);
        assert_int_equal(txnfsm_linger_ms(rows[i].kind, rows[i].in, true), rows[i].reliable_ms);
    }
}

static void retransmissions_back_off(void **state)
{
    (void)state;
    static const struct {
        enum txnfsm_kind kind;
        enum txnfsm_state in;
        uint32_t ms[8];
    } rows[] = {
        {TXN_INVITE_CLIENT, TXN_TRYING, {500, 1000, 2000, 4000, 8000, 16000, 32000, 64000}},
        {TXN_CLIENT, TXN_TRYING, {500, 1000, 2000, 4000, 4000, 4000, 4000, 4000}},
        {TXN_CLIENT, TXN_PROCEEDING, {4000, 4000, 4000, 4000, 4000, 4000, 4000, 4000}},
        {TXN_INVITE_SERVER, TXN_COMPLETED, {500, 1000, 2000, 4000, 4000, 4000, 4000, 4000}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t last_ms = 0;
        for (size_t n = 0; n < 8; n++) {
            last_ms = txnfsm_retransmit_ms(rows[i].kind, rows[i].in, last_ms);
            assert_int_equal(last_ms, rows[i].ms[n]);
        }
    }
}

static void transactions_begin_where_they_should(void **state)
{
    (void)state;
    assert_int_equal(txnfsm_first(TXN_INVITE_CLIENT), TXN_TRYING);
    assert_int_equal(txnfsm_first(TXN_CLIENT), TXN_TRYING);
    assert_int_equal(txnfsm_first(TXN_INVITE_SERVER), TXN_PROCEEDING);
    assert_int_equal(txnfsm_first(TXN_SERVER), TXN_TRYING);
}

/* RFC 4320: no 408 for a non-INVITE, so its server must never be told of a timeout. */
static void a_server_never_gives_up_by_itself(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TXN_STATES * TXN_EVENTS; i++)
        assert_false(txnfsm_step(TXN_SERVER, i / TXN_EVENTS, i % TXN_EVENTS).actions &
                     TXN_UP_TIMEOUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_event_in_each_state_does_what_the_rfcs_say),
        cmocka_unit_test(each_state_lingers_as_long_as_its_timer),
        cmocka_unit_test(retransmissions_back_off),
        cmocka_unit_test(transactions_begin_where_they_should),
        cmocka_unit_test(a_server_never_gives_up_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
