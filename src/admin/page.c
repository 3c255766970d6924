#include "admin/page.h"

#include "admin/pagedata.h"

/* Nothing from elsewhere, no script or style but our files, nobody's frame: whatever a phone puts
 * into its User-Agent stays text. */
static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

bool page_find(struct str path, struct page *out)
{
    for (size_t i = 0; i < PAGEDATA_FILES; i++) {
        const struct pagedata *p = &pagedata[i];
        if (!str_eq(path, str_of(p->path)))
            continue;
        if (out)
            *out = (struct page){p->type, policy, p->bytes, p->len};
        return true;
    }
    return false;
}
