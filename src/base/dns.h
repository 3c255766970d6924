/* Answers of the DNS, read into plain values, as far as finding a SIP server needs them: RFC 1035,
 * 2308 (nothing there), 2782 (SRV), 3403 (NAPTR), 3596 (AAAA). Pure; any thread. */
#ifndef BW_BASE_DNS_H
#define BW_BASE_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/str.h"

enum dns_type { DNS_A = 1, DNS_AAAA = 28, DNS_SRV = 33, DNS_NAPTR = 35 };

/* A name with its NUL; records of one answer: more are left out. */
enum { DNS_NAME_MAX = 254, DNS_RECORDS_MAX = 32, DNS_SERVICE_MAX = 12 };

struct dns_question {
    char name[DNS_NAME_MAX];
    enum dns_type type;
};

enum dns_result {
    DNS_FOUND,
    DNS_NO_DATA, /* the name has nothing of that type */
    DNS_NO_NAME, /* there is no such name */
    DNS_FAILED,  /* no answer, or none that can be used */
    DNS_RESULTS
};

struct dns_record {
    struct addr addr;              /* A, AAAA; port 0 */
    uint16_t order;                /* SRV: priority; NAPTR: order */
    uint16_t weight;               /* SRV: weight; NAPTR: preference */
    uint16_t port;                 /* SRV */
    bool is_to_srv;                /* NAPTR: flag "s" without a regular expression */
    char service[DNS_SERVICE_MAX]; /* NAPTR, in upper case; "": a longer one */
    char target[DNS_NAME_MAX];     /* SRV, NAPTR: in lower case, no dot at the end; "": the root */
};

struct dns_answer {
    enum dns_result result;
    uint32_t ttl_s; /* the shortest of all that led to it */
    size_t n;
    struct dns_record list[DNS_RECORDS_MAX];
};

/* How long is believed that there is nothing where no SOA says it. */
enum { DNS_NOTHING_S = 60 };

/* A word of letters, digits, '-' and '_' between dots, of legal lengths; a dot at the end is one
 * too many. */
bool dns_is_name(struct str text);

/* Reads the answer to one question: aliases are followed, records that cannot be used left out.
 * DNS_FAILED for bytes that are no answer to it, and for the failure of a server. */
void dns_parse(struct str bytes, const struct dns_question *q, struct dns_answer *out);

#endif
