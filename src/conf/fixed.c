#include "conf/fixed.h"

#include "base/err.h"
#include "conf/aor.h"
#include "sip/uri.h"

struct entry {
    struct hmap_node node;
    const struct conf_line *line;
};

struct contact_entry {
    struct hmap_node node;
    struct conf_contact *contact;
};

/* One line section under way. */
struct checker {
    const struct fixed_input *in;
    struct aor_scope scope;
    struct fixed *fixed;
    struct conf_line *line;
    const struct settings_section *section;
    struct contact_entry *entries; /* for conf.contacts */
};

void fixed_init(struct fixed *x)
{
    hmap_init(&x->map);
    hmap_init(&x->contacts);
}

void fixed_fini(struct fixed *x)
{
    hmap_fini(&x->map);
    hmap_fini(&x->contacts);
}

const struct conf_line *fixed_find(const struct fixed *x, struct str aor)
{
    struct hmap_node *n = hmap_first(&x->map, hmap_hash(&x->map, aor));
    for (; n; n = hmap_next(n)) {
        const struct conf_line *l = container_of(n, struct entry, node)->line;
        if (str_eq(l->aor, aor))
            return l;
    }
    return NULL;
}

/* ---------------------------------------------------------------- the line */

static const struct setting *given(const struct checker *c, const char *option)
{
    return settings_find(c->section, schema_find(SECTION_LINE, option));
}

static void link_domain(struct checker *c)
{
    const struct conf *conf = c->in->conf;
    const struct setting *name = given(c, "domain");
    if (name) {
        c->line->domain = aor_domain(&c->scope, c->line->domain_name);
        if (!c->line->domain && c->line->domain_name.n)
            finding_error(c->in->findings, name->line,
                          "line \"%.80s\" domain: \"%.200s\" is not served, expected the name or "
                          "an alias of a domain section",
                          c->section->title, name->text);
    } else if (conf->n_domains == 1) {
        c->line->domain = &conf->domains[0];
    } else {
        finding_error(c->in->findings, c->section->line,
                      "line \"%.80s\" domain: missing, expected the name of one of the %zu domain "
                      "sections",
                      c->section->title, conf->n_domains);
    }
}

static int add_line(struct checker *c)
{
    struct conf_line *l = c->line;
    struct arena *a = c->in->arena;
    const struct conf_domain *d;
    struct buf text = buf_in(a, l->name.n + l->domain->name.n + 1);
    buf_add(&text, l->name);
    buf_add_char(&text, '@');
    buf_add(&text, l->domain->name);
    int err = text.has_overflown ? ERR_NOMEM : aor_parse(&c->scope, a, buf_str(&text), &d, &l->aor);
    BUG_ON(err == ERR_PARSE || err == ERR_ABSENT);
    if (err)
        return err;
    const struct conf_line *other = fixed_find(c->fixed, l->aor);
    if (other)
        finding_error(c->in->findings, c->section->line,
                      "line \"%.80s\": is the same as line \"%.*s\", expected each line once",
                      c->section->title, STR_FMT(other->name));
    struct entry *e = arena_alloc(a, sizeof *e);
    if (!e)
        return ERR_NOMEM;
    *e = (struct entry){.node.hash = hmap_hash(&c->fixed->map, l->aor), .line = l};
    return hmap_add(&c->fixed->map, &e->node);
}

/* ---------------------------------------------------------------- its targets */

static void say(const struct checker *c, const struct setting *s, const char *what)
{
    finding_error(c->in->findings, s->line, "line \"%.80s\" target: \"%.200s\": %s",
                  c->section->title, s->text, what);
}

static bool is_listener(const struct conf *conf, const struct addr *a)
{
    for (size_t i = 0; i < conf->n_listens; i++)
        if (addr_is_equal(&conf->listens[i].addr, a))
            return true;
    return false;
}

static bool is_server(const struct conf *conf, const struct addr *a)
{
    for (size_t i = 0; i < conf->n_upstreams; i++)
        for (size_t k = 0; k < conf->upstreams[i].n_servers; k++)
            if (addr_is_equal(&conf->upstreams[i].servers[k].addr, a))
                return true;
    return false;
}

static uint64_t hash_addr(const struct fixed *x, const struct addr *a)
{
    return hash_bytes(&x->contacts.key, a->ip, sizeof a->ip);
}

static struct conf_contact *find_contact(const struct fixed *x, const struct addr *a)
{
    for (struct hmap_node *n = hmap_first(&x->contacts, hash_addr(x, a)); n; n = hmap_next(n)) {
        struct conf_contact *contact = container_of(n, struct contact_entry, node)->contact;
        if (addr_is_equal(&contact->addr, a))
            return contact;
    }
    return NULL;
}

