#include "ctl/linelist.h"

#include <string.h>

#include "ctl/ask.h"
#include "ctl/table.h"

static const struct table_row titles = {
    {"LINE", "STATE", "EXPIRES", "NEXT", "ERROR", "ALARMS", "TARGET"}};

static void add_seconds(char cell[TABLE_CELL], const json_t *s)
{
    char text[32] = "-";
    if (json_is_integer(s))
        (void)snprintf(text, sizeof text, "%llds", (long long)json_integer_value(s));
    table_add(cell, text);
}

static void add_error(char cell[TABLE_CELL], const json_t *error)
{
    char text[TABLE_CELL];
    const char *code = json_string_value(json_object_get(error, "code"));
    const json_t *status = json_object_get(error, "status");
    (void)snprintf(text, sizeof text, "%s", code ? code : "-");
    if (code && json_is_integer(status))
        (void)snprintf(text, sizeof text, "%s(%lld)", code, (long long)json_integer_value(status));
    table_add(cell, text);
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "?";
}

static void add_targets(char cell[TABLE_CELL], const json_t *targets)
{
    for (size_t i = 0; i < json_array_size(targets); i++) {
        char text[TABLE_CELL];
        const json_t *target = json_array_get(targets, i);
        const char *reach = json_string_value(json_object_get(target, "reach"));
        (void)snprintf(text, sizeof text, "%s%s%s%s", text_of(target, "uri"), reach ? "(" : "",
                       reach ? reach : "", reach ? ")" : "");
        table_add(cell, text);
    }
}

static void add_words(char cell[TABLE_CELL], const json_t *words)
{
    for (size_t i = 0; i < json_array_size(words); i++)
        table_add(cell, json_string_value(json_array_get(words, i)));
}

static void fill(const void *lines, size_t at, struct table_row *r)
{
    const json_t *line = json_array_get(lines, at);
    (void)snprintf(r->cells[0], TABLE_CELL, "%s@%s", text_of(line, "name"),
                   text_of(line, "domain"));
    table_add(r->cells[1], json_string_value(json_object_get(line, "state")));
    add_seconds(r->cells[2], json_object_get(line, "expires_in"));
    add_seconds(r->cells[3], json_object_get(line, "next_attempt_in"));
    add_error(r->cells[4], json_object_get(line, "last_error"));
    add_words(r->cells[5], json_object_get(line, "alarms"));
    add_targets(r->cells[6], json_object_get(line, "target"));
    for (int i = 0; i < TABLE_COLUMNS; i++)
        if (!r->cells[i][0])
            table_add(r->cells[i], "-");
}

bool linelist_print(const json_t *answer, FILE *out)
{
    const json_t *lines = json_object_get(answer, "lines");
    if (!json_is_array(lines))
        return false;
    table_print(out, &titles, json_array_size(lines), fill, lines);
    return true;
}

static bool show(const json_t *answer)
{
    return linelist_print(answer, stdout);
}

int linelist_run(const struct call *c)
{
    return ask_and_show(c, &(struct ask){"GET", "/api/v1/lines", NULL}, show);
}
