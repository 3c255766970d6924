#include "service/gruu.h"

#include "base/stats.h"
#include "sip/param.h"
#include "store/store.h"

enum { FIXED_LEN = 80 }; /* what stands around the two names */

static const struct str prefix = {"tgruu.", 6};

/* ---------------------------------------------------------------- asking for them */

bool gruu_is(const struct context *c, const struct uri *u)
{
    struct str ignored;
    const struct conf_domain *d = uri_param(u, STR("gr"), &ignored) && u->scheme <= URI_SIPS
                                      ? conf_domain_find(c->conf, u->host)
                                      : NULL;
    return d && d->gruu == CONF_GRUU_LOCAL;
}

/* Those of a bulk registration are another extension (RFC 6140 7.1). */
enum reason gruu_judge(const struct context *c, const struct conf_domain *d, bool is_asked,
                       struct register_view *v)
{
    struct uri u;
    for (size_t i = 0; i < v->n_contacts && d->gruu == CONF_GRUU_LOCAL; i++)
        if (v->contacts[i].expires_s && uri_parse(v->contacts[i].uri, &u) == 0 && gruu_is(c, &u))
            return REASON_CONTACT_GRUU;
    v->is_gruu_asked = d->gruu != CONF_GRUU_OFF && !v->is_bulk && is_asked;
    return REASON_MAX;
}

static void learn(struct str params, struct str name, struct str *out)
{
    struct param p;
    *out = STR_NONE;
    if (!param_find(params, name, &p) || str_is_none(p.value) || p.value.n < 3 || *p.value.p != '"')
        return;
    if (p.value.n <= GRUU_UPSTREAM_MAX)
        *out = p.value;
    else
        stats_inc(STAT_GRUU_LONG);
}

void gruu_learn(struct str params, struct str *public_name, struct str *temporary)
{
    *public_name = *temporary = STR_NONE;
    if (str_is_none(params))
        return;
    learn(params, STR("pub-gruu"), public_name);
    learn(params, STR("temp-gruu"), temporary);
}

/* ---------------------------------------------------------------- giving them */

static bool is_own(const struct gruu_contact *g)
{
    const struct register_view *v = g->view;
    for (size_t k = 0; k < v->n_contacts; k++)
        if (v->contacts[k].expires_s && str_eq(v->contacts[k].instance, g->binding->instance))
            return true;
    return false;
}

/* RFC 5627 5.2: of each Contact in the answer that has an instance, be it of a query. What upstream
 * calls a device stays between it and that device. */
static bool is_due(const struct gruu_contact *g)
{
    if (!g->view->is_gruu_asked || !g->binding->instance.n)
        return false;
    return g->domain->gruu == CONF_GRUU_LOCAL ||
           (g->domain->gruu == CONF_GRUU_UPSTREAM && is_own(g));
}

/* The AoR of a tel: URI has no host that a name could have. */
static struct str host_of(struct str aor)
{
    const char *at = str_end(aor);
    while (at > aor.p && at[-1] != '@')
        at--;
    return at > aor.p ? str_span(at, str_end(aor)) : STR_NONE;
}

static const struct upreg *upreg_of(const struct gruu_contact *g)
{
    return binding_upreg(g->record, g->binding->upreg_id);
}

size_t gruu_size(const struct gruu_contact *g)
{
    if (!is_due(g))
        return 0;
    const struct upreg *u = upreg_of(g);
    if (g->domain->gruu == CONF_GRUU_UPSTREAM)
        return FIXED_LEN + (u ? u->pub_gruu.n + u->temp_gruu.n : 0);
    return FIXED_LEN + 2 * g->record->aor.n + 3 * g->binding->instance.n + GRUUSEAL_LEN;
}

/* A parameter's value: what may stand bare in one, and escapes (RFC 3261 25.1). */
static void print_escaped(struct str text, struct buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (ascii_is_alpha(c) || ascii_is_digit(c) || str_find(STR("-_.!~*'()[]/:&+$"), c))
            buf_add_char(out, c);
        else
            buf_addf(out, "%%%02X", (unsigned)(unsigned char)c);
    }
}

/* RFC 5630 5.1.2: a device that wants to be reached by TLS alone says so by its Contact, and its
 * names say the same. */
static void print_scheme(const struct gruu_contact *g, struct buf *out)
{
    buf_add(out, uri_is_sips(g->binding->contact) ? STR("\"sips:") : STR("\"sip:"));
}

static void print_public(const struct gruu_contact *g, struct buf *out)
{
    struct str instance = g->binding->instance;
    buf_add(out, STR(";pub-gruu="));
    print_scheme(g, out);
    buf_add(out, g->record->aor);
    buf_add(out, STR(";gr="));
    print_escaped((struct str){instance.p + 1, instance.n - 2}, out);
    buf_add_char(out, '"');
}

