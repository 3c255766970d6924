#include "service/lifecycle.h"

#include <stdio.h>

#include "base/log.h"
#include "base/sys.h"
#include "net/feed.h"
#include "net/flow.h"

/* Lines a second: as many as of calls. An event is at most as long as its AoR, twice a contact and
 * a User-Agent, each escaped. */
enum { LINES_PER_SECOND = 200, EVENT_LEN = 16384, SHOWN_MAX = 1024, SOURCE = ADDR_TEXT + 8 };

/* ---------------------------------------------------------------- both ways out */

static bool is_heard(const struct lifecycle *l)
{
    for (size_t i = 0; i < sizeof l->feeds / sizeof l->feeds[0]; i++)
        if (l->feeds[i] && feed_is_on(l->feeds[i]))
            return true;
    return false;
}

static void add_time(struct buf *out)
{
    uint64_t ms = sys_wall_ms();
    buf_addf(out, "{\"time\":%llu.%03u", (unsigned long long)(ms / 1000), (unsigned)(ms % 1000));
}

static void put_event(const struct lifecycle *l, const char *event, const struct log_field *fields,
                      size_t n)
{
    char bytes[EVENT_LEN];
    struct buf out = buf_over(bytes, sizeof bytes);
    const struct log_field name = LOG_TEXT("event", str_of(event));
    add_time(&out);
    logfield_json(&out, &name, 1);
    logfield_json(&out, fields, n);
    buf_add(&out, STR("}\n"));
    for (size_t i = 0; i < sizeof l->feeds / sizeof l->feeds[0]; i++)
        if (l->feeds[i] && !out.has_overflown)
            feed_put(l->feeds[i], buf_str(&out));
}

/* ---------------------------------------------------------------- bindings */

static struct str shown(struct str s)
{
    return (struct str){s.p, s.n < SHOWN_MAX ? s.n : SHOWN_MAX};
}

/* Without what lets anybody wake the device (RFC 8599 6.1). */
static struct str shown_contact(struct str uri)
{
    for (size_t i = 0; i + 4 <= uri.n; i++)
        if (str_ieq((struct str){uri.p + i, 4}, STR(";pn-")))
            return shown((struct str){uri.p, i});
    return shown(uri);
}

static struct str id_text(uint64_t id, char text[17])
{
    (void)snprintf(text, 17, "%016llx", (unsigned long long)id);
    return (struct str){text, 16};
}

static struct str source_text(const struct way *w, char text[SOURCE])
{
    static const char *const words[FLOW_TRANSPORT_MAX] = {"udp", "tcp", "tls", "ws", "wss"};
    struct buf out = buf_over(text, SOURCE);
    buf_addf(&out, "%s:", w->transport < FLOW_TRANSPORT_MAX ? words[w->transport] : "?");
    addr_print(&w->peer, &out);
    return buf_str(&out);
}

enum what { ADDED, MOVED, REMOVED };

static const struct {
    const char *line, *event;
} names[] = {
    [ADDED] = {"binding added", "binding-added"},
    [MOVED] = {"binding moved", "binding-moved"},
    [REMOVED] = {"binding removed", "binding-removed"},
};

static void tell_binding(const struct lifecycle *l, struct str aor, const struct binding *b,
                         enum what what, struct str why)
{
    char id[17], source[SOURCE], name[LOG_NAME];
    struct log_field f[6] = {LOG_TEXT("aor", aor), LOG_TEXT("binding", id_text(b->id, id)),
                             LOG_TEXT("source", source_text(&b->way, source))};
    size_t n = 3;
    if (what == REMOVED)
        f[n++] = LOG_TEXT("reason", why);
    else
        f[n++] = LOG_NUMBER("expires", b->granted_s);
    if (!str_is_none(b->user_agent))
        f[n++] = LOG_TEXT("user-agent", shown(b->user_agent));
    f[n] = LOG_TEXT("contact", shown_contact(b->contact));
    if (is_heard(l))
        put_event(l, names[what].event, f, n + 1);
    f[0].text = log_name(aor, name);
    n += f[0].text.p == aor.p;
    log_event_most(LINES_PER_SECOND, names[what].line, f, n);
}

