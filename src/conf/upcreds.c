#include "conf/upcreds.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hmap.h"
#include "conf/secret.h"

enum { FILE_MAX = 1 << 30, ARENA_MAX = 1 << 30 };

/* A line. One user can have a password for a realm, or a hash for each algorithm. */
struct entry {
    struct hmap_node node; /* by WHO and realm */
    struct str who;        /* canonical; "@" in front of a domain */
    struct str realm;      /* empty: any */
    struct str user;
    struct str secret;
    enum digest_algorithm algorithm; /* DIGEST_ALGORITHM_MAX: the secret is a password */
    unsigned line;
};

/* A WHO that has lines. */
struct holder {
    struct hmap_node node;
    struct str who;
};

struct upcreds {
    char *path;
    char *bytes; /* of the file, un-escaped in place; slices point here */
    size_t n_bytes;
    struct hmap entries, holders;
    struct arena arena;
    size_t n, n_foreign;    /* foreign: of domains that are not served */
    unsigned first_foreign; /* its line */
};

/* ---------------------------------------------------------------- the table */

static uint64_t hash_of(const struct upcreds *c, struct str who, struct str realm)
{
    const uint64_t parts[] = {hmap_hash(&c->entries, who), hmap_hash(&c->entries, realm)};
    return hash_bytes(&c->entries.key, parts, sizeof parts);
}

/* The next one of a WHO and realm, from a node of that hash on. */
static const struct entry *matching(struct hmap_node *n, struct str who, struct str realm)
{
    for (; n; n = hmap_next(n)) {
        const struct entry *e = container_of(n, struct entry, node);
        if (str_eq(e->who, who) && str_eq(e->realm, realm))
            return e;
    }
    return NULL;
}

static bool can_do(const struct entry *e, enum digest_algorithm algorithm)
{
    return e->algorithm == DIGEST_ALGORITHM_MAX || e->algorithm == algorithm;
}

static const struct entry *find(const struct upcreds *c, struct str who, struct str realm,
                                enum digest_algorithm algorithm)
{
    struct hmap_node *first = hmap_first(&c->entries, hash_of(c, who, realm));
    const struct entry *e = matching(first, who, realm);
    while (e && !can_do(e, algorithm))
        e = matching(hmap_next((struct hmap_node *)(uintptr_t)&e->node), who, realm);
    return e;
}

static bool is_holder(const struct upcreds *c, struct str who)
{
    struct hmap_node *n = hmap_first(&c->holders, hmap_hash(&c->holders, who));
    for (; n; n = hmap_next(n))
        if (str_eq(container_of(n, struct holder, node)->who, who))
            return true;
    return false;
}

static int add_holder(struct upcreds *c, struct str who)
{
    if (is_holder(c, who))
        return 0;
    struct holder *h = arena_alloc(&c->arena, sizeof *h);
    if (!h)
        return ERR_NOMEM;
    *h = (struct holder){.node.hash = hmap_hash(&c->holders, who), .who = who};
    return hmap_add(&c->holders, &h->node);
}

/* ---------------------------------------------------------------- one line */

struct reading {
    struct findings *f;
    const struct aor_scope *scope;
    const struct upcreds_file *file;
    struct upcreds *c;
    unsigned line;
    char why[120];
};

