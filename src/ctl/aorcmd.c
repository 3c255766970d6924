#include "ctl/aorcmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ask.h"
#include "ctl/urltext.h"

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static long long number_of(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

static void print_text(const char *title, const char *text)
{
    if (!text)
        return;
    (void)printf("%s", title);
    ask_print(stdout, text);
}

/* ---------------------------------------------------------------- show */

static void print_deadline(const char *what, const json_t *s)
{
    long long n = (long long)json_integer_value(s);
    if (json_is_integer(s) && n >= 0)
        (void)printf(", %s in %lld s", what, n);
    else if (json_is_integer(s))
        (void)printf(", %s %lld s ago", what, -n);
}

static void print_proof(const json_t *binding)
{
    const json_t *proof = json_object_get(binding, "proof");
    print_text("\n    proof ", text_of(proof, "kind"));
    if (json_is_integer(json_object_get(proof, "age")))
        (void)printf(", %lld s old", number_of(proof, "age"));
    print_deadline("due", json_object_get(proof, "due_in"));
}

static void print_binding(const json_t *b)
{
    print_text("\n  device ", text_of(b, "contact"));
    print_text("\n    ", text_of(b, "state"));
    print_deadline("expires", json_object_get(b, "expires_in"));
    (void)printf(", granted %lld s", number_of(b, "granted"));
    if (json_is_true(json_object_get(b, "pending")))
        (void)printf(", a REGISTER of it is on its way upstream");
    print_text("\n    from ", text_of(b, "source"));
    print_text(" by ", text_of(b, "transport"));
    print_proof(b);
    print_text("\n    user agent ", text_of(b, "user_agent"));
    print_text("\n    instance ", text_of(b, "instance"));
    print_text("\n    path ", text_of(b, "path"));
}

static void print_registration(const json_t *u)
{
    print_text("\n  upstream ", text_of(u, "state"));
    print_text(" as ", text_of(u, "contact"));
    print_text(" at ", text_of(u, "server"));
    print_deadline("expires", json_object_get(u, "expires_in"));
    print_deadline("refresh due", json_object_get(u, "refresh_in"));
    if (json_is_true(json_object_get(u, "fixed_line")))
        (void)printf(", of a fixed line");
    if (json_is_true(json_object_get(u, "refreshed_by_us")))
        (void)printf(", refreshed by breakwater");
}

static bool show_aor(const json_t *answer)
{
    const json_t *bindings = json_object_get(answer, "bindings");
    const json_t *registrations = json_object_get(answer, "registrations");
    if (!text_of(answer, "aor") || !json_is_array(bindings) || !json_is_array(registrations))
        return false;
    print_text("", text_of(answer, "aor"));
    print_text(": ", text_of(answer, "state"));
    print_text(", domain ", text_of(answer, "domain"));
    print_text(", upstream ", text_of(answer, "upstream"));
    print_text(", hidden in the log as ", text_of(answer, "log_name"));
    for (size_t i = 0; i < json_array_size(bindings); i++)
        print_binding(json_array_get(bindings, i));
    for (size_t i = 0; i < json_array_size(registrations); i++)
        print_registration(json_array_get(registrations, i));
    (void)puts("");
    return true;
}

static int ask_of(const struct call *c, const char *method, bool (*show)(const json_t *answer))
{
    char path[URLTEXT_MAX];
    const struct ask q = {method, urltext_path(path, "/api/v1/aors/", c->words[0]), NULL};
    return q.path && c->words[0][0] ? ask_and_show(c, &q, show) : EXIT_USAGE;
}

int aorcmd_show(const struct call *c)
{
    return ask_of(c, "GET", show_aor);
}

/* ---------------------------------------------------------------- remove */

static bool show_removed(const json_t *answer)
{
    static const struct {
        const char *word, *text;
    } fates[] = {{"nothing", "nothing of it is upstream"},
                 {"unregistering", "it is being unregistered upstream"},
                 {"runs-out", "upstream keeps it until it runs out"},
                 {"fixed-line", "upstream keeps it: it is a fixed line of the configuration"}};
    const char *fate = text_of(answer, "upstream");
    const char *aor = text_of(answer, "aor");
    for (size_t i = 0; aor && fate && i < sizeof fates / sizeof fates[0]; i++) {
        if (strcmp(fates[i].word, fate) != 0)
            continue;
        ask_print(stdout, aor);
        (void)printf(": %lld devices removed; %s\n", number_of(answer, "bindings"), fates[i].text);
        return true;
    }
    return false;
}

int aorcmd_remove(const struct call *c)
{
    return ask_of(c, "DELETE", show_removed);
}
