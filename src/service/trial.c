#include "service/trial.h"

#include "base/sys.h"
#include "service/shield.h"
#include "service/signs.h"
#include "service/silence.h"

/* Whoever rings has been found; a 183 may be an announcement that he has not. */
enum { RINGING = 180 };

void trial_init(struct trial *t, struct context *c, const struct target_set *targets,
                struct hunt *hunt, struct fork *fork)
{
    bool is_ours = !str_is_none(targets->caller);
    *t = (struct trial){.context = c,
                        .hunt = hunt,
                        .fork = fork,
                        .mark = targets->trial,
                        .right = targets->right,
                        .began_ms = sys_now_ms(),
                        .caller = is_ours ? hash_str(&c->loop_key, targets->caller) | 1 : 0};
}

bool trial_is_server(const struct trial *t, size_t branch)
{
    return branch < SERVERS_TRIES_MAX && t->servers[branch].generation;
}

static bool is_let(const struct trial *t, const struct flow_ref *server)
{
    const struct conf_upstream *u = servers_owner(t->context, server);
    return !u || shield_is_let(u, server, t->right);
}

void trial_pass(struct trial *t)
{
    while (t->fork->n && hunt_is_server_next(t->hunt) &&
           !is_let(t, &t->hunt->list[t->hunt->next].plan->flow))
        hunt_del_next(t->hunt);
}

bool trial_on_response(struct trial *t, unsigned status)
{
    if (!t->mark)
        return false;
    if (status < 200 || status == 503)
        hunt_keep_servers(t->hunt);
    else
        hunt_drop(t->hunt);
    t->mark = hunt_has_more(t->hunt) ? t->mark : 0;
    fork_set_more(t->fork, hunt_has_more(t->hunt));
    return true;
}

bool trial_is_lost(const struct trial *t)
{
    if (t->mark && t->fork->is_invite && !t->fork->is_finished && !hunt_is_server_next(t->hunt))
        silence_on_timeout(t->context, t->mark);
    return t->mark;
}

bool trial_on_silence(const struct trial *t)
{
    if (t->mark && t->fork->n)
        trial_note(t, t->fork->n - 1, 408, false);
    return trial_is_lost(t);
}

/* A 408 that was said is another hop's word. */
void trial_note(const struct trial *t, size_t branch, unsigned status, bool is_answer)
{
    struct servers *s = t->context->servers;
    bool has_failed = status == 503 || (status == 408 && !is_answer);
    if (!trial_is_server(t, branch) || t->fork->is_finished)
        return;
    if (has_failed)
        servers_on_failure(s, &t->servers[branch], 0);
    else
        servers_on_answer(s, &t->servers[branch]);
}

void trial_tell(struct trial *t, size_t branch, const struct msg *request, unsigned status)
{
    const struct flow_ref *server = &t->servers[branch];
    t->has_rung[branch] |= status == RINGING;
    if (t->caller && status >= 300)
        signs_on_call(t->context, &(struct signs_call){.request = request,
                                                       .server = server,
                                                       .caller = t->caller,
                                                       .began_ms = t->began_ms,
                                                       .status = status,
                                                       .has_rung = t->has_rung[branch]});
}
