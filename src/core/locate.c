#include "core/locate.h"

#include "base/err.h"
#include "base/hash.h"

enum { SIP_PORT = 5060, SIPS_PORT = 5061 };

static bool is_usable(const struct locate *l, enum locate_transport transport)
{
    return l->want.usable & (locate_way(transport, 4) | locate_way(transport, 6));
}

static enum locate_transport usual_transport(const struct locate_want *w)
{
    return w->is_secure ? LOCATE_TLS : w->has_transport ? w->transport : LOCATE_UDP;
}

static uint16_t usual_port(enum locate_transport transport)
{
    return transport == LOCATE_TLS ? SIPS_PORT : SIP_PORT;
}

static void copy_name(char to[DNS_NAME_MAX], struct str name)
{
    size_t n = name.n < DNS_NAME_MAX ? name.n : 0;
    if (n)
        memcpy(to, name.p, n);
    to[n] = '\0';
}

/* ---------------------------------------------------------------- what was found */

static bool has_target(const struct locate *l, enum locate_transport transport,
                       const struct addr *a)
{
    for (size_t i = 0; i < l->n_targets; i++)
        if (l->targets[i].transport == transport && addr_is_equal(&l->targets[i].addr, a))
            return true;
    return false;
}

/* Equal on all nodes and after each start. */
static const struct hash_key fixed = {2, 2};

uint32_t locate_host_mark(struct str name)
{
    char text[DNS_NAME_MAX];
    size_t n = name.n < sizeof text ? name.n : sizeof text;
    for (size_t i = 0; i < n; i++)
        text[i] = ascii_lower(name.p[i]);
    while (n && text[n - 1] == '.')
        n--;
    return (uint32_t)hash_bytes(&fixed, text, n) | 1;
}

/* By its name, or of those without one by its address. */
static uint32_t id_of(const struct locate *l, const struct locate_host *h, const struct addr *at)
{
    uint8_t text[sizeof(uint32_t) + sizeof at->ip + 3] = {0};
    uint32_t mark = l->is_plain ? 0 : locate_host_mark(str_of(h->name));
    memcpy(text, &mark, sizeof mark);
    if (l->is_plain)
        memcpy(text + sizeof mark, at->ip, sizeof at->ip);
    text[sizeof text - 3] = (uint8_t)h->transport;
    text[sizeof text - 2] = (uint8_t)(at->port >> 8);
    text[sizeof text - 1] = (uint8_t)at->port;
    return (uint32_t)hash_bytes(&fixed, text, sizeof text);
}

static void add_target(struct locate *l, const struct locate_host *h, const struct addr *a)
{
    struct addr at = *a;
    at.port = h->port;
    if (l->n_targets == LOCATE_TARGETS_MAX || has_target(l, h->transport, &at))
        return;
    struct locate_target *t = &l->targets[l->n_targets++];
    *t = (struct locate_target){.addr = at,
                                .transport = (uint8_t)h->transport,
                                .group = h->group,
                                .unit = (uint8_t)l->n_units,
                                .weight = h->weight,
                                .id = id_of(l, h, &at),
                                .host = l->is_plain ? 0 : locate_host_mark(str_of(h->name))};
    l->n_units += l->is_plain;
}

static struct locate_host *add_host(struct locate *l, struct str name)
{
    if (l->n_hosts == LOCATE_HOSTS_MAX)
        return NULL;
    struct locate_host *h = &l->hosts[l->n_hosts++];
    *h = (struct locate_host){.group = (uint8_t)l->n_groups};
    copy_name(h->name, name);
    return h;
}

/* The URI's own host: it has a port, or no SRV records. */
static void add_own_host(struct locate *l, enum locate_transport transport)
{
    struct locate_host *h = add_host(l, str_of(l->want.host));
    BUG_ON(!h);
    h->transport = transport;
    h->port = l->want.port ? l->want.port : usual_port(transport);
    l->is_plain = true;
    l->phase = LOCATE_HOST;
}

