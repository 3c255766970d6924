/* peek_parse over any bytes: its slices lie in them, and its answer does not depend on what stands
 * before the start line. */
#include "fuzz.h"

#include "sip/build.h"
#include "sip/peek.h"

const char *const fuzz_more_seeds = "tests/torture/messages";

static void check_slices(const struct peek *p, struct str bytes)
{
    MUST(!str_is_none(p->bytes) && fuzz_is_inside(p->bytes, bytes));
    MUST(str_end(p->bytes) == str_end(bytes));
    MUST(fuzz_is_inside(p->heads, p->bytes) && str_end(p->heads) == str_end(bytes));
    const struct str values[] = {p->via, p->call_id, p->cseq, p->from, p->to};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        MUST(fuzz_is_inside(values[i], p->heads));
        MUST(str_eq(values[i], str_trim(values[i])));
    }
    MUST(fuzz_is_inside(p->branch, p->via));
}

static void check_start(const struct peek *p)
{
    if (p->is_request)
        MUST(p->status == 0);
    else
        MUST(p->status >= 100 && p->status <= 999);
    MUST(p->method < METHOD_MAX);
}

/* From its own start line on, the message reads the same. */
static void check_again(const struct peek *p)
{
    struct peek again;
    MUST(peek_parse(p->bytes, &again) == 0);
    MUST(again.bytes.p == p->bytes.p && again.heads.p == p->heads.p);
    MUST(again.is_request == p->is_request && again.method == p->method);
    MUST(again.via.p == p->via.p && again.call_id.p == p->call_id.p && again.cseq.p == p->cseq.p);
    MUST(again.branch.p == p->branch.p && again.branch.n == p->branch.n);
}

/* As a refusal copies a value: control characters and folds are blanks, and the next reader trims.
 */
static bool is_flat_copy(struct str copy, struct str value)
{
    struct buf flat = buf_in(fuzz_arena(), value.n);
    for (size_t i = 0; i < value.n; i++) {
        bool is_control = (unsigned char)value.p[i] < ' ' || value.p[i] == 0x7f;
        buf_add_char(&flat, is_control ? ' ' : value.p[i]);
    }
    return str_is_none(copy) == str_is_none(value) && str_eq(copy, str_trim(buf_str(&flat)));
}

/* A refusal made of whatever was found is a message of lines, and a response. */
static void check_refusal(const struct peek *p)
{
    static const struct addr source = {.ip = {192, 0, 2, 9}, .port = 5099, .family = 4};
    static struct arena arena;
    struct build_reply reply = {.status = 400, .to_tag = STR("ours")};
    struct str out;
    struct peek answer;
    if (!arena.limit)
        arena_init(&arena, 1 << 20);
    arena_reset(&arena, 1 << 20);
    int err = build_refusal(&arena, p, &source, &reply, &out);
    if (err) {
        MUST(err == ERR_ABSENT);
        return;
    }
    MUST(peek_parse(out, &answer) == 0);
    MUST(!answer.is_request && answer.status == 400);
    MUST(!str_is_none(answer.via));
    MUST(is_flat_copy(answer.from, p->from));
    MUST(is_flat_copy(answer.call_id, p->call_id));
    MUST(is_flat_copy(answer.cseq, p->cseq));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = fuzz_str(data, size);
    struct peek p;
    if (peek_parse(bytes, &p) != 0)
        return 0;
    check_slices(&p, bytes);
    check_start(&p);
    check_again(&p);
    check_refusal(&p);
    return 0;
}
