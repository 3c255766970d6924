#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "mutate.h"
#include "net/flow.h"
#include "store/codec.h"

enum { ROOM = 256 * 1024 };

static const char *const listeners[] = {"udp-access", "core", "third"};
static const struct codec_names names = {listeners, 3};

static uint64_t seed = 0x1234567;

static uint64_t draw(void)
{
    return (uint64_t)mutate_random(&seed) << 32 | mutate_random(&seed);
}

/* Any number, small ones and zero often. */
static uint64_t number(uint64_t max)
{
    switch (draw() % 4) {
    case 0:
        return 0;
    case 1:
        return draw() % 300 % (max + (max != UINT64_MAX));
    default:
        return max == UINT64_MAX ? draw() : draw() % (max + 1);
    }
}

static struct str text(struct arena *a)
{
    if (draw() % 4 == 0)
        return STR_NONE;
    size_t n = draw() % 4 ? draw() % 30 : draw() % 300;
    char *p = arena_alloc(a, n);
    for (size_t i = 0; i < n; i++)
        p[i] = (char)draw();
    return (struct str){p, n};
}

static struct addr address(void)
{
    static const uint8_t families[] = {0, 4, 6};
    struct addr a = {.family = families[draw() % 3]};
    if (!a.family)
        return a;
    a.port = (uint16_t)draw();
    for (size_t i = 0; i < (a.family == 6 ? 16 : 4); i++)
        a.ip[i] = (uint8_t)draw();
    a.scope_id = a.family == 6 ? (uint32_t)number(UINT32_MAX) : 0;
    return a;
}

static struct binding random_binding(struct arena *a)
{
    return (struct binding){
        .id = number(UINT64_MAX),
        .contact = text(a),
        .params = text(a),
        .instance = text(a),
        .reg_id = (uint32_t)number(UINT32_MAX),
        .q = (int)number(1001) - 1,
        .call_id = text(a),
        .cseq = (uint32_t)number(UINT32_MAX),
        .path = text(a),
        .user_agent = text(a),
        .methods = (uint32_t)number(UINT32_MAX),
        .way = {.peer = address(),
                .local = address(),
                .flow_id = number(UINT64_MAX),
                .transport = (uint8_t)(draw() % FLOW_TRANSPORT_MAX),
                .listener = (uint8_t)(draw() % 3)},
        .proof = {.kind = draw() % (PROOF_DIGEST + 1),
                  .at_s = number(UINT64_MAX),
                  .family = {number(UINT64_MAX), number(UINT64_MAX)}},
        .granted_s = (uint32_t)number(UINT32_MAX),
        .expires_at_s = number(UINT64_MAX),
        .created_at_s = number(UINT64_MAX),
        .lease = {(uint32_t)number(UINT32_MAX), (uint32_t)number(UINT32_MAX)},
        .upreg_id = number(UINT64_MAX),
    };
}

static struct upreg random_upreg(struct arena *a)
{
    return (struct upreg){
        .id = number(UINT64_MAX),
        .state = draw() % (UPREG_ENDED + 1),
        .contact = text(a),
        .call_id = text(a),
        .cseq = (uint32_t)number(UINT32_MAX),
        .granted_s = (uint32_t)number(UINT32_MAX),
        .dead_at_s = number(UINT64_MAX),
        .service_route = text(a),
        .associated = text(a),
        .pub_gruu = text(a),
        .temp_gruu = text(a),
        .has_instance = draw() % 2,
        .form = number(UINT64_MAX),
        .is_fixed = draw() % 2,
        .is_bulk = draw() % 2,
        .server = {address(), (uint8_t)(draw() % FLOW_TRANSPORT_MAX)},
    };
}

static struct aor_record *random_record(struct arena *a)
{
    struct aor_record *r = arena_calloc(a, 1, sizeof *r);
    r->aor = STR("alice@example.test");
    r->revision = number(UINT64_MAX);
    r->n_bindings = draw() % 8 ? draw() % 4 : draw() % (RECORD_BINDINGS_MAX + 1);
    r->n_upregs = draw() % 3;
    r->bindings = arena_calloc(a, r->n_bindings, sizeof *r->bindings);
    r->upregs = arena_calloc(a, r->n_upregs, sizeof *r->upregs);
    for (size_t i = 0; i < r->n_bindings; i++)
        r->bindings[i] = random_binding(a);
    for (size_t i = 0; i < r->n_upregs; i++)
        r->upregs[i] = random_upreg(a);
    return r;
}

static void same(struct str a, struct str b)
{
    assert_int_equal(str_is_none(a), str_is_none(b));
    assert_true(str_eq(a, b));
}