/* ---------------------------------------------------------------- services */

static void add_service(struct locate *l, enum locate_transport transport, struct str name)
{
    for (size_t i = 0; i < l->n_services; i++)
        if (l->services[i].transport == transport)
            return;
    if (!is_usable(l, transport))
        return;
    struct locate_service *s = &l->services[l->n_services++];
    s->transport = transport;
    copy_name(s->name, name);
}

/* RFC 3263 4.1: a name without NAPTR records has the usual ones. */
static void add_usual_service(struct locate *l, enum locate_transport transport)
{
    static const char *const words[] = {"_sip._udp.", "_sip._tcp.", "_sips._tcp."};
    char name[DNS_NAME_MAX + DNS_SERVICE_MAX];
    struct buf out = buf_over(name, sizeof name);
    buf_add(&out, str_of(words[transport]));
    buf_add(&out, str_of(l->want.host));
    add_service(l, transport, buf_str(&out));
}

void locate_start(struct locate *l, const struct locate_want *want)
{
    struct addr a = {0};
    enum locate_transport transport = usual_transport(want);
    memset(l, 0, sizeof *l);
    l->want = *want;
    l->ttl_s = UINT32_MAX;
    if (addr_parse_host(str_of(want->host), &a) == 0) {
        l->is_plain = true;
        add_target(l,
                   &(struct locate_host){.port = want->port ? want->port : usual_port(transport),
                                         .transport = transport},
                   &a);
        l->phase = LOCATE_DONE;
    } else if (want->port) {
        add_own_host(l, transport);
    } else if (want->has_transport) {
        add_usual_service(l, transport);
        l->phase = LOCATE_SRV;
    } else {
        l->phase = LOCATE_NAPTR;
    }
}

/* False: a service that is no SIP, or not secure enough, or that nothing here could use. */
static bool transport_of(const struct locate *l, const struct dns_record *r,
                         enum locate_transport *out)
{
    static const char *const words[] = {"SIP+D2U", "SIP+D2T", "SIPS+D2T"};
    unsigned i = l->want.is_secure ? LOCATE_TLS : 0;
    while (i < LOCATE_TRANSPORTS && strcmp(words[i], r->service) != 0)
        i++;
    if (i == LOCATE_TRANSPORTS || !r->is_to_srv || !r->target[0])
        return false;
    *out = (enum locate_transport)i;
    return is_usable(l, *out);
}

static bool is_before(const struct dns_record *a, const struct dns_record *b)
{
    if (a->order != b->order || a->weight != b->weight)
        return a->order != b->order ? a->order < b->order : a->weight < b->weight;
    return strcmp(a->target, b->target) < 0;
}

/* The best of those that have not been taken; of a later order than the first none is looked at
 * (RFC 3403 4.1). */
static const struct dns_record *best_naptr(const struct locate *l, const struct dns_answer *a,
                                           uint64_t taken, const struct dns_record *first)
{
    const struct dns_record *best = NULL;
    for (size_t i = 0; i < a->n; i++) {
        const struct dns_record *r = &a->list[i];
        enum locate_transport unused;
        if (taken >> i & 1 || !transport_of(l, r, &unused) || (first && r->order != first->order))
            continue;
        if (!best || is_before(r, best))
            best = r;
    }
    return best;
}

static void take_naptr(struct locate *l, const struct dns_answer *a)
{
    uint64_t taken = 0;
    const struct dns_record *first = best_naptr(l, a, taken, NULL);
    for (const struct dns_record *r = first; r; r = best_naptr(l, a, taken, first)) {
        enum locate_transport transport = LOCATE_UDP;
        if (transport_of(l, r, &transport))
            add_service(l, transport, str_of(r->target));
        taken |= (uint64_t)1 << (r - a->list);
    }
    l->phase = LOCATE_SRV;
    if (l->n_services)
        return;
    for (unsigned i = l->want.is_secure ? LOCATE_TLS : 0; i < LOCATE_TRANSPORTS; i++)
        add_usual_service(l, (enum locate_transport)i);
}

