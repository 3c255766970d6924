/* Prints the frame of the manual page breakwater.conf(5) from standard input, with the list of
 * options in place of the line @OPTIONS@. Runs at build time only. */
#include <stdio.h>

#include "base/str.h"
#include "conf/schema.h"

enum { COLUMNS = 76 };

/* Text as mdoc wants it: a new line for each sentence, none too long, none that looks like a
 * request. */
static void print_text(const char *text)
{
    size_t column = 0;
    while (*text) {
        size_t n = strcspn(text, " ");
        if (column && column + 1 + n > COLUMNS) {
            (void)putchar('\n');
            column = 0;
        }
        if (column)
            (void)putchar(' ');
        else if (*text == '.' || *text == '\'')
            (void)printf("\\&");
        (void)printf("%.*s", (int)n, text);
        column += n + 1;
        if (n && text[n - 1] == '.') {
            (void)putchar('\n');
            column = 0;
        }
        text += n;
        text += strspn(text, " ");
    }
    if (column)
        (void)putchar('\n');
}

static bool is_quoted(enum schema_type type)
{
    return type != SCHEMA_NUMBER && type != SCHEMA_SIZE;
}

static void print_default(const struct schema_option *o)
{
    const char *quote = is_quoted(o->type) ? "\\(dq" : "";
    (void)printf("Default:\n.Ql %s%s", o->is_list ? "{" : "", quote);
    for (const char *at = o->fallback; *at; at++) {
        if (o->is_list && *at == ' ')
            (void)printf("%s, %s", quote, quote);
        else
            (void)putchar(*at);
    }
    (void)printf("%s%s .\n", quote, o->is_list ? "}" : "");
}

static void print_option(const struct schema_option *o)
{
    char expected[SCHEMA_TEXT], line[2 * SCHEMA_TEXT];
    (void)printf(".It Ic %s\n", o->name);
    print_text(o->help);
    (void)snprintf(line, sizeof line, "%s%s.", o->is_list ? "A list; each element is " : "Value: ",
                   schema_expected(o, expected));
    print_text(line);
    if (o->fallback && o->is_list && !o->fallback[0])
        print_text("Default: an empty list.");
    else if (o->fallback)
        print_default(o);
    else if (o->absent)
        (void)printf("Default: %s.\n", o->absent);
    else
        print_text("It has no default and must be given.");
    print_text(o->needs_restart ? "A change takes effect at a restart."
                                : "A change takes effect at a reload.");
}

static void print_section(enum schema_section_id id)
{
    const struct schema_section *s = &schema_sections[id];
    if (id == SECTION_TOP)
        (void)printf(".Ss Global options\n");
    else if (schema_is_nested(id))
        (void)printf(".Ss %s \\(dq%s\\(dq { %s { } }\n", schema_sections[s->parent].name,
                     schema_sections[s->parent].title_help, s->name);
    else if (s->is_titled)
        (void)printf(".Ss %s \\(dq%s\\(dq { }\n", s->name, s->title_help);
    else
        (void)printf(".Ss %s { }\n", s->name);
    print_text(s->help);
    (void)printf(".Bl -tag -width Ds\n");
    for (const struct schema_option *o = schema_next(id, NULL); o; o = schema_next(id, o))
        print_option(o);
    (void)printf(".El\n");
}

int main(void)
{
    char line[1024];
    while (fgets(line, sizeof line, stdin)) {
        if (strcmp(line, "@OPTIONS@\n") != 0) {
            (void)fputs(line, stdout);
            continue;
        }
        for (int id = 0; id < SECTION_MAX; id++)
            print_section((enum schema_section_id)id);
    }
    return ferror(stdin) || fflush(stdout) ? 1 : 0;
}
