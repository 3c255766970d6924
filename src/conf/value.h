/* From the text of one value to the field that keeps it, for each type of the schema. Main
 * thread. */
#ifndef BW_CONF_VALUE_H
#define BW_CONF_VALUE_H

#include "base/arena.h"
#include "base/str.h"
#include "conf/schema.h"

enum { VALUE_WHY = 160, VALUE_HOST_MAX = 256 };

/* The bytes that one value of the type takes: the distance between elements of a list. */
size_t value_size(enum schema_type type);

/* Checks the text and fills the field; what it points to is copied into the arena. ERR_NOMEM;
 * ERR_PARSE: why says what is wrong ("" when what schema_expected says is all). */
int value_parse(const struct schema_option *o, struct str text, struct arena *a, void *field,
                char why[VALUE_WHY]);

/* Both fields say the same. */
bool value_is_same(const struct schema_option *o, const void *a, const void *b);

/* A host in the form in which hosts are compared as bytes: names in lower case without trailing
 * dot, IPv6 addresses in their shortest form in brackets. false: neither a host name (RFC 3261
 * 25.1) nor an IP address. Any thread. */
bool value_host(struct str text, char out[VALUE_HOST_MAX], struct str *host);

#endif
