/* Telephone numbers as they stand in the user part of a sip: URI and in a tel: URI (RFC 3966, D4,
 * D5). For comparing with what the operator wrote; never for telling lines apart. Pure; any
 * thread. */
#ifndef BW_CORE_NUMBER_H
#define BW_CORE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { NUMBER_LEN = 40, NUMBER_E164_MAX = 15 };

/* A value: '+' at most in front, then digits, '*' and '#'. */
struct number {
    char text[NUMBER_LEN];
    uint8_t n;
    bool is_whole; /* nothing but the number and its parameters stood there */
};

/* The number at the front of a user part: escapes are resolved, visual separators and blanks left
 * out; it ends at its parameters, or at the first character that none has. n == 0: there is none.
 */
struct number number_read(struct str user);

/* Takes one character off the front, with its escape if it has one; what cannot be read is taken as
 * it is. */
char number_take_char(struct str *s);

static inline struct str number_str(const struct number *a)
{
    return (struct str){a->text, a->n};
}

/* '+' and as many digits as E.164 allows, and nothing else stood there. */
bool number_is_global(const struct number *a);

#endif
