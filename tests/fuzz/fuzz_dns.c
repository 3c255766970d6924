/* dns_parse over any bytes: what it takes for an answer has records and names of legal lengths, and
 * of the type that was asked for. Its first byte chooses the type; the question is the message's
 * own where it has one that can be asked. */
#include "fuzz.h"

#include "base/dns.h"

const char *const fuzz_more_seeds = NULL;

static void check_record(const struct dns_record *r, enum dns_type type)
{
    size_t n = strnlen(r->target, sizeof r->target);
    MUST(n < sizeof r->target && strnlen(r->service, sizeof r->service) < sizeof r->service);
    MUST(n == 0 || dns_is_name(str_of(r->target)));
    if (type == DNS_A || type == DNS_AAAA)
        MUST(r->addr.family == (type == DNS_A ? 4 : 6) && n == 0);
    if (type == DNS_SRV)
        MUST(r->port || n == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum dns_type types[] = {DNS_A, DNS_AAAA, DNS_SRV, DNS_NAPTR};
    static struct dns_answer a;
    struct dns_question q = {"a.example.net", DNS_A};
    if (size < 1)
        return 0;
    q.type = types[data[0] % 4];
    dns_parse(fuzz_str(data + 1, size - 1), &q, &a);
    MUST(a.n <= DNS_RECORDS_MAX && a.result < DNS_RESULTS && (a.n > 0) == (a.result == DNS_FOUND));
    for (size_t i = 0; i < a.n; i++)
        check_record(&a.list[i], q.type);
    return 0;
}