bool fixed_is_contact(const struct fixed *x, const struct addr *a)
{
    return find_contact(x, a);
}

/* Two lines may lead to one PBX. */
static int add_contact(struct checker *c, struct conf_place *place)
{
    struct conf *conf = c->in->conf;
    struct conf_contact *contact = find_contact(c->fixed, &place->addr);
    uint32_t interval_s = c->line->probe_interval_s;
    int err = 0;
    if (!contact) {
        struct contact_entry *e = &c->entries[conf->n_contacts];
        contact = &conf->contacts[conf->n_contacts++];
        *contact = (struct conf_contact){.uri = place->uri, .addr = place->addr};
        *e = (struct contact_entry){.node.hash = hash_addr(c->fixed, &place->addr),
                                    .contact = contact};
        err = hmap_add(&c->fixed->contacts, &e->node);
    }
    if (interval_s && (contact->probe_interval_s == 0 || interval_s < contact->probe_interval_s))
        contact->probe_interval_s = interval_s;
    return err;
}

static int check_contact(struct checker *c, struct conf_place *place, const struct setting *s)
{
    if (place->addr.family == 0)
        say(c, s, "the host is neither a served domain nor an IP address");
    else if (is_listener(c->in->conf, &place->addr))
        say(c, s, "is this server itself, expected another address");
    else if (is_server(c->in->conf, &place->addr))
        say(c, s, "is a server of an upstream, expected another address");
    else
        return add_contact(c, place);
    return 0;
}

/* A contact without a user gets the line's. */
static int name_contact(struct checker *c, const struct uri *u, struct conf_place *place)
{
    struct str name = c->line->name, behind = str_span(u->host.p, str_end(place->uri));
    if (!str_is_none(u->user) || !name.n)
        return 0;
    struct buf text = buf_in(c->in->arena, place->uri.n + name.n + 1);
    buf_add(&text, STR("sip:"));
    buf_add(&text, name);
    buf_add_char(&text, '@');
    buf_add(&text, behind);
    place->uri = buf_str(&text);
    return text.has_overflown ? ERR_NOMEM : 0;
}

static int check_place(struct checker *c, struct conf_place *place, const struct setting *s)
{
    struct uri u;
    if (str_is_none(place->uri) || uri_parse(place->uri, &u)) /* it was refused */
        return 0;
    if (!aor_domain(&c->scope, u.host)) {
        int failed = name_contact(c, &u, place);
        return failed ? failed : check_contact(c, place, s);
    }
    int err = aor_parse(&c->scope, c->in->arena, place->uri, &place->domain, &place->aor);
    if (err == ERR_PARSE)
        say(c, s, "names no line of the domain, expected USER@DOMAIN");
    return err == ERR_PARSE ? 0 : err;
}

static int check_line(struct checker *c)
{
    const struct setting *s = given(c, "target");
    link_domain(c);
    bool is_whole = c->line->domain && c->line->domain->name.n && c->line->name.n;
    int err = is_whole ? add_line(c) : 0;
    for (size_t i = 0; i < c->line->n_places && !err; i++, s = settings_next(s))
        err = check_place(c, &c->line->places[i], s);
    return err;
}

/* The devices of a line are those that register as it: its own target does not count there. */
static int check_chain(struct checker *c)
{
    const struct setting *s = given(c, "target");
    for (size_t i = 0; i < c->line->n_places; i++, s = settings_next(s)) {
        const struct conf_place *place = &c->line->places[i];
        const struct conf_line *other =
            str_is_none(place->aor) ? NULL : fixed_find(c->fixed, place->aor);
        if (other && other != c->line && other->n_places)
            say(c, s, "is a line with a target of its own, expected that target");
    }
    return 0;
}

/* ---------------------------------------------------------------- all of them */

static int for_each(struct checker *c, int (*fn)(struct checker *c))
{
    int err = 0;
    c->section = c->in->from->sections[SECTION_LINE];
    for (size_t i = 0; i < c->in->conf->n_lines && !err; i++) {
        c->line = &c->in->conf->lines[i];
        err = fn(c);
        c->section = c->section->next;
    }
    return err;
}

int fixed_check(const struct fixed_input *in, struct fixed *out)
{
    struct checker c = {.in = in, .scope = {in->conf, in->hosts}, .fixed = out};
    size_t n = 1;
    for (size_t i = 0; i < in->conf->n_lines; i++)
        n += in->conf->lines[i].n_places;
    in->conf->contacts = arena_calloc(in->arena, n, sizeof *in->conf->contacts);
    c.entries = arena_calloc(in->arena, n, sizeof *c.entries);
    if (!in->conf->contacts || !c.entries)
        return ERR_NOMEM;
    int err = for_each(&c, check_line);
    if (!err)
        err = for_each(&c, check_chain);
    return err;
}
