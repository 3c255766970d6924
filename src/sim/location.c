#include "sim/location.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/hmap.h"
#include "net/wheel.h"
#include "sip/param.h"

struct location {
    const struct location_conf *conf;
    struct hmap aors;
    struct wheel wheel;
    struct list turns; /* all bindings; whose turn it is, first */
    size_t n_bindings;
    uint64_t now_ms; /* of the call under way */
};

struct aor {
    struct hmap_node node;
    struct location *location;
    struct list bindings; /* oldest first */
    size_t n;
    struct str name; /* behind the struct */
};

struct binding {
    struct list node;
    struct list turn;
    struct wheel_timer timer;
    struct aor *aor;
    uint64_t expires_ms;
    uint32_t cseq;
    struct str uri, params, path, call_id; /* behind the struct */
};

/* ---------------------------------------------------------------- finding */

static struct aor *find_aor(const struct location *l, struct str name)
{
    const uint64_t hash = hmap_hash(&l->aors, name);
    for (struct hmap_node *n = hmap_first(&l->aors, hash); n; n = hmap_next(n)) {
        struct aor *a = container_of(n, struct aor, node);
        if (str_eq(a->name, name))
            return a;
    }
    return NULL;
}

static bool is_same_uri(struct str stored, const struct uri *asked)
{
    struct uri u;
    if (str_eq(stored, asked->text))
        return true;
    return uri_parse(stored, &u) == 0 && uri_is_equal(&u, asked);
}

static struct binding *find_binding(const struct aor *a, const struct uri *uri)
{
    if (!a)
        return NULL;
    list_each (it, &a->bindings) {
        struct binding *b = container_of(it, struct binding, node);
        if (is_same_uri(b->uri, uri))
            return b;
    }
    return NULL;
}

/* ---------------------------------------------------------------- adding and removing */

static void del_binding(struct binding *b)
{
    struct aor *a = b->aor;
    wheel_stop(&a->location->wheel, &b->timer);
    list_del(&b->node);
    list_del(&b->turn);
    a->n--;
    a->location->n_bindings--;
    free(b);
}

static void del_if_empty(struct aor *a)
{
    if (a->n)
        return;
    hmap_del(&a->location->aors, &a->node);
    free(a);
}

static void on_expiry(void *arg)
{
    struct binding *b = arg;
    struct aor *a = b->aor;
    del_binding(b);
    del_if_empty(a);
}

static struct aor *add_aor(struct location *l, struct str name)
{
    struct aor *a = calloc(1, sizeof *a + name.n);
    if (!a)
        return NULL;
    a->location = l;
    list_init(&a->bindings);
    a->name = (struct str){(char *)(a + 1), name.n};
    memcpy(a + 1, name.p, name.n);
    a->node.hash = hmap_hash(&l->aors, name);
    if (hmap_add(&l->aors, &a->node)) {
        free(a);
        return NULL;
    }
    return a;
}

/* The contact's parameters as they will be listed again: all but its expiry. */
static void add_params(struct str params, struct buf *out)
{
    struct param p;
    while (param_next(&params, &p) == 1) {
        if (str_ieq(p.name, STR("expires")))
            continue;
        buf_add_char(out, ';');
        buf_add(out, p.name);
        if (str_is_none(p.value))
            continue;
        buf_add_char(out, '=');
        buf_add(out, p.value);
    }
}

static struct str keep(struct buf *room, struct str s)
{
    struct str copy = {room->p + room->len, s.n};
    buf_add(room, s);
    return copy;
}

static struct binding *add_binding(struct aor *a, const struct contact *c,
                                   const struct location_request *r)
{
    const size_t n = c->uri.text.n + c->addr.params.n + r->path.n + r->call_id.n;
    struct binding *b = calloc(1, sizeof *b + n);
    if (!b)
        return NULL;
    struct buf room = buf_over((char *)(b + 1), n);
    b->aor = a;
    b->uri = keep(&room, c->uri.text);
    b->path = keep(&room, r->path);
    b->call_id = keep(&room, r->call_id);
    b->params.p = room.p + room.len;
    add_params(c->addr.params, &room);
    b->params.n = (size_t)(room.p + room.len - b->params.p);
    BUG_ON(room.has_overflown);
    wheel_timer_init(&b->timer, on_expiry, b);
    list_add(&a->bindings, &b->node);
    list_add(&a->location->turns, &b->turn);
    a->n++;
    a->location->n_bindings++;
    return b;
}

/* ---------------------------------------------------------------- judging */

static uint32_t asked_s(const struct location *l, const struct location_request *r,
                        const struct contact *c)
{
    int64_t s = c->expires_s != CONTACT_NO_EXPIRES ? c->expires_s : r->expires_s;
    return s == CONTACT_NO_EXPIRES ? l->conf->default_expires_s : (uint32_t)s;
}

/* RFC 3261 10.3 step 7: within one Call-ID the order is the CSeq's. */
static bool is_out_of_order(const struct binding *b, const struct location_request *r)
{
    return b && str_eq(b->call_id, r->call_id) && r->cseq < b->cseq;
}

static unsigned judge_star(const struct aor *a, const struct location_request *r)
{
    if (r->n_contacts != 1 || r->expires_s != 0)
        return 400;
    if (!a)
        return 200;
    list_each (it, &a->bindings)
        if (is_out_of_order(container_of(it, struct binding, node), r))
            return 500;
    return 200;
}

