#include "ctl/why.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "ctl/ask.h"
#include "ctl/urltext.h"

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static bool get_number(const json_t *object, const char *key, long long *out)
{
    const json_t *n = json_object_get(object, key);
    *out = (long long)json_integer_value(n);
    return json_is_integer(n);
}

static void print_when(const json_t *d)
{
    char text[32];
    struct tm tm;
    long long last, times;
    (void)get_number(d, "last", &last);
    time_t s = (time_t)last;
    if (gmtime_r(&s, &tm) && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm))
        (void)printf("%s  ", text);
    ask_print(stdout, text_of(d, "reason"));
    if (get_number(d, "times", &times) && times > 1)
        (void)printf(" (%lld times)", times);
}

/* Each of them only where it mattered. */
static void print_figures(const json_t *d)
{
    const char *source = text_of(d, "source");
    long long n;
    (void)printf("\n    ");
    if (source)
        ask_print(stdout, source);
    else
        (void)printf("breakwater's own");
    if (get_number(d, "status", &n))
        (void)printf("; answer %lld", n);
    if (get_number(d, "granted", &n))
        (void)printf("; granted %lld s", n);
    if (get_number(d, "proof_age", &n))
        (void)printf("; proof %lld s old", n);
    if (get_number(d, "upstream_expires_in", &n))
        (void)printf("; upstream held it for %lld s more", n);
    if (get_number(d, "refresh_in", &n) && n > 0)
        (void)printf("; refresh due there in %lld s", n);
    else if (get_number(d, "refresh_in", &n))
        (void)printf("; refresh due there since %lld s", -n);
}

static void print_decision(const json_t *d)
{
    print_when(d);
    (void)printf("\n    ");
    ask_print(stdout, text_of(d, "meaning"));
    print_figures(d);
    (void)puts("");
}

static bool is_decision(const json_t *d)
{
    return text_of(d, "reason") && text_of(d, "meaning");
}

static bool show(const json_t *answer)
{
    const json_t *list = json_object_get(answer, "decisions");
    if (!json_is_array(list) || !text_of(answer, "aor"))
        return false;
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!is_decision(json_array_get(list, i)))
            return false;
    for (size_t i = 0; i < json_array_size(list); i++)
        print_decision(json_array_get(list, i));
    if (json_array_size(list) == 0) {
        ask_print(stdout, text_of(answer, "aor"));
        (void)puts(": no decision on it is remembered");
    }
    return true;
}

int why_run(const struct call *c)
{
    char path[URLTEXT_MAX];
    const struct ask q = {"GET", urltext_path(path, "/api/v1/why/", c->words[0]), NULL};
    return q.path && c->words[0][0] ? ask_and_show(c, &q, show) : EXIT_USAGE;
}