/* ---------------------------------------------------------------- SRV */

/* Equal ones in an order of their own: the DNS gives them in another one each time, and what has
 * not changed has to look so. */
static bool is_srv_before(const struct dns_record *a, const struct dns_record *b)
{
    if (a->order != b->order)
        return a->order < b->order;
    int order = strcmp(a->target, b->target);
    return order ? order < 0 : a->port < b->port;
}

static const struct dns_record *next_srv(const struct dns_answer *a, uint64_t taken)
{
    const struct dns_record *best = NULL;
    for (size_t i = 0; i < a->n; i++)
        if (!(taken >> i & 1) && (!best || is_srv_before(&a->list[i], best)))
            best = &a->list[i];
    return best;
}

static void take_srv(struct locate *l, const struct dns_answer *a,
                     const struct locate_service *service)
{
    uint64_t taken = 0;
    const struct dns_record *last = NULL;
    for (const struct dns_record *r = next_srv(a, 0); r; r = next_srv(a, taken)) {
        taken |= (uint64_t)1 << (r - a->list);
        l->is_refused = l->is_refused || !r->target[0];
        if (!r->target[0])
            continue;
        if (last && r->order != last->order)
            l->n_groups++;
        struct locate_host *h = add_host(l, str_of(r->target));
        if (!h)
            break;
        h->port = r->port;
        h->weight = r->weight;
        h->transport = service->transport;
        last = r;
    }
    l->n_groups += last != NULL;
}

/* RFC 3263 4.2: without SRV records the name's own addresses, unless it was said that there is no
 * service, or could not be said whether there is: NAPTR records may name others than the usual. */
static void end_srv(struct locate *l)
{
    l->phase = LOCATE_HOST;
    if (l->n_hosts)
        return;
    if (l->is_refused || l->has_nothing_of_srv)
        l->phase = LOCATE_DONE;
    else
        add_own_host(l, usual_transport(&l->want));
}

/* ---------------------------------------------------------------- addresses */

static const struct dns_record *next_by_address(const struct dns_answer *a, uint64_t taken)
{
    const struct dns_record *best = NULL;
    for (size_t i = 0; i < a->n; i++)
        if (!(taken >> i & 1) &&
            (!best || memcmp(a->list[i].addr.ip, best->addr.ip, sizeof best->addr.ip) < 0))
            best = &a->list[i];
    return best;
}

static void take_addresses(struct locate *l, const struct dns_answer *a)
{
    const struct locate_host *h = &l->hosts[l->at_host];
    uint64_t taken = 0;
    for (const struct dns_record *r = next_by_address(a, 0); r; r = next_by_address(a, taken)) {
        add_target(l, h, &r->addr);
        taken |= (uint64_t)1 << (r - a->list);
    }
    if (l->is_second) {
        l->n_units += !l->is_plain;
        l->at_host++;
    }
    l->is_second = !l->is_second;
}

/* IPv6 first, as RFC 6724 has it; where nothing here could use a family, it is not asked for. */
static bool next_address(struct locate *l, struct dns_question *out)
{
    static const struct dns_answer nothing = {.result = DNS_NO_DATA};
    while (l->at_host < l->n_hosts && l->n_targets < LOCATE_TARGETS_MAX) {
        const struct locate_host *h = &l->hosts[l->at_host];
        if (l->want.usable & locate_way(h->transport, l->is_second ? 4 : 6)) {
            out->type = l->is_second ? DNS_A : DNS_AAAA;
            copy_name(out->name, str_of(h->name));
            return true;
        }
        take_addresses(l, &nothing);
    }
    l->phase = LOCATE_DONE;
    return false;
}

/* ---------------------------------------------------------------- step by step */

static bool next_service(struct locate *l, struct dns_question *out)
{
    if (l->at_service == l->n_services) {
        end_srv(l);
        return false;
    }
    out->type = DNS_SRV;
    copy_name(out->name, str_of(l->services[l->at_service].name));
    return true;
}

