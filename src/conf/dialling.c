#include "conf/dialling.h"

#include "base/err.h"

static void add_rules(struct dialplan *d, const struct str *prefixes, size_t n, bool is_allowed)
{
    for (size_t i = 0; i < n; i++)
        if (prefixes[i].n) /* else it was refused */
            d->rules[d->n_rules++] = (struct dialplan_rule){prefixes[i], is_allowed};
}

/* One prefix in both lists. */
static void check_rules(struct findings *f, const struct settings_section *s,
                        const struct dialplan *d)
{
    const struct setting *deny = settings_find(s, schema_find(SECTION_DESTINATIONS, "deny"));
    for (size_t i = 1; i < d->n_rules; i++) {
        const struct dialplan_rule *a = &d->rules[i - 1], *b = &d->rules[i];
        if (str_eq(a->prefix, b->prefix) && a->is_allowed != b->is_allowed)
            finding_error(f, deny->line,
                          "domain \"%.80s\" destinations deny: \"%.*s\" is in allow, too, expected "
                          "it in one of them",
                          s->title, STR_FMT(a->prefix));
    }
}

static void check_emergency(struct findings *f, const struct settings_section *s,
                            const struct conf_domain *d)
{
    const struct setting *deny = settings_find(s, schema_find(SECTION_DESTINATIONS, "deny"));
    for (size_t i = 0; i < d->destinations.n_deny; i++, deny = settings_next(deny))
        for (size_t k = 0; k < d->destinations.n_emergency; k++)
            if (str_eq(d->destinations.deny[i], d->destinations.emergency[k]))
                finding_error(f, deny->line,
                              "domain \"%.80s\" destinations deny: \"%s\" is an emergency number, "
                              "which always passes, expected it in one of them",
                              s->title, deny->text);
}

int dialling_check(struct findings *f, struct arena *a, const struct settings_section *s,
                   struct conf_domain *d)
{
    const struct conf_destinations *from = &d->destinations;
    d->dialplan = (struct dialplan){.is_open = from->n_allow == 0,
                                    .emergency = from->emergency,
                                    .n_emergency = from->n_emergency};
    d->dialplan.rules =
        arena_calloc(a, from->n_allow + from->n_deny + 1, sizeof *d->dialplan.rules);
    if (!d->dialplan.rules)
        return ERR_NOMEM;
    add_rules(&d->dialplan, from->allow, from->n_allow, true);
    add_rules(&d->dialplan, from->deny, from->n_deny, false);
    dialplan_sort(d->dialplan.rules, d->dialplan.n_rules);
    check_rules(f, s, &d->dialplan);
    check_emergency(f, s, d);
    return 0;
}
