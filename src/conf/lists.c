#include "conf/lists.h"

#include <stdlib.h>

#include "base/err.h"

static bool has_nets(const struct conf_access_list *l)
{
    return l->n_allow || l->n_deny;
}

/* ---------------------------------------------------------------- making */

static size_t add_prefixes(struct nets_prefix *out, const struct conf_net *nets, size_t n,
                           bool is_in)
{
    size_t n_added = 0;
    for (size_t i = 0; i < n; i++)
        if (nets[i].addr.family) /* else it was refused */
            out[n_added++] = (struct nets_prefix){nets[i].addr, (uint8_t)nets[i].bits, is_in};
    return n_added;
}

/* The element of deny that is this network. */
static const struct setting *denied(const struct settings_section *s,
                                    const struct conf_access_list *l, const struct nets_prefix *p)
{
    const struct setting *deny = settings_find(s, schema_find(SECTION_ACCESS_LIST, "deny"));
    for (size_t i = 0; i + 1 < l->n_deny; i++, deny = settings_next(deny)) {
        const struct nets_prefix other = {l->deny[i].addr, (uint8_t)l->deny[i].bits, false};
        if (nets_is_same(&other, p))
            break;
    }
    return deny;
}

static int make_nets(struct findings *f, struct arena *a, const struct settings_section *s,
                     struct conf_access_list *l)
{
    struct nets_prefix *list = arena_calloc(a, l->n_allow + l->n_deny + 1, sizeof *list);
    if (!list)
        return ERR_NOMEM;
    size_t n = add_prefixes(list, l->allow, l->n_allow, true);
    n += add_prefixes(list + n, l->deny, l->n_deny, false);
    int err = nets_build(a, list, n, l->n_allow == 0, &l->nets);
    for (size_t i = 1; i < n && !err; i++) {
        if (!nets_is_same(&list[i - 1], &list[i]) || list[i - 1].is_in == list[i].is_in)
            continue;
        const struct setting *deny = denied(s, l, &list[i]);
        finding_error(f, deny->line,
                      "access-list \"%.80s\" deny: \"%.80s\" is in allow, too, expected it in one "
                      "of them",
                      s->title, deny->text);
    }
    return err;
}

static int compare_accounts(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void check_require(struct findings *f, const struct settings_section *s,
                          const struct conf_access_list *l)
{
    const struct setting *require = settings_find(s, schema_find(SECTION_ACCESS_LIST, "require"));
    if (l->require != CONF_REQUIRE_ALL || (has_nets(l) && l->n_accounts))
        return;
    finding_warn(f, require->line,
                 "access-list \"%.80s\" require: all is the same as any without %s", s->title,
                 l->n_accounts ? "networks in allow or deny" : "accounts");
}

int lists_check(struct findings *f, struct arena *a, const struct settings_section *s,
                struct conf_access_list *l)
{
    if (l->n_accounts)
        qsort(l->accounts, l->n_accounts, sizeof *l->accounts, compare_accounts);
    check_require(f, s, l);
    return make_nets(f, a, s, l);
}

/* ---------------------------------------------------------------- asking */

bool lists_trusts_names(const struct conf_access_list *l)
{
    return l->n_accounts && (!has_nets(l) || l->require == CONF_REQUIRE_ANY);
}

static bool has_account(const struct conf_access_list *l, struct str account)
{
    return account.n &&
           bsearch(&account, l->accounts, l->n_accounts, sizeof account, compare_accounts) != NULL;
}

static struct str user_of(struct str aor)
{
    const char *at = str_end(aor);
    while (at > aor.p && at[-1] != '@')
        at--;
    return at > aor.p ? str_span(aor.p, at - 1) : aor;
}

bool lists_admits(const struct conf_access_list *l, const struct addr *source, struct str aor)
{
    if (!l->n_accounts)
        return nets_has(&l->nets, source);
    bool is_listed = has_account(l, aor) || has_account(l, user_of(aor));
    if (!has_nets(l))
        return is_listed;
    bool is_in = nets_has(&l->nets, source);
    return l->require == CONF_REQUIRE_ALL ? is_in && is_listed : is_in || is_listed;
}