/* A stream that has ended is told of by whoever noticed. */
static bool has_moved(const struct binding *was, const struct binding *now)
{
    if (!str_eq(was->contact, now->contact))
        return true;
    return now->way.transport != was->way.transport ||
           !addr_is_equal(&now->way.peer, &was->way.peer);
}

static void compare_bindings(const struct lifecycle *l, const struct aor_record *was,
                             const struct aor_record *now, bool is_lapse)
{
    for (size_t i = 0; i < was->n_bindings; i++)
        if (!binding_find_id(now, was->bindings[i].id))
            tell_binding(l, was->aor, &was->bindings[i], REMOVED,
                         is_lapse ? STR("expired") : STR("removed"));
    for (size_t i = 0; i < now->n_bindings; i++) {
        const struct binding *b = &now->bindings[i], *old = binding_find_id(was, b->id);
        if (!old)
            tell_binding(l, now->aor, b, ADDED, STR_NONE);
        else if (has_moved(old, b))
            tell_binding(l, now->aor, b, MOVED, STR_NONE);
    }
}

/* ---------------------------------------------------------------- upstream */

static bool is_held(const struct upreg *u)
{
    return u && u->state == UPREG_LIVE && !str_is_none(u->contact);
}

static void tell_upreg(const struct lifecycle *l, struct str aor, const struct upreg *u,
                       const char *const words[2])
{
    char id[17], name[LOG_NAME];
    struct log_field f[] = {LOG_TEXT("aor", aor), LOG_TEXT("registration", id_text(u->id, id)),
                            LOG_NUMBER("expires", u->granted_s)};
    size_t n = is_held(u) ? 3 : 2;
    if (is_heard(l))
        put_event(l, words[1], f, n);
    f[0].text = log_name(aor, name);
    log_event_most(LINES_PER_SECOND, words[0], f, n);
}

static void compare_upregs(const struct lifecycle *l, const struct aor_record *was,
                           const struct aor_record *now)
{
    static const char *const gone[] = {"upstream removed", "upstream-removed"};
    static const char *const begun[] = {"upstream registered", "upstream-registered"};
    static const char *const again[] = {"upstream refreshed", "upstream-refreshed"};
    for (size_t i = 0; i < was->n_upregs; i++) {
        const struct upreg *u = &was->upregs[i], *next = binding_upreg(now, u->id);
        if (u->state != UPREG_ENDED && (!next || next->state == UPREG_ENDED))
            tell_upreg(l, was->aor, next ? next : u, gone);
    }
    for (size_t i = 0; i < now->n_upregs; i++) {
        const struct upreg *u = &now->upregs[i], *old = binding_upreg(was, u->id);
        if (!is_held(u))
            continue;
        if (!is_held(old))
            tell_upreg(l, now->aor, u, begun);
        else if (old->cseq != u->cseq || old->dead_at_s != u->dead_at_s)
            tell_upreg(l, now->aor, u, again);
    }
}

void lifecycle_on_commit(struct lifecycle *l, const struct aor_record *was,
                         const struct aor_record *now, bool is_lapse)
{
    if (log_level() < LEVEL_INFO && !is_heard(l))
        return;
    compare_bindings(l, was, now, is_lapse);
    compare_upregs(l, was, now);
}

/* The log has its own line of it. */
void lifecycle_on_upstream(struct lifecycle *l, const char *upstream, const char *const states[2],
                           const char *why)
{
    if (!l || !is_heard(l))
        return;
    const struct log_field f[] = {
        LOG_TEXT("upstream", str_of(upstream)), LOG_TEXT("from", str_of(states[0])),
        LOG_TEXT("to", str_of(states[1])), LOG_TEXT("reason", str_of(why))};
    put_event(l, "upstream-state", f, sizeof f / sizeof f[0]);
}
