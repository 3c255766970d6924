#include "admin/totalsview.h"

#include <stdio.h>

#include "base/stats.h"

/* Of labels like transport="udp",side="core" the values: "udp,core". */
static void label_values(const char *labels, char *out, size_t cap)
{
    size_t n = 0;
    bool is_inside = false;
    for (; *labels && n + 1 < cap; labels++) {
        if (*labels == '"')
            is_inside = !is_inside;
        else if (is_inside || *labels == ',')
            out[n++] = *labels;
    }
    out[n] = '\0';
}

/* Rows without labels are numbers; rows of one name share an object: by their labels, a histogram's
 * sum and count by these words. */
static void add_total(json_t *totals, enum stats_id id)
{
    const struct stats_row *row = &stats_rows[id];
    int64_t sum = stats_sum(id);
    json_t *value = row->per_s ? json_real((double)sum / row->per_s) : json_integer(sum);
    if (row->labels[0] == '\0' && row->suffix[0] == '\0') {
        (void)json_object_set_new(totals, row->name, value);
        return;
    }
    if (!json_object_get(totals, row->name))
        (void)json_object_set_new(totals, row->name, json_object());
    char key[128];
    label_values(row->labels, key, sizeof key);
    if (key[0] == '\0')
        (void)snprintf(key, sizeof key, "%s", row->suffix + 1);
    (void)json_object_set_new(json_object_get(totals, row->name), key, value);
}

json_t *totalsview_json(void)
{
    json_t *totals = json_object();
    for (int i = 0; totals && i < STAT_MAX; i++)
        add_total(totals, (enum stats_id)i);
    return totals;
}