static unsigned judge_contacts(const struct location *l, const struct aor *a,
                               const struct location_request *r)
{
    size_t n = a ? a->n : 0;
    for (size_t i = 0; i < r->n_contacts; i++) {
        const struct contact *c = &r->contacts[i];
        if (c->addr.is_star)
            return 400;
        const struct binding *b = find_binding(a, &c->uri);
        if (is_out_of_order(b, r))
            return 500;
        uint32_t s = asked_s(l, r, c);
        if (s && s < l->conf->min_expires_s)
            return 423;
        n += s && !b;
        if (n > LOCATION_CONTACTS_MAX)
            return 503;
    }
    return 200;
}

static unsigned judge(const struct location *l, const struct aor *a,
                      const struct location_request *r)
{
    if (r->n_contacts && r->contacts[0].addr.is_star)
        return judge_star(a, r);
    return judge_contacts(l, a, r);
}

/* ---------------------------------------------------------------- applying */

static bool is_unchanged(const struct binding *b, const struct contact *c,
                         const struct location_request *r)
{
    char text[1024];
    struct buf params = buf_over(text, sizeof text);
    add_params(c->addr.params, &params);
    return !params.has_overflown && str_eq(buf_str(&params), b->params) &&
           str_eq(b->path, r->path) && str_eq(b->call_id, r->call_id);
}

static uint32_t granted_s(const struct location *l, uint32_t asked)
{
    if (l->conf->grant_s)
        return l->conf->grant_s;
    return asked < l->conf->max_expires_s ? asked : l->conf->max_expires_s;
}

/* False: no memory. */
static bool apply_contact(struct aor *a, const struct contact *c, const struct location_request *r)
{
    struct location *l = a->location;
    const uint32_t asked = asked_s(l, r, c);
    struct binding *b = find_binding(a, &c->uri);
    if (b && (asked == 0 || !is_unchanged(b, c, r))) {
        del_binding(b);
        b = NULL;
    }
    if (asked == 0)
        return true;
    if (!b)
        b = add_binding(a, c, r);
    if (!b)
        return false;
    b->cseq = r->cseq;
    b->expires_ms = l->now_ms + granted_s(l, asked) * 1000ULL;
    wheel_start(&l->wheel, &b->timer, b->expires_ms);
    return true;
}

static void del_all(struct aor *a)
{
    list_each_safe (it, &a->bindings)
        del_binding(container_of(it, struct binding, node));
}

static bool apply(struct aor *a, const struct location_request *r)
{
    if (r->contacts[0].addr.is_star) {
        del_all(a);
        return true;
    }
    bool is_done = true;
    for (size_t i = 0; is_done && i < r->n_contacts; i++)
        is_done = apply_contact(a, &r->contacts[i], r);
    return is_done;
}

unsigned location_register(struct location *l, const struct location_request *r, uint64_t now_ms)
{
    location_advance(l, now_ms);
    struct aor *a = find_aor(l, r->aor);
    const unsigned status = judge(l, a, r);
    if (status != 200 || r->n_contacts == 0)
        return status;
    if (!a && !(a = add_aor(l, r->aor)))
        return 500;
    const bool is_done = apply(a, r);
    del_if_empty(a);
    return is_done ? 200 : 500;
}

/* ---------------------------------------------------------------- the rest */

void location_print(const struct location *l, struct str aor, uint64_t now_ms, struct buf *out)
{
    const struct aor *a = find_aor(l, aor);
    if (!a)
        return;
    list_each (it, &a->bindings) {
        const struct binding *b = container_of(it, struct binding, node);
        if (b->expires_ms <= now_ms)
            continue;
        buf_add(out, STR("Contact: <"));
        buf_add(out, b->uri);
        buf_add_char(out, '>');
        buf_add(out, b->params);
        buf_add(out, STR(";expires="));
        buf_add_u64(out, (b->expires_ms - now_ms + 999) / 1000);
        buf_add(out, STR("\r\n"));
    }
}

void location_advance(struct location *l, uint64_t now_ms)
{
    l->now_ms = now_ms;
    wheel_advance(&l->wheel, now_ms);
}

void location_flush(struct location *l)
{
    struct hmap_node *n;
    while ((n = hmap_any(&l->aors))) {
        struct aor *a = container_of(n, struct aor, node);
        del_all(a);
        del_if_empty(a);
    }
}

int location_new(const struct location_conf *conf, uint64_t now_ms, struct location **out)
{
    struct location *l = calloc(1, sizeof *l);
    if (!l)
        return ERR_NOMEM;
    l->conf = conf;
    hmap_init(&l->aors);
    list_init(&l->turns);
    wheel_init(&l->wheel, now_ms);
    *out = l;
    return 0;
}

void location_free(struct location *l)
{
    if (!l)
        return;
    location_flush(l);
    hmap_fini(&l->aors);
    free(l);
}

bool location_next(struct location *l, struct location_target *out)
{
    struct list *turn = list_pop(&l->turns);
    if (!turn)
        return false;
    const struct binding *b = container_of(turn, struct binding, turn);
    list_add(&l->turns, turn);
    *out = (struct location_target){.aor = b->aor->name, .uri = b->uri, .path = b->path};
    return true;
}

size_t location_n_bindings(const struct location *l)
{
    return l->n_bindings;
}

size_t location_n_aors(const struct location *l)
{
    return l->aors.n;
}
