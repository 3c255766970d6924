#include "admin/jsontext.h"

#include <stdlib.h>

json_t *jsontext_of(struct str s)
{
    if (s.n == 0)
        return json_null();
    json_t *json = json_stringn(s.p, s.n);
    char *copy = json ? NULL : malloc(s.n);
    if (!copy)
        return json;
    for (size_t i = 0; i < s.n; i++)
        copy[i] = (unsigned char)s.p[i] < 0x80 ? s.p[i] : '?';
    json = json_stringn(copy, s.n);
    free(copy);
    return json;
}
