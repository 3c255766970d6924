#include "admin/banview.h"

#include <jansson.h>
#include <string.h>

#include "base/addr.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/sys.h"
#include "service/source.h"

/* Of a page of the list, and of one ban. */
enum { PAGE = 64, SECONDS_DEFAULT = 600, SECONDS_MAX = 366 * 86400 };

/* IPv6 bans are of the /64 around the address. */
static const char *ban_text(const struct addr *a, char text[ADDR_TEXT])
{
    struct addr net = *a;
    struct buf out = buf_over(text, ADDR_TEXT - 1);
    if (a->family == 6)
        memset(net.ip + 8, 0, 8);
    addr_print_bare(&net, &out);
    buf_add(&out, a->family == 6 ? STR("/64") : STR(""));
    text[out.len] = '\0';
    return text;
}

static json_t *ban_json(const struct source_banned *b, uint64_t now_s)
{
    char text[ADDR_TEXT];
    return json_pack("{s:s,s:I}", "address", ban_text(&b->addr, text), "seconds_left",
                     (json_int_t)(b->until_s - now_s));
}

void banview_list(struct source_table *sources, struct answer *out)
{
    struct source_banned page[PAGE];
    uint64_t now_s = sys_service_s();
    json_t *list = json_array();
    size_t at = 0, n = PAGE;
    while (n == PAGE) {
        n = source_list_banned(sources, now_s, &at, page, PAGE);
        for (size_t i = 0; i < n; i++)
            (void)json_array_append_new(list, ban_json(&page[i], now_s));
    }
    answer_json(out, 200, json_pack("{s:o*}", "bans", list));
}

/* {"address": "192.0.2.7" | "2001:db8::1", "seconds": 600}, the second one optional. */
struct ban_order {
    struct addr addr;
    json_int_t seconds;
};

static bool ban_parse(struct str text, struct ban_order *out)
{
    json_t *body = json_loadb(text.n ? text.p : "", text.n, 0, NULL);
    const char *address = json_string_value(json_object_get(body, "address"));
    const json_t *seconds = json_object_get(body, "seconds");
    *out = (struct ban_order){.seconds = seconds ? json_integer_value(seconds) : SECONDS_DEFAULT};
    bool is_right = address && addr_parse_host(str_of(address), &out->addr) == 0 &&
                    (!seconds || json_is_integer(seconds)) && out->seconds > 0 &&
                    out->seconds <= SECONDS_MAX;
    json_decref(body);
    return is_right;
}

void banview_add(struct source_table *sources, struct str body, struct answer *out)
{
    struct ban_order o;
    char text[ADDR_TEXT];
    uint64_t now_s = sys_service_s();
    if (!ban_parse(body, &o)) {
        answer_fail(out, 400, "bad-request",
                    "expected {\"address\": an IP address, \"seconds\": 1 to 31622400}");
        return;
    }
    if (source_ban(sources, source_key(&o.addr), now_s, now_s + (uint64_t)o.seconds)) {
        answer_fail(out, 503, "full", "no room for one more ban");
        return;
    }
    (void)ban_text(&o.addr, text);
    stats_inc(STAT_BANS);
    log_info("admin: ban source=%s for %lld s", text, (long long)o.seconds);
    answer_json(out, 200, json_pack("{s:s,s:I}", "address", text, "seconds_left", o.seconds));
}

void banview_remove(struct source_table *sources, struct str body, struct answer *out)
{
    struct ban_order o;
    char text[ADDR_TEXT];
    if (!ban_parse(body, &o)) {
        answer_fail(out, 400, "bad-request", "expected {\"address\": an IP address}");
    } else if (!source_unban(sources, source_key(&o.addr), sys_service_s())) {
        answer_fail(out, 404, "not-banned", "this address is not banned");
    } else {
        (void)ban_text(&o.addr, text);
        log_info("admin: ban of source=%s lifted", text);
        answer_json(out, 200, json_pack("{s:s}", "address", text));
    }
}