static int fault(struct reading *r, const char *what)
{
    (void)snprintf(r->why, sizeof r->why, "%s", what);
    return ERR_PARSE;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Blanks, with one comma among them. False: nothing of that. */
static bool skip_gap(struct str *rest)
{
    size_t n = 0;
    bool has_comma = false;
    while (n < rest->n && (is_blank(rest->p[n]) || (rest->p[n] == ',' && !has_comma)))
        has_comma |= rest->p[n++] == ',';
    *rest = str_skip(*rest, n);
    return n > 0;
}

/* In quotes, un-escaped in place: what comes out is never longer. */
static int take_quoted(struct reading *r, struct str *rest, struct str *out)
{
    char *to = (char *)(uintptr_t)rest->p + 1;
    size_t n = 1;
    *out = (struct str){to, 0};
    while (n < rest->n && rest->p[n] != '"') {
        n += rest->p[n] == '\\';
        if (n < rest->n)
            to[out->n++] = rest->p[n++];
    }
    if (n >= rest->n)
        return fault(r, "a quote is open, expected another one behind the value");
    *rest = str_skip(*rest, n + 1);
    return 0;
}

static int take_field(struct reading *r, struct str *rest, struct str *out)
{
    if (rest->n && *rest->p == '"')
        return take_quoted(r, rest, out);
    size_t n = 0;
    while (n < rest->n && !is_blank(rest->p[n]) && rest->p[n] != ',')
        n++;
    *out = (struct str){rest->p, n};
    *rest = str_skip(*rest, n);
    return 0;
}

/* WHO, USER, REALM; what is left is the secret. */
static int take_fields(struct reading *r, struct str line, struct str fields[4])
{
    for (int i = 0; i < 3; i++) {
        int err = take_field(r, &line, &fields[i]);
        if (err)
            return err;
        if (!skip_gap(&line))
            return fault(r, "too few values, expected WHO USER REALM and plain:PASSWORD or "
                            "ha1:ALGORITHM:HEX");
    }
    fields[3] = line;
    return 0;
}

static int read_password(struct reading *r, struct str text, struct entry *e)
{
    if (text.n == 0)
        return fault(r, "the password is empty");
    if (is_blank(text.p[0]) || is_blank(text.p[text.n - 1]))
        return fault(r, "the password begins or ends with a blank, expected none there (ha1: can "
                        "stand for such a one)");
    e->algorithm = DIGEST_ALGORITHM_MAX;
    e->secret = text;
    return 0;
}

static size_t hex_len(enum digest_algorithm algorithm)
{
    return algorithm == DIGEST_MD5 ? 32 : 64;
}

static int read_hash(struct reading *r, struct str text, struct entry *e)
{
    const char *colon = str_find(text, ':');
    struct str name = colon ? str_span(text.p, colon) : text;
    struct str hex = str_trim(colon ? str_span(colon + 1, str_end(text)) : STR(""));
    char *lower = (char *)(uintptr_t)hex.p;
    if (name.n == 0 || !digest_answer_algorithm(name, &e->algorithm))
        return fault(r, "unknown algorithm, expected ha1: with MD5, SHA-256 or SHA-512-256, a "
                        "colon and the hash");
    if (hex.n != hex_len(e->algorithm))
        return fault(r, e->algorithm == DIGEST_MD5 ? "expected 32 hexadecimal digits"
                                                   : "expected 64 hexadecimal digits");
    for (size_t i = 0; i < hex.n; i++) {
        if (ascii_hex(hex.p[i]) < 0)
            return fault(r, "the hash has a character that is no hexadecimal digit");
        lower[i] = ascii_lower(hex.p[i]);
    }
    if (e->realm.n == 0)
        return fault(r, "a hash is made for one realm, expected that in place of *");
    e->secret = hex;
    return 0;
}

static int read_secret(struct reading *r, struct str text, struct entry *e)
{
    if (str_has_prefix(text, STR("plain:")))
        return read_password(r, str_skip(text, 6), e);
    if (str_has_prefix(text, STR("ha1:")))
        return read_hash(r, str_skip(text, 4), e);
    return fault(r, "no secret, expected plain:PASSWORD or ha1:ALGORITHM:HEX behind WHO USER "
                    "REALM");
}

/* ERR_ABSENT: of a domain that is not served. */
static int read_who(struct reading *r, struct str text, struct entry *e)
{
    const struct conf_domain *d;
    struct arena *a = &r->c->arena;
    if (text.n == 0 || *text.p != '@') {
        int err = aor_parse(r->scope, a, text, &d, &e->who);
        return err == ERR_PARSE
                   ? fault(r, "WHO is not right, expected an AoR like alice@example.com "
                              "or @ with a domain")
                   : err;
    }
    d = aor_domain(r->scope, str_skip(text, 1));
    if (!d)
        return ERR_ABSENT;
    struct buf who = buf_in(a, d->name.n + 1);
    buf_add_char(&who, '@');
    buf_add(&who, d->name);
    e->who = buf_str(&who);
    return who.has_overflown ? ERR_NOMEM : 0;
}

static int say_twice(struct reading *r, const struct entry *other)
{
    (void)snprintf(r->why, sizeof r->why,
                   "line %u has this WHO, realm and algorithm already, expected one", other->line);
    return ERR_PARSE;
}

static int add_entry(struct reading *r, struct entry *e)
{
    struct upcreds *c = r->c;
    e->node.hash = hash_of(c, e->who, e->realm);
    struct hmap_node *n = hmap_first(&c->entries, e->node.hash);
    const struct entry *other = matching(n, e->who, e->realm);
    for (; other;
         other = matching(hmap_next((struct hmap_node *)(uintptr_t)&other->node), e->who, e->realm))
        if (can_do(other, e->algorithm) || e->algorithm == DIGEST_ALGORITHM_MAX)
            return say_twice(r, other);
    c->n++;
    int err = add_holder(c, e->who);
    return err ? err : hmap_add(&c->entries, &e->node);
}

static int read_entry(struct reading *r, struct str line)
{
    struct str fields[4];
    struct entry *e = arena_calloc(&r->c->arena, 1, sizeof *e);
    if (!e)
        return ERR_NOMEM;
    e->line = r->line;
    int err = take_fields(r, line, fields);
    if (err)
        return err;
    e->user = fields[1];
    e->realm = str_eq(fields[2], STR("*")) ? STR("") : fields[2];
    if (e->user.n == 0)
        return fault(r, "USER is empty");
    err = read_secret(r, fields[3], e);
    if (!err)
        err = read_who(r, fields[0], e);
    return err ? err : add_entry(r, e);
}

static bool has_control(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 0x7f)
            return true;
    return false;
}

