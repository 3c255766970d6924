#include "routes.h"

#include "base/buf.h"
#include "text.h"

enum { ROUTES_MAX = 16 };

/* The elements of all lines of one header; no comma stands within one of them. */
static size_t collect(struct str message, struct str name, struct str out[ROUTES_MAX])
{
    size_t n = 0;
    struct str value = text_header(message, name, 0);
    for (unsigned i = 0; value.p; value = text_header(message, name, ++i)) {
        while (value.n && n < ROUTES_MAX) {
            const char *comma = str_find(value, ',');
            out[n] = comma ? str_span(value.p, comma) : value;
            value = str_trim(str_skip(value, out[n].n + (comma ? 1 : 0)));
            n++;
        }
    }
    return n;
}

struct str routes_of(struct arena *a, struct str message)
{
    struct str routes[ROUTES_MAX];
    bool is_request = text_is_request(message);
    bool is_path = is_request && str_eq(text_method(message), STR("REGISTER"));
    size_t n = collect(message, is_path ? STR("Path") : STR("Record-Route"), routes);
    struct buf out = buf_in(a, message.n);
    for (size_t i = 0; i < n; i++) {
        buf_add(&out, i ? STR(", ") : STR(""));
        buf_add(&out, str_trim(routes[is_request ? i : n - 1 - i]));
    }
    return n ? buf_str(&out) : STR_NONE;
}
