#include "service/relisten.h"

#include <string.h>

#include "net/listener.h"

/* Those that are gone from the configuration keep what they had at the start. */
static void take_origins(struct context *c)
{
    for (size_t i = 0; i < c->n_listeners; i++) {
        const struct conf_listen *now = &c->listens[i];
        for (size_t k = 0; k < c->conf->n_listens; k++)
            if (strcmp(c->conf->listens[k].name, c->listens[i].name) == 0)
                now = &c->conf->listens[k];
        const struct wshake_conf origins = {now->origins, now->n_origins};
        if (flow_is_web(c->listens[i].transport))
            listener_set_origins(&c->listeners[i], &origins);
    }
}

/* The files of a listen section may have changed; its address is as it was. */
static void take_certificates(struct context *c)
{
    for (size_t i = 0; i < c->n_listeners; i++)
        for (size_t k = 0; k < c->conf->n_listens; k++) {
            const struct conf_listen *l = &c->conf->listens[k];
            if (l->tls && c->listens[i].tls && strcmp(l->name, c->listens[i].name) == 0)
                listener_set_tls(&c->listeners[i], l->tls);
        }
}

void relisten_take(struct context *c)
{
    take_certificates(c);
    take_origins(c);
}
