#include "core/dialplan.h"

#include <stdlib.h>

/* '+' and the digits of a country code. */
enum { COUNTRY_MAX = 4 };

static int compare_rules(const void *a, const void *b)
{
    return str_cmp(((const struct dialplan_rule *)a)->prefix,
                   ((const struct dialplan_rule *)b)->prefix);
}

void dialplan_sort(struct dialplan_rule *rules, size_t n)
{
    if (n)
        qsort(rules, n, sizeof *rules, compare_rules);
}

/* The longest rule that fits, or NULL. */
static const struct dialplan_rule *find(const struct dialplan *d, const struct number *number)
{
    struct dialplan_rule key = {.prefix = number_str(number)};
    const struct dialplan_rule *found = NULL;
    for (; key.prefix.n > 0 && d->n_rules && !found; key.prefix.n--)
        found = bsearch(&key, d->rules, d->n_rules, sizeof key, compare_rules);
    return found;
}

/* What is too long for a number is cut, which no rule notices. */
static void add(struct number *out, struct str digits)
{
    for (size_t i = 0; i < digits.n && out->n < NUMBER_LEN; i++)
        out->text[out->n++] = digits.p[i];
}

/* The other form of an international number: + and 00 are the same. n == 0: it has none. */
static struct number twin_of(const struct number *number)
{
    struct number out = {.n = 0};
    struct str text = number_str(number);
    bool is_global = text.n > 1 && text.p[0] == '+';
    if (!is_global && !(text.n > 2 && text.p[0] == '0' && text.p[1] == '0'))
        return out;
    add(&out, is_global ? STR("00") : STR("+"));
    add(&out, str_skip(text, is_global ? 1 : 2));
    return out;
}

/* As long as it would be with 00 in front. */
static size_t weight(const struct dialplan_rule *rule)
{
    return rule->prefix.n + (rule->prefix.p[0] == '+');
}

/* "0" is the beginning of national numbers, and allows no international one. */
static bool is_national(const struct dialplan_rule *rule, const struct number *number)
{
    return rule && number->text[0] == '0' && rule->prefix.n == 1;
}

/* Of the rules for both forms the longer one decides, of equal ones the one that denies. */
static bool is_number_allowed(const struct dialplan *d, const struct number *number)
{
    struct number twin = twin_of(number);
    const struct dialplan_rule *rule = find(d, number), *other = find(d, &twin);
    if (twin.n && is_national(rule, number) && rule->is_allowed)
        rule = NULL;
    if (is_national(other, &twin))
        other = NULL;
    if (!rule || !other)
        return rule ? rule->is_allowed : other ? other->is_allowed : d->is_open;
    if (weight(rule) == weight(other))
        return rule->is_allowed && other->is_allowed;
    return weight(rule) > weight(other) ? rule->is_allowed : other->is_allowed;
}

/* ---------------------------------------------------------------- parameters of a number */

/* Whoever reads it behind us may undo escapes first, those of ';' and '=', too. */
static bool take_name(struct str *rest, struct str name)
{
    struct str at = *rest;
    for (size_t i = 0; i < name.n; i++)
        if (at.n == 0 || ascii_lower(number_take_char(&at)) != name.p[i])
            return false;
    *rest = at;
    return true;
}

/* Up to the next parameter. */
static struct str value_of(struct str rest)
{
    const char *start = rest.p, *end = rest.p;
    while (rest.n && number_take_char(&rest) != ';')
        end = rest.p;
    return str_span(start, end);
}

/* The next parameter of that name, its value read as a number; *rest moves behind the name. */
static bool next_param(struct str *rest, struct str name, struct number *out)
{
    while (rest->n) {
        if (take_name(rest, name)) {
            *out = number_read(value_of(*rest));
            return true;
        }
        (void)number_take_char(rest);
    }
    return false;
}

#define PHONE_CONTEXT STR(";phone-context=") /* RFC 3966 5.1.5: of a local number */
#define ROUTING       STR(";rn=")            /* RFC 4694: where a gateway sends it instead */
#define RN_CONTEXT    STR(";rn-context=")

/* The name of a domain is no context that is a number. */
static bool is_prefix(const struct number *context)
{
    return context->n && (context->is_whole || context->text[0] == '+');
}

/* As it stands, and with each of its contexts in front. */
static bool is_allowed_in(const struct dialplan *d, const struct number *number, struct str user,
                          struct str name)
{
    struct number context;
    if (number->n == 0)
        return true;
    if (!is_number_allowed(d, number))
        return false;
    while (number->text[0] != '+' && next_param(&user, name, &context)) {
        if (!is_prefix(&context))
            continue;
        add(&context, number_str(number));
        if (!is_number_allowed(d, &context))
            return false;
    }
    return true;
}

bool dialplan_allows(const struct dialplan *d, struct str user)
{
    struct number number = number_read(user);
    struct str rest = user;
    if (!is_allowed_in(d, &number, user, PHONE_CONTEXT))
        return false;
    while (next_param(&rest, ROUTING, &number))
        if (!is_allowed_in(d, &number, user, RN_CONTEXT))
            return false;
    return true;
}

/* Nothing that would make another number of it, where somebody puts them together: the code of a
 * country at most. */
static bool is_bare(struct str user)
{
    struct number value;
    struct str rest = user;
    if (next_param(&rest, ROUTING, &value))
        return false;
    while (next_param(&user, PHONE_CONTEXT, &value))
        if (value.n > COUNTRY_MAX)
            return false;
    return true;
}

bool dialplan_is_emergency(const struct dialplan *d, struct str user)
{
    struct number number = number_read(user);
    for (size_t i = 0; i < d->n_emergency; i++)
        if (number.is_whole && str_eq(number_str(&number), d->emergency[i]))
            return is_bare(user);
    return false;
}
