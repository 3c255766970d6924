#include "admin/clusterview.h"

#include <stdlib.h>

#include "store/cluster.h"

static json_t *text_json(const char *text)
{
    json_t *json = json_string(text);
    return json ? json : json_string("?"); /* what comes from elsewhere is not always UTF-8 */
}

static json_t *node_json(const struct cluster_status *s, size_t at)
{
    const struct tenure_node *n = &s->nodes[at];
    return json_pack("{s:o*,s:o*,s:b,s:b,s:b,s:f,s:I}", "name", text_json(s->names[at].name),
                     "state", text_json(s->names[at].state), "self", n->number == s->me, "owner",
                     n->number == s->owner, "current", n->is_current, "silent_s",
                     (double)n->silent_ms / 1000, "lag", (json_int_t)s->names[at].lag);
}

static json_t *nodes_json(const struct cluster_status *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->n_nodes && list; i++)
        if (json_array_append_new(list, node_json(s, i))) {
            json_decref(list);
            list = NULL;
        }
    return list;
}

static json_t *status_json(const struct cluster_status *s)
{
    return json_pack("{s:b,s:o*,s:f,s:I,s:I,s:I,s:f,s:o*}", "connected", s->is_connected, "error",
                     text_json(s->error), "may_send_for_s", (double)s->acts_for_ms / 1000,
                     "generation", (json_int_t)s->generation, "epoch", (json_int_t)s->own_epoch,
                     "to_write", (json_int_t)s->lag, "clock_ahead_s",
                     (double)s->clock_ahead_ms / 1000, "nodes", nodes_json(s));
}

json_t *clusterview_json(struct cluster *c)
{
    if (!c)
        return json_pack("{s:n}", "cluster");
    struct cluster_status *s = malloc(sizeof *s);
    if (!s)
        return NULL;
    cluster_status(c, s);
    json_t *json = json_pack("{s:o*}", "cluster", status_json(s));
    free(s);
    return json;
}
