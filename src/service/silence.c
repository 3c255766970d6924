#include "service/silence.h"

#include "base/log.h"
#include "base/stats.h"
#include "base/sys.h"
#include "service/context.h"
#include "service/dialog.h"
#include "service/servers.h"

static uint64_t word_of(uint16_t mark, uint64_t end_s)
{
    return (uint64_t)mark << 32 | (uint32_t)end_s;
}

static bool is_of(uint64_t word, uint16_t mark)
{
    return word >> 32 == mark;
}

static bool is_over(uint64_t word, uint64_t now_s)
{
    return (uint32_t)word <= now_s;
}

static uint64_t load(const struct silence *s, size_t i)
{
    return atomic_load_explicit(&s->words[i], memory_order_relaxed);
}

bool silence_has(const struct silence *s, uint16_t mark, uint64_t now_s)
{
    for (size_t i = 0; i < SILENCE_MAX; i++) {
        uint64_t word = load(s, i);
        if (is_of(word, mark) && !is_over(word, now_s))
            return true;
    }
    return false;
}

/* Two workers may find one upstream silent at once; two words say no more than one. */
static void keep(struct silence *s, uint16_t mark, uint64_t now_s)
{
    const uint64_t wanted = word_of(mark, now_s + SILENCE_KEPT_S);
    for (size_t i = 0; i < SILENCE_MAX; i++) {
        uint64_t word = load(s, i);
        if ((is_of(word, mark) || is_over(word, now_s)) &&
            atomic_compare_exchange_strong(&s->words[i], &word, wanted))
            return;
    }
}

bool silence_add(struct silence *s, uint16_t mark, uint64_t now_s)
{
    uint32_t heard_s =
        atomic_load_explicit(&s->heard[mark % SILENCE_HEARD_MAX], memory_order_relaxed);
    if (heard_s + (uint64_t)SILENCE_S > now_s)
        return false;
    bool is_new = !silence_has(s, mark, now_s);
    keep(s, mark, now_s);
    return is_new;
}

static void hear(_Atomic uint32_t *heard, uint32_t now_s)
{
    if (atomic_load_explicit(heard, memory_order_relaxed) !=
        now_s) /* it is shared: seldom written */
        atomic_store_explicit(heard, now_s, memory_order_relaxed);
}

bool silence_del(struct silence *s, uint16_t mark, uint64_t now_s)
{
    bool was_silent = silence_has(s, mark, now_s);
    hear(&s->heard[mark % SILENCE_HEARD_MAX], (uint32_t)now_s);
    for (size_t i = 0; i < SILENCE_MAX; i++) {
        uint64_t word = load(s, i);
        if (is_of(word, mark))
            (void)atomic_compare_exchange_strong(&s->words[i], &word, 0);
    }
    return was_silent;
}

static const char *name_of(const struct context *c, uint16_t mark)
{
    const struct conf_upstream *u = dialog_core(c->conf, mark);
    return u ? u->name : "";
}

void silence_on_timeout(struct context *c, uint16_t mark)
{
    if (!silence_add(c->silence, mark, sys_service_s()))
        return;
    stats_inc(STAT_UPSTREAM_SILENT);
    log_warn("upstream \"%s\" does not answer: calls between devices here are not sent there for "
             "%d s",
             name_of(c, mark), SILENCE_KEPT_S);
}

void silence_on_response(struct context *c, const struct flow_ref *from)
{
    const struct conf_upstream *u = servers_owner(c, from);
    if (u && silence_del(c->silence, dialog_core_mark(u), sys_service_s()))
        log_info("upstream \"%s\" answers again", u->name);
}
