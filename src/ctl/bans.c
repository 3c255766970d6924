#include "ctl/bans.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "ctl/ask.h"
#include "ctl/table.h"

static const char path[] = "/api/v1/bans";

static const char *address_of(const json_t *ban)
{
    return json_string_value(json_object_get(ban, "address"));
}

/* ---------------------------------------------------------------- list */

static void fill(const void *bans, size_t at, struct table_row *r)
{
    const json_t *ban = json_array_get(bans, at);
    const json_t *left = json_object_get(ban, "seconds_left");
    table_add(r->cells[0], address_of(ban) ? address_of(ban) : "?");
    (void)snprintf(r->cells[1], TABLE_CELL, "%llds", (long long)json_integer_value(left));
}

static bool show_list(const json_t *answer)
{
    static const struct table_row titles = {{"ADDRESS", "LEFT"}};
    const json_t *bans = json_object_get(answer, "bans");
    if (!json_is_array(bans))
        return false;
    table_print(stdout, &titles, json_array_size(bans), fill, bans);
    return true;
}

int bans_list(const struct call *c)
{
    return ask_and_show(c, &(struct ask){"GET", path, NULL}, show_list);
}

/* ---------------------------------------------------------------- changes */

static bool show_added(const json_t *answer)
{
    const json_t *left = json_object_get(answer, "seconds_left");
    if (!address_of(answer) || !json_is_integer(left))
        return false;
    (void)printf("%s is banned for %lld s\n", address_of(answer),
                 (long long)json_integer_value(left));
    return true;
}

static bool show_removed(const json_t *answer)
{
    if (!address_of(answer))
        return false;
    (void)printf("%s is not banned any more\n", address_of(answer));
    return true;
}

static int send_order(const struct call *c, const char *method, json_t *order,
                      bool (*show)(const json_t *answer))
{
    char *body = order ? json_dumps(order, JSON_COMPACT) : NULL;
    json_decref(order);
    if (!body) {
        (void)fprintf(stderr, "breakwaterctl: the address is not UTF-8\n");
        return EXIT_FAILURE;
    }
    int status = ask_and_show(c, &(struct ask){method, path, body}, show);
    free(body);
    return status;
}

int bans_add(const struct call *c)
{
    uint32_t seconds;
    if (c->n == 1)
        return send_order(c, "POST", json_pack("{s:s}", "address", c->words[0]), show_added);
    if (str_to_u32(str_of(c->words[1]), UINT32_MAX, &seconds))
        return EXIT_USAGE;
    return send_order(
        c, "POST", json_pack("{s:s,s:I}", "address", c->words[0], "seconds", (json_int_t)seconds),
        show_added);
}

int bans_remove(const struct call *c)
{
    return send_order(c, "DELETE", json_pack("{s:s}", "address", c->words[0]), show_removed);
}