bool locate_next(struct locate *l, struct dns_question *out)
{
    if (l->n_asks == LOCATE_ASKS_MAX)
        l->phase = LOCATE_DONE;
    if (l->phase == LOCATE_NAPTR) {
        out->type = DNS_NAPTR;
        copy_name(out->name, str_of(l->want.host));
        return true;
    }
    if (l->phase == LOCATE_SRV && next_service(l, out))
        return true;
    return l->phase == LOCATE_HOST && next_address(l, out);
}

void locate_answer(struct locate *l, const struct dns_answer *a)
{
    bool has_failed = a->result == DNS_FAILED;
    l->n_asks++;
    l->has_failed = l->has_failed || has_failed;
    if (!has_failed && a->ttl_s < l->ttl_s)
        l->ttl_s = a->ttl_s;
    if (l->phase == LOCATE_NAPTR) {
        l->has_nothing_of_srv = has_failed && !l->want.is_naptr_given_up;
        take_naptr(l, a);
    } else if (l->phase == LOCATE_SRV) {
        l->has_nothing_of_srv = l->has_nothing_of_srv || has_failed;
        take_srv(l, a, &l->services[l->at_service++]);
    } else if (l->phase == LOCATE_HOST) {
        take_addresses(l, a);
    }
}

/* ---------------------------------------------------------------- the order of one request */

/* splitmix64. */
static uint64_t mix(uint64_t z)
{
    z += 0x9e3779b97f4a7c15ULL;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return z ^ z >> 31;
}

/* The logarithm of 2^64 / z to the base of 2, in units of 2^-FRACTION. z: not 0. */
enum { FRACTION = 24 };

static uint64_t distance(uint64_t z)
{
    unsigned zeros = (unsigned)__builtin_clzll(z);
    uint64_t m = z << zeros >> 32, log = 63 - zeros; /* m: from 2^31 to below 2^32 */
    for (int i = 0; i < FRACTION; i++) {
        m *= m;
        log = log << 1 | m >> 63;
        m = m >> 63 ? m >> 32 : m >> 31;
    }
    return ((uint64_t)64 << FRACTION) - log;
}

/* A unit of the group: where it begins in the list, and how many addresses it has. */
struct unit {
    size_t from, n;
    uint64_t place; /* the lower, the sooner it is tried */
};

/* Of numbers that are spread evenly each unit is the lowest as often as its weight says, and so on
 * among the others: their distances are exponential ones, with the weight as their rate. One
 * without weight has "a very small chance" (RFC 2782). */
static uint64_t place_of(const struct locate_target *t, uint64_t number)
{
    uint64_t weight = t->weight ? (uint64_t)t->weight * 16 : 1;
    return (distance(mix(number ^ mix(t->id)) | 1) << 20) / weight;
}

/* From the group's first target on, by place. The end of the group. */
static size_t list_units(const struct locate_target *list, size_t n, size_t from, uint64_t number,
                         struct unit *out)
{
    size_t n_units = 0, to = from;
    while (to < n && list[to].group == list[from].group) {
        struct unit u = {.from = to, .place = place_of(&list[to], number)};
        while (to < n && list[to].group == list[u.from].group && list[to].unit == list[u.from].unit)
            to++;
        u.n = to - u.from;
        size_t i = n_units++;
        for (; i && out[i - 1].place > u.place; i--)
            out[i] = out[i - 1];
        out[i] = u;
    }
    return to;
}

void locate_order(const struct locate_target *list, size_t n, uint64_t number, uint8_t *out)
{
    struct unit units[LOCATE_TARGETS_MAX];
    size_t n_out = 0;
    BUG_ON(n > LOCATE_TARGETS_MAX);
    for (size_t from = 0; from < n;) {
        size_t to = list_units(list, n, from, number, units);
        for (const struct unit *u = units; n_out < to; u++)
            for (size_t i = 0; i < u->n; i++)
                out[n_out++] = (uint8_t)(u->from + i);
        from = to;
    }
}