static void print_temporary(struct context *c, const struct gruu_contact *g, struct buf *out)
{
    char text[GRUUSEAL_LEN];
    const struct str host = host_of(g->record->aor);
    const struct str call_id = is_own(g) ? g->view->call_id : g->binding->call_id;
    const struct gruu_claim claim = {.upreg_id = g->binding->upreg_id,
                                     .instance = gruu_hash(c, g->binding->instance),
                                     .call_id = gruu_hash(c, call_id)};
    if (!claim.upreg_id || !gruuseal_close(c->gruuseal, host, &claim, g->view->spread, text))
        return;
    buf_add(out, STR(";temp-gruu="));
    print_scheme(g, out);
    buf_add(out, prefix);
    buf_add(out, (struct str){text, sizeof text});
    buf_add_char(out, '@');
    buf_add(out, host);
    buf_add(out, STR(";gr\""));
}

static void print_upstreams(const struct upreg *u, struct buf *out)
{
    if (!u)
        return;
    const struct str names[] = {STR(";pub-gruu="), STR(";temp-gruu=")};
    const struct str values[] = {u->pub_gruu, u->temp_gruu};
    for (size_t i = 0; i < 2; i++) {
        if (!values[i].n)
            continue;
        buf_add(out, names[i]);
        buf_add(out, values[i]);
    }
}

void gruu_print(struct context *c, const struct gruu_contact *g, struct buf *out)
{
    if (!is_due(g))
        return;
    if (g->domain->gruu == CONF_GRUU_UPSTREAM) {
        print_upstreams(upreg_of(g), out);
        return;
    }
    if (str_is_none(host_of(g->record->aor)))
        return;
    if (g->binding->instance.n > GRUU_INSTANCE_MAX) {
        stats_inc(STAT_GRUU_INSTANCE);
        return;
    }
    print_public(g, out);
    print_temporary(c, g, out);
}

/* ---------------------------------------------------------------- reading them */

/* The instance that a gr parameter names, with <>. Legal escapes are uri_parse's to see to. */
static struct str read_instance(struct context *c, struct str value)
{
    struct buf out = buf_in(&c->scratch, value.n + 2);
    buf_add_char(&out, '<');
    for (size_t i = 0; i < value.n; i++) {
        char byte = value.p[i];
        if (byte == '%' && i + 2 < value.n) {
            byte = (char)(uint8_t)(ascii_hex(value.p[i + 1]) << 4 | ascii_hex(value.p[i + 2]));
            i += 2;
        }
        buf_add_char(&out, byte);
    }
    buf_add_char(&out, '>');
    return out.has_overflown ? STR_NONE : buf_str(&out);
}

static enum gruu_kind read_name(struct context *c, const struct conf_domain *d, const struct uri *u,
                                struct str gr, struct gruu *out)
{
    if (gr.n) {
        out->instance = read_instance(c, gr);
        return str_is_none(out->instance) ? GRUU_UNKNOWN : GRUU_PUBLIC;
    }
    bool is_ours = str_has_iprefix(u->user, prefix) &&
                   gruuseal_open(c->gruuseal, d->name, str_skip(u->user, prefix.n), &out->claim);
    return is_ours ? GRUU_TEMPORARY : GRUU_UNKNOWN;
}

void gruu_read(struct context *c, const struct conf_domain *d, const struct uri *u,
               struct gruu *out)
{
    struct str gr;
    *out = (struct gruu){.kind = GRUU_NONE, .instance = STR_NONE};
    if (d && d->gruu == CONF_GRUU_LOCAL && !str_is_none(u->user) && uri_param(u, STR("gr"), &gr))
        out->kind = read_name(c, d, u, gr, out);
}

bool gruu_find_line(struct context *c, const struct conf_domain *d, const struct gruu *g,
                    struct str *aor)
{
    return store_find_upreg(c->reader, &c->scratch, g->claim.upreg_id, aor) == 0 &&
           str_eq(host_of(*aor), d->name);
}

bool gruu_is_of(struct context *c, struct str uri, const struct binding *device)
{
    struct uri u;
    struct str gr;
    struct gruu g;
    if (!device->instance.n || uri_parse(uri, &u) || !uri_param(&u, STR("gr"), &gr))
        return false;
    if (gr.n)
        return str_eq(read_instance(c, gr), device->instance);
    gruu_read(c, conf_domain_find(c->conf, u.host), &u, &g);
    return g.kind == GRUU_TEMPORARY && g.claim.instance == gruu_hash(c, device->instance);
}

uint64_t gruu_hash(const struct context *c, struct str text)
{
    return hash_str(&c->answer_key, text);
}
