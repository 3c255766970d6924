#include "edits.h"

#include "fuzz.h"
#include "sip/build.h"
#include "sip/param.h"

enum { LINES_MAX = 256, ADDED_MAX = 64 };

enum action { KEEP, REPLACE, REMOVE, REMOVE_TOP };

/* At most one edit a line, a field in front of some, and one behind all. */
struct plan {
    const struct msg *m;
    uint64_t state;
    enum action actions[LINES_MAX];
    struct str old[LINES_MAX]; /* of the line's value */
    bool has_added[LINES_MAX]; /* a field of the same name before it */
    bool has_absent;           /* a field that the message does not have */
    bool has_last;
};

static const struct str with = {"<sip:new@example.net>", 21};

static uint32_t draw(struct plan *p, uint32_t n)
{
    return fuzz_random(&p->state) % n;
}

/* ---------------------------------------------------------------- choosing */

static bool is_first_of_id(const struct msg *m, const struct msg_line *l)
{
    return l->id != HDR_OTHER && msg_first(m, l->id) == l;
}

static void plan_removal(struct plan *p)
{
    enum hdr_id id = (enum hdr_id)(1 + draw(p, HDR_MAX - 1));
    for (size_t i = 0; i < p->m->n_lines; i++)
        if (p->m->lines[i].id == id)
            p->actions[i] = REMOVE;
}

static void plan_line(struct plan *p, size_t i)
{
    const struct msg_line *l = &p->m->lines[i];
    uint32_t what = draw(p, 8);
    p->has_added[i] = is_first_of_id(p->m, l) && draw(p, 6) == 0;
    if (p->actions[i] != KEEP)
        return;
    if (what == 0 && is_first_of_id(p->m, l)) {
        p->actions[i] = REMOVE_TOP;
    } else if (what == 1 && l->value.n) {
        size_t from = draw(p, (uint32_t)l->value.n);
        p->actions[i] = REPLACE;
        p->old[i] = str_skip(l->value, from);
        p->old[i].n = draw(p, (uint32_t)p->old[i].n + 1);
    } else if (what == 2) {
        p->actions[i] = REPLACE; /* nothing: an insertion in front */
        p->old[i] = (struct str){l->value.p, 0};
    }
}

static void choose(struct plan *p)
{
    if (draw(p, 2))
        plan_removal(p);
    for (size_t i = 0; i < p->m->n_lines; i++)
        plan_line(p, i);
    p->has_absent = !msg_first(p->m, HDR_PATH) && draw(p, 2);
    p->has_last = draw(p, 2);
}

/* ---------------------------------------------------------------- doing */

static void apply_line(const struct plan *p, struct build *b, size_t i)
{
    const struct msg_line *l = &p->m->lines[i];
    if (p->has_added[i])
        build_add_first(b, l->id, with);
    if (p->actions[i] == REPLACE)
        build_replace(b, p->old[i], with);
    else if (p->actions[i] == REMOVE_TOP)
        build_remove_top(b, l->id);
    else if (p->actions[i] == REMOVE && is_first_of_id(p->m, l))
        build_remove_all(b, l->id);
}

/* Forward or backward: the order of calls does not matter between places. */
static struct str apply(struct plan *p, struct arena *a)
{
    struct build b;
    struct str out = STR_NONE;
    bool is_backward = draw(p, 2);
    build_init(&b, a, p->m);
    for (size_t i = 0; i < p->m->n_lines; i++)
        apply_line(p, &b, is_backward ? p->m->n_lines - 1 - i : i);
    if (p->has_absent)
        build_add_first(&b, HDR_PATH, with);
    if (p->has_last)
        build_add_last(&b, STR("X-Last"), with);
    MUST(build_finish(&b, &out) == 0);
    return out;
}

/* ---------------------------------------------------------------- the model */

static void add_field(struct buf *out, struct str name)
{
    buf_add(out, name);
    buf_add(out, STR(": "));
    buf_add(out, with);
    buf_add(out, STR("\r\n"));
}

/* A line whose value is as it was but for one piece; a folded value becomes the unfolded one. */
static void add_replaced(struct buf *out, const struct msg_line *l, struct str old, struct str new)
{
    struct str value = l->value;
    if (!fuzz_is_inside(value, l->raw))
        value = str_trim(str_skip(l->raw, (size_t)(str_find(l->raw, ':') + 1 - l->raw.p)));
    buf_add(out, str_span(l->raw.p, value.p));
    buf_add(out, str_span(l->value.p, old.p));
    buf_add(out, new);
    buf_add(out, str_span(str_end(old), str_end(l->value)));
    buf_add(out, str_span(str_end(value), str_end(l->raw)));
}

static void add_without_top(struct buf *out, const struct msg_line *l)
{
    struct str top, second, rest = l->value;
    if (param_split(&rest, &top) && param_split(&rest, &second))
        add_replaced(out, l, str_span(top.p, second.p), STR(""));
}

static void add_line(const struct plan *p, struct buf *out, size_t i)
{
    const struct msg_line *l = &p->m->lines[i];
    if (p->has_added[i])
        add_field(out, hdr_name(l->id));
    switch (p->actions[i]) {
    case KEEP:
        buf_add(out, l->raw);
        break;
    case REPLACE:
        add_replaced(out, l, p->old[i], with);
        break;
    case REMOVE_TOP:
        add_without_top(out, l);
        break;
    case REMOVE:
        break;
    }
}

static struct str model(const struct plan *p, struct arena *a)
{
    const struct msg *m = p->m;
    struct buf out = buf_in(a, m->bytes.n + (2U * m->n_lines + 2U) * ADDED_MAX);
    buf_add(&out, str_span(m->bytes.p, m->n_lines ? m->lines[0].raw.p : m->end_of_headers));
    for (size_t i = 0; i < m->n_lines; i++)
        add_line(p, &out, i);
    if (p->has_absent)
        add_field(&out, STR("Path"));
    if (p->has_last)
        add_field(&out, STR("X-Last"));
    buf_add(&out, str_span(m->end_of_headers, str_end(m->bytes)));
    MUST(!out.has_overflown);
    return buf_str(&out);
}

void edits_check(const struct msg *m, uint64_t seed)
{
    static struct plan p;
    p = (struct plan){.m = m, .state = seed};
    MUST(m->n_lines <= LINES_MAX);
    choose(&p);
    MUST(str_eq(apply(&p, m->arena), model(&p, m->arena)));
}
