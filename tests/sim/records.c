#include "records.h"

#include <stdio.h>

#include "base/dns.h"
#include "fake.h"
#include "keys.h"

enum { USUAL_TTL_MS = 300000 };

/* A target as a zone file has it; "." is the root. */
static void set_target(struct dns_record *record, const char *text)
{
    size_t n = strlen(text);
    while (n && text[n - 1] == '.')
        n--;
    memcpy(record->target, text, n);
    record->target[n] = '\0';
}

static bool parse(enum dns_type type, const char *text, struct dns_record *out)
{
    char target[DNS_NAME_MAX] = "", flag = ' ';
    int n = 0;
    if (type == DNS_A || type == DNS_AAAA)
        return addr_parse_host(str_of(text), &out->addr) == 0 &&
               out->addr.family == (type == DNS_A ? 4 : 6);
    if (type == DNS_SRV)
        n = sscanf(text, "%hu %hu %hu %253s", &out->order, &out->weight, &out->port, target) == 4;
    else
        n = sscanf(text, "%hu %hu %c %11s %253s", &out->order, &out->weight, &flag, out->service,
                   target) == 5;
    out->is_to_srv = flag == 's';
    set_target(out, target);
    return n;
}

static bool take_type(struct str word, enum dns_type *out)
{
    static const struct {
        struct str word;
        enum dns_type type;
    } types[] = {{{"A", 1}, DNS_A},
                 {{"AAAA", 4}, DNS_AAAA},
                 {{"SRV", 3}, DNS_SRV},
                 {{"NAPTR", 5}, DNS_NAPTR}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (str_eq(types[i].word, word)) {
            *out = types[i].type;
            return true;
        }
    return false;
}

static void set_name(struct run *r, struct str name)
{
    struct dns_question q = {.type = DNS_A};
    struct dns_answer a = {.result = DNS_FOUND};
    uint64_t ttl_ms = USUAL_TTL_MS;
    if (name.n == 0 || name.n >= DNS_NAME_MAX || !take_type(script_word(r->step, 2), &q.type)) {
        run_fail(r, "dns NAME A|AAAA|SRV|NAPTR RECORD… is expected");
        return;
    }
    memcpy(q.name, name.p, name.n);
    if (!keys_take_time(r, STR("ttl"), &ttl_ms))
        return;
    a.ttl_s = (uint32_t)(ttl_ms / 1000);
    if (str_eq(script_word(r->step, 3), STR("fails"))) {
        fake_resolver_set(&q, &(struct dns_answer){.result = DNS_FAILED});
        return;
    }
    for (size_t i = 3; script_word(r->step, i).p && a.n < DNS_RECORDS_MAX; i++) {
        char text[DNS_NAME_MAX + 64];
        struct str word = script_word(r->step, i);
        (void)snprintf(text, sizeof text, "%.*s", STR_FMT(word));
        if (!parse(q.type, text, &a.list[a.n++])) {
            run_fail(r, "\"%s\" is no such record", text);
            return;
        }
    }
    fake_resolver_set(&q, &a);
}

void records_set(struct run *r)
{
    struct str name = script_word(r->step, 1), what = script_word(r->step, 2);
    if (str_eq(name, STR("silent")) || str_eq(name, STR("back")))
        fake_resolver_be_silent(str_eq(name, STR("silent")));
    else if (str_eq(what, STR("none")))
        fake_resolver_forget(name);
    else
        set_name(r, name);
}

void records_route(struct run *r)
{
    struct addr peer = {0}, local = {0};
    if (addr_parse_host(script_word(r->step, 1), &peer) ||
        addr_parse_host(script_word(r->step, 2), &local) || !fake_udp_add_route(&peer, &local))
        run_fail(r, "route ADDRESS OF-OURS is expected, a few times");
}
