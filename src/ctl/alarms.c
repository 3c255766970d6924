#include "ctl/alarms.h"

#include <string.h>
#include <time.h>

#include "ctl/ask.h"
#include "ctl/table.h"

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "?";
}

/* An upstream by its name, a fixed line as name@domain. */
static void print_subject(const json_t *alarm, char cell[TABLE_CELL])
{
    if (json_object_get(alarm, "line"))
        (void)snprintf(cell, TABLE_CELL, "%s@%s", text_of(alarm, "line"), text_of(alarm, "domain"));
    else
        (void)snprintf(cell, TABLE_CELL, "%s", text_of(alarm, "upstream"));
}

static void print_time(const json_t *at, char cell[TABLE_CELL])
{
    struct tm tm;
    time_t s = (time_t)json_integer_value(at);
    if (!gmtime_r(&s, &tm) || strftime(cell, TABLE_CELL, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        (void)snprintf(cell, TABLE_CELL, "?");
}

static void fill(const void *alarms, size_t at, struct table_row *r)
{
    const json_t *alarm = json_array_get(alarms, at);
    table_add(r->cells[0], text_of(alarm, "code"));
    print_subject(alarm, r->cells[1]);
    print_time(json_object_get(alarm, "since"), r->cells[2]);
    table_add(r->cells[3], text_of(alarm, "message"));
}

static bool show(const json_t *answer)
{
    static const struct table_row titles = {{"ALARM", "OF", "SINCE", "WHAT"}};
    const json_t *alarms = json_object_get(answer, "alarms");
    if (!json_is_array(alarms))
        return false;
    table_print(stdout, &titles, json_array_size(alarms), fill, alarms);
    return true;
}

int alarms_run(const struct call *c)
{
    return ask_and_show(c, &(struct ask){"GET", "/api/v1/alarms", NULL}, show);
}