static void same_binding(const struct binding *a, const struct binding *b)
{
    assert_true(a->id == b->id && a->reg_id == b->reg_id && a->q == b->q && a->cseq == b->cseq);
    same(a->contact, b->contact);
    same(a->params, b->params);
    same(a->instance, b->instance);
    same(a->call_id, b->call_id);
    same(a->path, b->path);
    same(a->user_agent, b->user_agent);
    assert_true(a->methods == b->methods);
    assert_memory_equal(&a->way, &b->way, sizeof a->way);
    assert_true(a->proof.kind == b->proof.kind && a->proof.at_s == b->proof.at_s);
    assert_memory_equal(&a->proof.family, &b->proof.family, sizeof a->proof.family);
    assert_true(a->granted_s == b->granted_s && a->expires_at_s == b->expires_at_s);
    assert_true(a->created_at_s == b->created_at_s && a->upreg_id == b->upreg_id);
    assert_true(a->lease.slot == b->lease.slot && a->lease.generation == b->lease.generation);
}

static void same_upreg(const struct upreg *a, const struct upreg *b)
{
    assert_true(a->id == b->id && a->state == b->state && a->cseq == b->cseq);
    assert_true(a->granted_s == b->granted_s && a->dead_at_s == b->dead_at_s);
    assert_true(a->form == b->form && a->is_fixed == b->is_fixed && a->is_bulk == b->is_bulk);
    same(a->contact, b->contact);
    same(a->call_id, b->call_id);
    same(a->service_route, b->service_route);
    same(a->associated, b->associated);
    same(a->pub_gruu, b->pub_gruu);
    same(a->temp_gruu, b->temp_gruu);
    assert_true(a->has_instance == b->has_instance);
    assert_memory_equal(&a->server.addr, &b->server.addr, sizeof a->server.addr);
    assert_int_equal(a->server.transport, b->server.transport);
}

/* In a heap block of just its size. */
static struct str encoded(const struct aor_record *r)
{
    char *room = malloc(ROOM);
    struct buf b = buf_over(room, ROOM);
    codec_encode(r, &names, &b);
    assert_false(b.has_overflown);
    assert_true(b.len <= codec_bound(r, &names));
    room = realloc(room, b.len);
    assert_non_null(room);
    return (struct str){room, b.len};
}

static void a_record_comes_back_as_it_was(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 16 << 20);
    for (int round = 0; round < 2000; round++) {
        struct aor_record *r = random_record(&a), *got;
        struct str bytes = encoded(r);
        assert_int_equal(codec_decode(&a, bytes, &names, &got), 0);
        same(got->aor, r->aor);
        assert_true(got->revision == r->revision);
        assert_int_equal(got->n_bindings, r->n_bindings);
        assert_int_equal(got->n_upregs, r->n_upregs);
        for (size_t i = 0; i < r->n_bindings; i++)
            same_binding(&got->bindings[i], &r->bindings[i]);
        for (size_t i = 0; i < r->n_upregs; i++)
            same_upreg(&got->upregs[i], &r->upregs[i]);
        free((char *)(uintptr_t)bytes.p);
        arena_reset(&a, 1 << 20);
    }
    arena_fini(&a);
}

static void no_truncation_is_read_beyond(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 16 << 20);
    for (int round = 0; round < 20; round++) {
        struct str bytes = encoded(random_record(&a));
        for (size_t n = 0; n < bytes.n; n++) {
            char *cut = malloc(n ? n : 1);
            memcpy(cut, bytes.p, n);
            struct aor_record *got;
            int err = codec_decode(&a, (struct str){cut, n}, &names, &got);
            assert_true(err == 0 || err == ERR_PARSE);
            free(cut);
            if (n % 64 == 0)
                arena_reset(&a, 1 << 20);
        }
        free((char *)(uintptr_t)bytes.p);
    }
    arena_fini(&a);
}

static void no_damage_is_read_beyond(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 16 << 20);
    for (int round = 0; round < 300; round++) {
        struct str bytes = encoded(random_record(&a));
        for (int i = 0; i < 100; i++) {
            struct str hurt = mutate(bytes, &seed);
            struct aor_record *got;
            int err = codec_decode(&a, hurt, &names, &got);
            assert_true(err == 0 || err == ERR_PARSE || err == ERR_TOOBIG);
            if (!err)
                assert_true(mutate_is_inside(got->aor, hurt));
            free((char *)(uintptr_t)hurt.p);
        }
        free((char *)(uintptr_t)bytes.p);
        arena_reset(&a, 1 << 20);
    }
    arena_fini(&a);
}