/* Never the line itself: it has a secret in it. */
static int say(const struct reading *r, const char *what)
{
    finding_error(r->f, r->file->line, "domain \"%.80s\" upstream-credentials: %.300s:%u: %s",
                  r->file->domain, r->file->path, r->line, what);
    return ERR_BADCONF;
}

static int read_line(struct reading *r, struct str line)
{
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    while (line.n && is_blank(*line.p))
        line = str_skip(line, 1);
    if (line.n == 0 || *line.p == '#')
        return 0;
    int err = has_control(line) ? fault(r, "a control character") : read_entry(r, line);
    if (err == ERR_ABSENT) {
        r->c->first_foreign = r->c->n_foreign++ ? r->c->first_foreign : r->line;
        return 0;
    }
    return err == ERR_PARSE ? say(r, r->why) : err;
}

/* ---------------------------------------------------------------- the file */

static int say_file(const struct reading *r, const char *what)
{
    finding_error(r->f, r->file->line,
                  "domain \"%.80s\" upstream-credentials: \"%.200s\": %s, expected a file of lines "
                  "WHO USER REALM plain:PASSWORD or ha1:ALGORITHM:HEX",
                  r->file->domain, r->file->path, what);
    return ERR_BADCONF;
}

/* Memory for the whole file that no core dump has. Its pages come as they are written. */
static int make_room(struct upcreds *c, size_t n)
{
    char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return ERR_NOMEM;
    (void)madvise(p, n, MADV_DONTDUMP);
    c->bytes = p;
    c->n_bytes = n;
    return 0;
}

static int read_bytes(struct reading *r, int fd, size_t *len)
{
    struct upcreds *c = r->c;
    ssize_t n = 1;
    *len = 0;
    while (*len < c->n_bytes && n > 0) {
        n = read(fd, c->bytes + *len, c->n_bytes - *len);
        if (n < 0 && errno != EINTR)
            return say_file(r, strerror(errno));
        *len += n > 0 ? (size_t)n : 0;
        n = n < 0 ? 1 : n;
    }
    return n > 0 ? say_file(r, "has grown while it was read") : 0;
}

static int read_lines(struct reading *r, struct str rest)
{
    int err = 0;
    while (rest.n && !err) {
        const char *end = str_find(rest, '\n');
        struct str line = end ? str_span(rest.p, end) : rest;
        r->line++;
        err = read_line(r, line);
        rest = str_skip(rest, line.n + 1);
    }
    return err;
}

