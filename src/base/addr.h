/* An IP address with a port, as a value: 24 bytes without padding, so it can be hashed and
 * compared as bytes. IPv4-mapped IPv6 is not IPv4 (D81). Any thread. */
#ifndef BW_BASE_ADDR_H
#define BW_BASE_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/str.h"

struct addr {
    uint8_t ip[16];    /* network order; IPv4 in the first four, the rest zero */
    uint32_t scope_id; /* IPv6 link-local only; never printed into a message (D81) */
    uint16_t port;     /* host order */
    uint8_t family;    /* 4, 6, or 0: no address */
    uint8_t zero;
};

/* The longest text of addr_print, with its NUL. */
enum { ADDR_TEXT = 64 };

bool addr_is_equal(const struct addr *a, const struct addr *b);
bool addr_is_same_host(const struct addr *a, const struct addr *b);

/* 0.0.0.0 or ::. */
bool addr_is_any(const struct addr *a);

/* An IP literal, IPv6 with or without brackets, no zone; ERR_PARSE for a name. The port is left
 * as it is. */
int addr_parse_host(struct str s, struct addr *out);

/* "1.2.3.4:5060", "[::1]:5060"; default_port where none stands. ERR_PARSE. */
int addr_parse(struct str s, uint16_t default_port, struct addr *out);

/* Appends the address as it is, for people and JSON. */
void addr_print_bare(const struct addr *a, struct buf *out);

/* Appends the host (IPv6 in brackets), or host and port. */
void addr_print_host(const struct addr *a, struct buf *out);
void addr_print(const struct addr *a, struct buf *out);

/* The same with port into a caller's array, NUL-terminated; returns text. */
const char *addr_text(const struct addr *a, char text[ADDR_TEXT]);

socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *out);
/* ERR_PARSE for another address family. */
int addr_from_sockaddr(const struct sockaddr *sa, struct addr *out);

#endif