static void unknown_tags_are_skipped_and_newer_versions_refused(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    struct aor_record *got;
    /* record tag 9, binding tag 200; proof kind 77, transport 99 */
    static const char bytes[] = "\x01"
                                "\x01\x01"
                                "a"
                                "\x09\x03xyz"
                                "\x03\x0d"
                                "\x01\x01\x07"
                                "\xc8\x02zz"
                                "\x10\x01\x4d"
                                "\x0e\x01\x63"
                                "\x04\x03" /* a registration: of a version without a server */
                                "\x01\x01\x05"
                                "\x04\x0f" /* another: transport 99 */
                                "\x01\x01\x06"
                                "\x10\x07\x04\x13\xc4\xc6\x33\x64\x0a"
                                "\x11\x01\x63"
                                "\x04\x0f" /* another */
                                "\x01\x02\x06\x01"
                                "\x10\x07\x04\x13\xc4\xc6\x33\x64\x0a"
                                "\xc9\x00";
    assert_int_equal(codec_decode(&a, (struct str){bytes, sizeof bytes - 1}, &names, &got), 0);
    assert_int_equal(got->n_bindings, 1);
    assert_int_equal(got->bindings[0].id, 7);
    assert_int_equal(got->bindings[0].q, -1);
    assert_int_equal(got->bindings[0].methods, 0); /* of a version that did not keep them */
    assert_true(family_is_none(&got->bindings[0].proof.family)); /* likewise */
    assert_int_equal(got->bindings[0].proof.kind, PROOF_NONE);
    assert_int_equal(got->bindings[0].way.listener, CODEC_NO_LISTENER);
    assert_int_equal(got->n_upregs, 3);
    assert_int_equal(got->upregs[0].server.addr.family, 0);
    assert_int_equal(got->upregs[1].server.addr.family, 0);
    assert_int_equal(got->upregs[2].server.addr.port, 5060);
    assert_int_equal(got->upregs[2].server.transport, 0);
    assert_int_equal(codec_decode(&a, STR("\x02"), &names, &got), ERR_TOOBIG);
    assert_int_equal(codec_decode(&a, STR("\x01"), &names, &got), ERR_PARSE); /* no AoR */
    assert_int_equal(codec_decode(&a, STR(""), &names, &got), ERR_PARSE);
    arena_fini(&a);
}

static void listeners_are_kept_by_name(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    struct aor_record *r = arena_calloc(&a, 1, sizeof *r), *got;
    struct binding two[2] = {{.q = -1, .way.listener = 1}, {.q = -1, .way.listener = 2}};
    *r = (struct aor_record){.aor = STR("a"), .bindings = two, .n_bindings = 2};
    struct str bytes = encoded(r);
    static const char *const later[] = {"third", "new"};
    assert_int_equal(codec_decode(&a, bytes, &(struct codec_names){later, 2}, &got), 0);
    assert_int_equal(got->bindings[0].way.listener, CODEC_NO_LISTENER);
    assert_int_equal(got->bindings[1].way.listener, 0);
    free((char *)(uintptr_t)bytes.p);
    arena_fini(&a);
}

static void too_many_bindings_are_damage(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    char bytes[1 + 3 + 2 * (RECORD_BINDINGS_MAX + 1)] = "\x01\x01\x01"
                                                        "a";
    for (size_t at = 4; at < sizeof bytes; at += 2)
        bytes[at] = 3;
    struct aor_record *got;
    assert_int_equal(codec_decode(&a, (struct str){bytes, sizeof bytes}, &names, &got), ERR_PARSE);
    assert_int_equal(codec_decode(&a, (struct str){bytes, sizeof bytes - 2}, &names, &got), 0);
    assert_int_equal(got->n_bindings, RECORD_BINDINGS_MAX);
    arena_fini(&a);
}

static void a_full_buffer_is_told(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 16 << 20);
    struct str bytes = encoded(random_record(&a));
    struct aor_record *r;
    assert_int_equal(codec_decode(&a, bytes, &names, &r), 0);
    for (size_t n = 0; n < bytes.n; n++) {
        char *room = malloc(n ? n : 1);
        struct buf b = buf_over(room, n);
        codec_encode(r, &names, &b);
        assert_true(b.has_overflown);
        free(room);
    }
    free((char *)(uintptr_t)bytes.p);
    arena_fini(&a);
}

static void decode_in_a_new_arena(void *arg)
{
    const struct str *bytes = arg;
    struct arena a;
    arena_init(&a, 1 << 20);
    struct aor_record *got;
    int err = codec_decode(&a, *bytes, &names, &got);
    assert_true(err == 0 || err == ERR_NOMEM);
    arena_fini(&a);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 16 << 20);
    struct aor_record *r = random_record(&a);
    while (r->n_bindings < 20)
        r = random_record(&a);
    struct str bytes = encoded(r);
    assert_true(oom_sweep(decode_in_a_new_arena, &bytes) >= 2);
    free((char *)(uintptr_t)bytes.p);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_comes_back_as_it_was),
        cmocka_unit_test(no_truncation_is_read_beyond),
        cmocka_unit_test(no_damage_is_read_beyond),
        cmocka_unit_test(unknown_tags_are_skipped_and_newer_versions_refused),
        cmocka_unit_test(listeners_are_kept_by_name),
        cmocka_unit_test(too_many_bindings_are_damage),
        cmocka_unit_test(a_full_buffer_is_told),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
