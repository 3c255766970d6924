#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "admin/keysjson.h"

static struct keysjson some(void)
{
    struct keysjson k = {.n_tickets = 2};
    memset(k.ring.token.bytes, 0xa1, sizeof k.ring.token.bytes);
    memset(k.ring.nonce.bytes, 0x0b, sizeof k.ring.nonce.bytes);
    for (size_t i = 0; i < k.n_tickets; i++) {
        k.tickets[i].made_at_s = 1000 - i;
        memset(k.tickets[i].name, (int)i + 1, sizeof k.tickets[i].name);
        memset(k.tickets[i].cipher, (int)i + 3, sizeof k.tickets[i].cipher);
        memset(k.tickets[i].mac, (int)i + 5, sizeof k.tickets[i].mac);
    }
    return k;
}

static void keys_come_back_as_they_went(void **state)
{
    const struct keysjson k = some();
    struct keysjson back;
    (void)state;
    json_t *json = keysjson_of(&k, 500);
    assert_non_null(json);
    assert_true(keysjson_parse(json, 500, &back));
    assert_true(keysjson_is_same(&k, &back));
    assert_int_equal(back.n_tickets, 2);
    assert_memory_equal(back.tickets, k.tickets, 2 * sizeof *k.tickets);
    back.ring.nonce.bytes[31] ^= 1;
    assert_false(keysjson_is_same(&k, &back));
    json_decref(json);
}

static void what_is_no_set_of_keys_is_refused(void **state)
{
    static const struct {
        const char *name, *value; /* in place of what is right; NULL: left out */
    } rows[] = {{"token", NULL},   {"token", "\"ab\""}, {"token", "7"},      {"nonce", "null"},
                {"tickets", "[]"}, {"tickets", "{}"},   {"tickets", "[{}]"}, {"tickets", NULL}};
    const struct keysjson k = some();
    struct keysjson back;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *json = keysjson_of(&k, 0);
        if (rows[i].value)
            json_object_set_new(json, rows[i].name,
                                json_loads(rows[i].value, JSON_DECODE_ANY, NULL));
        else
            json_object_del(json, rows[i].name);
        if (keysjson_parse(json, 0, &back))
            fail_msg("row %zu", i);
        json_decref(json);
    }
    json_t *json = keysjson_of(&k, 0);
    json_t *tickets = json_object_get(json, "tickets");
    while (json_array_size(tickets) <= TICKET_KEYS_MAX)
        json_array_append(tickets, json_array_get(tickets, 0));
    assert_false(keysjson_parse(json, 0, &back));
    json_decref(json);
    assert_false(keysjson_parse(NULL, 0, &back));
}

static void a_name_gives_nothing_away(void **state)
{
    struct keysjson k = some();
    char one[KEYSJSON_NAME], other[KEYSJSON_NAME], again[KEYSJSON_NAME];
    (void)state;
    assert_true(keysjson_name(&k.ring.token, one));
    assert_true(keysjson_name(&k.ring.token, again));
    k.ring.token.bytes[0] ^= 1;
    assert_true(keysjson_name(&k.ring.token, other));
    assert_int_equal(strlen(one), 16);
    assert_string_equal(one, again);
    assert_string_not_equal(one, other);
}

static void print(void *arg)
{
    const struct keysjson k = some();
    struct keysjson back;
    (void)arg;
    json_t *json = keysjson_of(&k, 0);
    if (json) /* a part of it is no set of keys */
        assert_true(keysjson_parse(json, 0, &back));
    json_decref(json);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    json_set_alloc_funcs(malloc, free); /* those that can be made to fail */
    assert_true(oom_sweep(print, NULL) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_come_back_as_they_went),
        cmocka_unit_test(what_is_no_set_of_keys_is_refused),
        cmocka_unit_test(a_name_gives_nothing_away),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
