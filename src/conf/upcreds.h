/* An upstream-credentials file: who we are to an upstream, for an AoR or a whole domain. Read once
 * into an immutable table, which is shared by all threads with the configuration that it is part
 * of. A line is
 *
 *     WHO USER REALM plain:PASSWORD
 *     WHO USER REALM ha1:ALGORITHM:HEX
 *
 * WHO: an AoR of a served domain, or @DOMAIN for all of its AoRs. REALM: * for any. Between them
 * stand blanks, a comma or both; a value with one of these in it stands in quotes, with \ in front
 * of a quote or a \. The password goes to the end of the line. Lines of nothing and of # and a
 * comment say nothing. The bytes of the file, passwords among them, stay in memory that no core
 * dump has, and are wiped in the end.
 *
 * upcreds_load on the main thread, the others on any. */
#ifndef BW_CONF_UPCREDS_H
#define BW_CONF_UPCREDS_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/aor.h"
#include "conf/finding.h"
#include "sip/digest_answer.h"

struct upcreds;

/* What is read, and the option that names it, for messages. */
struct upcreds_file {
    const char *path;
    unsigned line;
    const char *domain;
    bool is_optional; /* where there is no such file, nobody missed it */
};

/* ERR_BADCONF after what is wrong was said, with file and line; ERR_NOMEM. *out may be NULL after
 * success: the file is optional, and absent. */
int upcreds_load(struct findings *f, const struct aor_scope *scope, const struct upcreds_file *file,
                 struct upcreds **out);

void upcreds_free(struct upcreds *c); /* wipes it; NULL is legal */

const char *upcreds_path(const struct upcreds *c);
size_t upcreds_size(const struct upcreds *c); /* lines with credentials */

/* There is something for the AoR, whatever the realm. c NULL: nothing. */
bool upcreds_has(const struct upcreds *c, struct str aor, struct str domain);

/* One account: by password, or by its hash for one algorithm. Slices of the table. */
struct upcreds_account {
    struct str user;
    struct str password; /* none: ha1 */
    struct str ha1;      /* in lower case */
    bool is_domain;      /* of @DOMAIN */
};

struct upcreds_query {
    struct str aor, domain; /* canonical, of a record and of its domain */
    struct str realm;
    enum digest_algorithm algorithm;
};

/* The account to answer a challenge with: an AoR's own before that of its domain, one for the realm
 * before one for any. False: none that can do the algorithm. */
bool upcreds_find(const struct upcreds *c, const struct upcreds_query *q,
                  struct upcreds_account *out);

#endif
