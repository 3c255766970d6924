#include "service/calllog.h"

#include "base/log.h"
#include "base/stats.h"

/* What is shown of a text of others; and more lines in a second than a site has calls, but few
 * enough that somebody who makes calls for the sake of it does not fill the disk soon. */
enum { SHOWN_MAX = 128, LINE_LEN = 1200, LINES_PER_SECOND = 200 };

static const struct {
    enum stats_id stat;
    const char *word;
} outcomes[CALLLOG_OUTCOMES] = {
    [CALLLOG_ANSWERED] = {STAT_CALL_ANSWERED, "answered"},
    [CALLLOG_FALLBACK] = {STAT_CALL_FALLBACK, "fallback"},
    [CALLLOG_CANCELLED] = {STAT_CALL_CANCELLED, "cancelled"},
    [CALLLOG_NO_ANSWER] = {STAT_CALL_NO_ANSWER, "no-answer"},
    [CALLLOG_DECLINED] = {STAT_CALL_DECLINED, "declined"},
    [CALLLOG_BUSY] = {STAT_CALL_BUSY, "busy"},
    [CALLLOG_REDIRECTED] = {STAT_CALL_REDIRECTED, "redirected"},
    [CALLLOG_FAILED] = {STAT_CALL_FAILED, "failed"},
    [CALLLOG_DRAINED] = {STAT_CALL_DRAINED, "drained"},
};

const char *calllog_word(enum calllog_outcome o)
{
    return outcomes[o].word;
}

/* ---------------------------------------------------------------- how it ended */

/* The branch that the final response is of; -1: none. */
static int deciding_branch(const struct fork *f)
{
    return f->is_answered ? f->winner : fork_best(f);
}

/* Its end says only that nobody took the call: silence, ring-timeout or Timer C. */
static bool has_rung_out(const struct fork_branch *b)
{
    return b->status == 408 || b->status == 487 || (b->is_given_up && b->status == 480);
}

static enum calllog_outcome decide_failure(const struct fork *f, unsigned status)
{
    int best = fork_best(f);
    if (status >= 600)
        return CALLLOG_DECLINED;
    if (f->is_cancelled)
        return CALLLOG_CANCELLED;
    if (status >= 300 && status < 400)
        return CALLLOG_REDIRECTED;
    if (best >= 0 && has_rung_out(&f->branches[best]))
        return CALLLOG_NO_ANSWER;
    return status == 486 ? CALLLOG_BUSY : CALLLOG_FAILED;
}

enum calllog_outcome calllog_decide(const struct fork *f, unsigned status, bool is_drained)
{
    if (is_drained)
        return CALLLOG_DRAINED;
    if (status < 200 || status >= 300 || f->winner < 0)
        return decide_failure(f, status);
    return f->branches[f->winner].is_last_resort ? CALLLOG_FALLBACK : CALLLOG_ANSWERED;
}

/* ---------------------------------------------------------------- the line */

/* One word, whatever was in it. */
static void add_foreign(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c > ' ' && c < 0x7f) {
            buf_add_char(out, c);
        } else {
            buf_add_char(out, '%');
            buf_add_hex(out, &c, 1);
        }
    }
    buf_add(out, s.n == 0 ? STR("-") : s.n == SHOWN_MAX ? STR("...") : STR(""));
}

/* Who ended the ringing. */
static void add_ender(struct buf *out, const struct calllog *l, const struct fork *f,
                      enum calllog_outcome o)
{
    int at = deciding_branch(f);
    if (o == CALLLOG_CANCELLED)
        buf_add(out, STR("caller"));
    else if (o == CALLLOG_NO_ANSWER)
        buf_add(out, STR("timer"));
    else if (o == CALLLOG_DRAINED || at < 0)
        buf_add(out, STR("us"));
    else
        addr_print(&l->peers[at], out);
}

static void add_ms(struct buf *out, const char *name, const struct calllog *l, uint64_t at_ms)
{
    buf_addf(out, " %s=", name);
    if (at_ms)
        buf_add_u64(out, at_ms - l->began_ms);
    else
        buf_add_char(out, '-');
}

static void tell(const struct calllog *l, const struct fork *f, enum calllog_outcome o)
{
    char text[LINE_LEN];
    struct buf out = buf_over(text, sizeof text);
    if (log_level() < LEVEL_INFO) /* it costs more to write than to count */
        return;
    buf_add(&out, STR("to="));
    add_foreign(&out, LOG_NAME_OF(l->to));
    buf_addf(&out, " outcome=%s status=%u by=", calllog_word(o), l->status);
    add_ender(&out, l, f, o);
    buf_add(&out, STR(" from="));
    addr_print(&l->from, &out);
    buf_addf(&out, " branches=%zu", f->n);
    add_ms(&out, "ringing-ms", l, l->rang_ms);
    add_ms(&out, "setup-ms", l, l->final_ms);
    buf_add(&out, STR(" call-id="));
    add_foreign(&out, l->call_id);
    log_info_most(LINES_PER_SECOND, "call %.*s", STR_FMT(buf_str(&out)));
}

/* ---------------------------------------------------------------- its life */

static struct str keep(struct arena *a, struct str s)
{
    s.n = s.n < SHOWN_MAX ? s.n : SHOWN_MAX;
    return str_dup(a, s);
}

void calllog_start(struct calllog *l, struct arena *a, const struct msg *m,
                   const struct calllog_origin *origin)
{
    if (m->method != METHOD_INVITE || m->to_tag.n)
        return;
    *l = (struct calllog){.is_pending = true,
                          .to = keep(a, str_is_none(origin->to) ? m->uri : origin->to),
                          .call_id = keep(a, m->call_id),
                          .from = *origin->from,
                          .began_ms = origin->now_ms};
    stats_inc(STAT_CALLS_PENDING);
}

void calllog_add_branch(struct calllog *l, size_t branch, const struct addr *peer)
{
    l->peers[branch] = *peer;
    stats_add(STAT_CALL_BRANCHES, l->is_pending);
}

void calllog_on_response(struct calllog *l, unsigned status, uint64_t now_ms)
{
    if (status > 100 && status < 200 && !l->rang_ms)
        l->rang_ms = now_ms;
    if (status >= 200 && !l->status) {
        l->status = status;
        l->final_ms = now_ms;
    }
}

void calllog_end(struct calllog *l, const struct fork *f, uint64_t now_ms)
{
    if (!l->is_pending)
        return;
    l->is_pending = false;
    enum calllog_outcome o = calllog_decide(f, l->status, l->is_drained);
    stats_dec(STAT_CALLS_PENDING);
    stats_inc(outcomes[o].stat);
    if (l->rang_ms)
        stats_add_time(STAT_CALL_RINGING, l->rang_ms - l->began_ms);
    stats_add_time(STAT_CALL_SETUP, (l->final_ms ? l->final_ms : now_ms) - l->began_ms);
    tell(l, f, o);
}
