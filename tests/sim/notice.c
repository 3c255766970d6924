#include "notice.h"

#include "base/buf.h"
#include "base/sys.h"
#include "service/board.h"

static const struct board_line *find(struct run *r, struct str aor)
{
    struct board_line *lines;
    size_t n;
    const char *at = str_find(aor, '@');
    struct board *board = r->world.host.group.board;
    if (!at || !board || board_read(board, &r->arena, &lines, &n))
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (str_eq(lines[i].name, str_span(aor.p, at)) &&
            str_eq(lines[i].domain, str_span(at + 1, str_end(aor))))
            return &lines[i];
    return NULL;
}

/* "60", "50-60" */
static bool is_in_range(struct str range, uint64_t n)
{
    const char *dash = str_find(range, '-');
    uint64_t low, high;
    if (str_to_u64(dash ? str_span(range.p, dash) : range, UINT32_MAX, &low))
        return false;
    high = low;
    if (dash && str_to_u64(str_span(dash + 1, str_end(range)), UINT32_MAX, &high))
        return false;
    return n >= low && n <= high;
}

static uint64_t from_now(uint64_t at_s)
{
    uint64_t now_s = sys_service_s();
    return at_s > now_s ? at_s - now_s : 0;
}

static struct str alarms_of(const struct board_line *l)
{
    if (l->unregistered_s)
        return l->unreachable_s ? STR("unregistered,unreachable") : STR("unregistered");
    return l->unreachable_s ? STR("unreachable") : STR("none");
}

static struct str number(struct run *r, uint64_t n)
{
    struct buf b = buf_in(&r->arena, 24);
    buf_add_u64(&b, n);
    return buf_str(&b);
}

/* What there is; *is_good for a range. */
static struct str value_of(struct run *r, const struct board_line *l, const struct word *w)
{
    static const char *const reach[] = {"unknown", "reachable", "silent"};
    if (str_eq(w->key, STR("state")))
        return str_of(board_state_word(l->state));
    if (str_eq(w->key, STR("error")))
        return l->error ? str_of(l->error) : STR("none");
    if (str_eq(w->key, STR("status")))
        return number(r, l->status);
    if (str_eq(w->key, STR("alarm")))
        return alarms_of(l);
    if (str_eq(w->key, STR("reach")))
        return l->n_places ? str_of(reach[l->reach[0]]) : STR("none");
    uint64_t s = from_now(str_eq(w->key, STR("expires")) ? l->dead_at_s : l->next_at_s);
    return is_in_range(w->value, s) ? w->value : number(r, s);
}

void notice_check(struct run *r)
{
    const struct board_line *l = find(r, script_word(r->step, 1));
    bool is_absent = str_eq(script_word(r->step, 2), STR("absent"));
    if (!l != is_absent) {
        run_fail(r, l ? "it is there" : "there is no such line");
        return;
    }
    for (size_t i = 0; l && i < r->step->n_words; i++) {
        const struct word *w = &r->step->words[i];
        if (str_is_none(w->key))
            continue;
        struct str got = value_of(r, l, w);
        if (!str_eq(got, w->value))
            run_fail(r, "%.*s is %.*s", STR_FMT(w->key), STR_FMT(got));
    }
}
