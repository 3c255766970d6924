#include "admin/promtext.h"

#define PREFIX "breakwater_"

void promtext_head(struct buf *out, const char *group, const char *name, const char *type,
                   const char *help)
{
    buf_addf(out, "# HELP " PREFIX "%s%s %s\n", group, name, help);
    buf_addf(out, "# TYPE " PREFIX "%s%s %s\n", group, name, type);
}

void promtext_label(struct buf *out, struct str value)
{
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];
        if (c == '"' || c == '\\')
            buf_add_char(out, '\\');
        buf_add_char(out, c == '\n' ? ' ' : c);
    }
}
