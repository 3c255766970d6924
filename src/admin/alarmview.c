#include "admin/alarmview.h"

#include <stdlib.h>

#include "admin/lineview.h"
#include "base/sys.h"
#include "service/alarm.h"

/* The service clock's time as real time, which is what other answers give. */
static json_int_t wall_s(uint64_t at_s, uint64_t now_s)
{
    return (json_int_t)(sys_wall_ms() / 1000 - (now_s - at_s));
}

static json_t *alarm_json(const struct alarm *a, uint64_t now_s)
{
    json_t *upstream = json_string(a->upstream);
    if (!upstream) /* configured text is not always UTF-8 */
        upstream = json_string("?");
    return json_pack("{s:s,s:o*,s:I,s:I,s:I,s:s}", "code", alarm_word(a->code), "upstream",
                     upstream, "since", wall_s(a->since_s, now_s), "last_seen",
                     wall_s(a->last_s, now_s), "times_seen", (json_int_t)a->n_seen, "message",
                     alarm_advice(a->code));
}

json_t *alarmview_json(struct alarms *a, struct board *b)
{
    uint64_t now_s = sys_service_s();
    struct alarm *list;
    size_t n;
    if (alarm_list(a, now_s, &list, &n))
        return NULL;
    json_t *json = json_array();
    bool is_whole = json != NULL;
    for (size_t i = 0; is_whole && i < n; i++)
        is_whole = json_array_append_new(json, alarm_json(&list[i], now_s)) == 0;
    free(list);
    if (is_whole && lineview_add_alarms(json, b))
        return json_pack("{s:o*}", "alarms", json);
    json_decref(json);
    return NULL;
}
