#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "admin/recordjson.h"
#include "base/err.h"
#include "net/flow.h"

enum { ARENA = 1 << 20, TAGS = 60, ROOM = 4096, N_KNOWN = 41 };

static const char *const listeners[] = {"phones", "core"};
static const struct codec_names names = {listeners, 2};
static const struct recordjson by = {&names, 1000};

static struct str encoded(struct arena *a, const struct aor_record *r)
{
    struct buf b = buf_in(a, codec_bound(r, &names));
    codec_encode(r, &names, &b);
    assert_false(b.has_overflown);
    return buf_str(&b);
}

/* As text, for it goes through a file. NULL: it is refused. */
static struct aor_record *through(struct arena *a, const struct aor_record *r, json_t **keep)
{
    struct recordjson_fault f = {""};
    struct aor_record *out = NULL;
    json_t *json = recordjson_of(&by, r);
    assert_non_null(json);
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    assert_non_null(text);
    *keep = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(*keep);
    int err = recordjson_parse(&by, a, *keep, &out, &f);
    free(text);
    return err ? NULL : out;
}

/* ---------------------------------------------------------------- nothing is forgotten */

/* What a field of a kind may hold, as the codec writes it. */
static const struct str values[] = {
    {"\x01", 1},
    {"sip:c@d", 7},
    {"phones", 6},
    {"\x04\x13\xc4\x7f\x01\x02\x03", 7},
    {"0123456789abcdef", 16},
};

/* A record whose one binding or registration has what every one must have, and the tag besides. */
static struct str with_tag(char *bytes, uint8_t group, uint8_t tag, struct str value)
{
    static const struct str needed[] = {[3] = {"\x01\x01\x07\x02\x07sip:a@b\x07\x01"
                                               "c\x13\x02\x01\x09",
                                               19},
                                        [4] = {"\x01\x01\x07", 3}};
    struct buf b = buf_over(bytes, ROOM);
    buf_add(&b, STR("\x01\x01\x03"
                    "a@b"));
    buf_add_char(&b, (char)group);
    buf_add_char(&b, (char)(needed[group].n + 2 + value.n));
    buf_add(&b, needed[group]);
    buf_add_char(&b, (char)tag);
    buf_add_char(&b, (char)value.n);
    buf_add(&b, value);
    return buf_str(&b);
}

/* Of this process alone: the lease's two, the stream's name. */
static bool is_of_process(uint8_t group, uint8_t tag)
{
    return group == 3 && (tag == 13 || tag == 21 || tag == 22);
}

/* True: the codec keeps that value there, and it has come back. */
static bool survives(uint8_t group, uint8_t tag, struct str value)
{
    char bytes[ROOM];
    struct arena a;
    struct aor_record *r, *bare;
    json_t *keep;
    arena_init(&a, ARENA);
    bool is_right =
        codec_decode(&a, with_tag(bytes, group, tag, value), &names, &r) == 0 &&
        codec_decode(&a, with_tag(bytes + ROOM / 2, group, 0, STR_NONE), &names, &bare) == 0;
    if (is_right && group == 3)
        r->bindings[0].upreg_id = 0; /* there is no registration beside it */
    struct str before = is_right ? encoded(&a, r) : STR_NONE;
    bool is_known = is_right && !str_eq(before, encoded(&a, bare));
    if (is_known && !is_of_process(group, tag)) {
        const struct aor_record *back = through(&a, r, &keep);
        if (back && !str_eq(before, encoded(&a, back)))
            fail_msg("group %d, tag %d: its value is not carried along", group, tag);
        is_known = back != NULL;
        json_decref(keep);
    }
    arena_fini(&a);
    return is_known;
}

/* All but a binding's registration, which others see to. A field that the codec gets some day and
 * the export does not know fails here. */
static void every_field_of_the_store_is_carried_along(void **state)
{
    (void)state;
    unsigned n_known = 0;
    for (uint8_t group = 3; group <= 4; group++)
        for (uint8_t tag = 1; tag < TAGS; tag++) {
            bool is_known_tag = false;
            for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
                is_known_tag |= survives(group, tag, values[i]);
            n_known += is_known_tag;
        }
    assert_int_equal(n_known, N_KNOWN);
}