static int read_file(struct reading *r, int fd)
{
    struct stat st;
    size_t len = 0;
    if (fstat(fd, &st) != 0)
        return say_file(r, strerror(errno));
    if (st.st_size >= FILE_MAX)
        return say_file(r, "is larger than 1 GiB");
    int err = make_room(r->c, (size_t)st.st_size + 1);
    if (!err)
        err = read_bytes(r, fd, &len);
    return err ? err : read_lines(r, (struct str){r->c->bytes, len});
}

static void warn_foreign(const struct reading *r)
{
    if (r->c->n_foreign)
        finding_warn(r->f, r->file->line,
                     "domain \"%.80s\" upstream-credentials: %.300s:%u: the domain is not served "
                     "here; %zu lines in all are left out for that",
                     r->file->domain, r->file->path, r->c->first_foreign, r->c->n_foreign);
}

static struct upcreds *allocate(const char *path)
{
    struct upcreds *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    hmap_init(&c->entries);
    hmap_init(&c->holders);
    arena_init(&c->arena, ARENA_MAX);
    c->path = strdup(path);
    if (!c->path) {
        upcreds_free(c);
        return NULL;
    }
    return c;
}

static int load(struct reading *r, int fd, struct upcreds **out)
{
    r->c = allocate(r->file->path);
    if (!r->c)
        return ERR_NOMEM;
    int err = read_file(r, fd);
    if (err) {
        upcreds_free(r->c);
        return err;
    }
    warn_foreign(r);
    *out = r->c;
    return 0;
}

int upcreds_load(struct findings *f, const struct aor_scope *scope, const struct upcreds_file *file,
                 struct upcreds **out)
{
    struct reading r = {.f = f, .scope = scope, .file = file};
    char why[SECRET_WHY];
    int fd;
    if (file->is_optional && access(file->path, F_OK) != 0) {
        *out = NULL;
        return 0;
    }
    if (secret_open(file->path, &fd, why))
        return say_file(&r, why);
    int err = load(&r, fd, out);
    (void)close(fd);
    return err;
}

void upcreds_free(struct upcreds *c)
{
    if (!c)
        return;
    if (c->bytes) {
        explicit_bzero(c->bytes, c->n_bytes);
        (void)munmap(c->bytes, c->n_bytes);
    }
    hmap_fini(&c->entries);
    hmap_fini(&c->holders);
    arena_fini(&c->arena);
    free(c->path);
    free(c);
}

/* ---------------------------------------------------------------- asking */

const char *upcreds_path(const struct upcreds *c)
{
    return c->path;
}

size_t upcreds_size(const struct upcreds *c)
{
    return c->n;
}

enum { WHO_MAX = 300 };

static struct str who_domain(struct str domain, char text[WHO_MAX])
{
    struct buf b = buf_over(text, WHO_MAX);
    buf_add_char(&b, '@');
    buf_add(&b, domain);
    return b.has_overflown ? STR_NONE : buf_str(&b);
}

bool upcreds_has(const struct upcreds *c, struct str aor, struct str domain)
{
    char text[WHO_MAX];
    return c && (is_holder(c, aor) || is_holder(c, who_domain(domain, text)));
}

bool upcreds_find(const struct upcreds *c, const struct upcreds_query *q,
                  struct upcreds_account *out)
{
    char text[WHO_MAX];
    const struct str whos[] = {q->aor, who_domain(q->domain, text)};
    const struct str realms[] = {q->realm, STR("")};
    const struct entry *e = NULL;
    for (int i = 0; i < 4 && !e; i++)
        e = find(c, whos[i / 2], realms[i % 2], q->algorithm);
    if (!e)
        return false;
    bool is_password = e->algorithm == DIGEST_ALGORITHM_MAX;
    *out = (struct upcreds_account){.user = e->user,
                                    .password = is_password ? e->secret : STR_NONE,
                                    .ha1 = is_password ? STR_NONE : e->secret,
                                    .is_domain = *e->who.p == '@'};
    return true;
}