/* ---------------------------------------------------------------- text and times */

static struct aor_record *plain(struct arena *a)
{
    struct aor_record *r = binding_record_new(a, STR("alice@example.com"));
    struct binding *b = binding_add(r);
    struct upreg *u = binding_upreg_add(r);
    *u = (struct upreg){.id = 2, .contact = STR("sip:x@y"), .dead_at_s = 99};
    *b = (struct binding){.id = 1,
                          .contact = STR("sip:a@192.0.2.7"),
                          .call_id = STR("c"),
                          .user_agent = STR("\xff\xfe \x01"),
                          .q = 0,
                          .expires_at_s = 50,
                          .way = {.listener = 1, .transport = FLOW_TLS, .flow_id = 77},
                          .upreg_id = 2};
    b->way.peer = (struct addr){.ip = {0xfe, 0x80}, .family = 6, .port = 5060, .scope_id = 3};
    r->revision = 12;
    return r;
}

static void bytes_times_and_zones_come_back(void **state)
{
    (void)state;
    struct arena a;
    json_t *keep;
    arena_init(&a, ARENA);
    struct aor_record *r = plain(&a), *back = through(&a, r, &keep);
    const struct binding *b = &back->bindings[0];
    assert_str(b->user_agent, "\xff\xfe \x01");
    assert_int_equal(b->q, 0);
    assert_int_equal(b->expires_at_s, 50);
    assert_true(addr_is_equal(&b->way.peer, &r->bindings[0].way.peer));
    assert_int_equal(b->way.peer.scope_id, 3);
    assert_int_equal(b->way.flow_id, 1);
    assert_int_equal(b->way.listener, 1);
    assert_int_equal(back->revision, 12);
    json_t *binding = json_array_get(json_object_get(keep, "bindings"), 0);
    assert_int_equal(json_integer_value(json_object_get(binding, "expires_at")), 1050);
    json_object_set_new(binding, "listener", json_string("gone"));
    struct recordjson_fault f;
    assert_int_equal(recordjson_parse(&by, &a, keep, &back, &f), 0);
    assert_int_equal(back->bindings[0].way.listener, CODEC_NO_LISTENER);
    json_decref(keep);
    arena_fini(&a);
}

static void header_injection_is_refused(void **state)
{
    static const struct {
        const char *text;
        size_t n;
        bool is_right;
    } rows[] = {{"a\r\n b", 5, true},     {"a\r\nb", 4, false}, {"a\nb", 3, false},
                {"a\rb", 3, false},       {"a\r\n", 3, false},  {"a\0b", 3, false},
                {"a\r\n\r\n b", 7, false}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena a;
        struct recordjson_fault f;
        struct aor_record *back;
        arena_init(&a, ARENA);
        struct aor_record *r = plain(&a);
        r->bindings[0].path = (struct str){rows[i].text, rows[i].n};
        json_t *json = recordjson_of(&by, r);
        assert_int_equal(recordjson_parse(&by, &a, json, &back, &f),
                         rows[i].is_right ? 0 : ERR_PARSE);
        json_decref(json);
        arena_fini(&a);
    }
}

/* ---------------------------------------------------------------- memory */

static void live_through(void *arg)
{
    struct arena a;
    struct recordjson_fault f;
    struct aor_record *back;
    (void)arg;
    arena_init(&a, ARENA);
    struct aor_record *r = binding_record_new(&a, STR("alice@example.com"));
    json_t *json = r && binding_upreg_add(r) ? recordjson_of(&by, r) : NULL;
    if (json) {
        int err = recordjson_parse(&by, &a, json, &back, &f);
        assert_true(err == ERR_NOMEM || err == ERR_PARSE);
    }
    json_decref(json);
    arena_fini(&a);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    assert_true(oom_sweep(live_through, NULL) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_of_the_store_is_carried_along),
        cmocka_unit_test(bytes_times_and_zones_come_back),
        cmocka_unit_test(header_injection_is_refused),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    json_set_alloc_funcs(malloc, free); /* those that can be made to fail */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
