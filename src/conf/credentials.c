#include "conf/credentials.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/hmap.h"
#include "base/lines.h"
#include "conf/secret.h"
#include "sip/htdigest.h"

enum { REALMS_LIMIT = 256 << 20, N_SETS = 1 << DIGEST_ALGORITHM_MAX };

/* One line of the file. */
struct record {
    uint64_t tag;      /* half of the name's hash; its place in the table follows from it */
    uint32_t more_tag; /* a part of the other half */
    uint8_t kind;      /* algorithm + 1; 0: the place is free */
    uint8_t ha1_len, zero[2];
    uint8_t ha1[DIGEST_HEX_MAX / 2];
};

struct realm {
    struct hmap_node node;
    struct str name;
    uint64_t users[N_SETS]; /* that have exactly these algorithms */
};

struct credentials {
    char *path;
    struct hash_key key, more_key;
    struct record *records; /* open addressing; at least one place is free */
    size_t n_places, n;
    struct hmap realms;
    struct arena arena;
};

/* ---------------------------------------------------------------- the table */

struct name {
    uint64_t tag;
    uint32_t more_tag;
};

/* No user has a colon, so no other two make the same text. What has one, or is too long, names
 * nobody. */
static struct name name_of(const struct credentials *c, struct str user, struct str realm)
{
    char text[2 * HTDIGEST_NAME_MAX + 1];
    struct buf name = buf_over(text, sizeof text);
    buf_add(&name, user);
    buf_add_char(&name, ':');
    buf_add(&name, realm);
    if (str_find(user, ':') || name.has_overflown)
        name.len = 0;
    return (struct name){hash_str(&c->key, buf_str(&name)),
                         (uint32_t)hash_str(&c->more_key, buf_str(&name))};
}

static size_t place_of(const struct credentials *c, struct name name)
{
    return (size_t)(((unsigned __int128)name.tag * c->n_places) >> 64);
}

static size_t next_place(const struct credentials *c, size_t at)
{
    return at + 1 < c->n_places ? at + 1 : 0;
}

/* The line of a user for an algorithm, or the free place where it would stand. set: the algorithms
 * of the user's lines that were passed on the way, which are all where the place is free. */
static struct record *look_up(const struct credentials *c, struct name name, uint8_t kind,
                              unsigned *set)
{
    size_t at = place_of(c, name);
    *set = 0;
    for (; c->records[at].kind; at = next_place(c, at)) {
        const struct record *r = &c->records[at];
        if (r->tag != name.tag || r->more_tag != name.more_tag)
            continue;
        if (r->kind == kind)
            break;
        *set |= 1U << (r->kind - 1);
    }
    return &c->records[at];
}

static struct realm *realm_find(const struct credentials *c, struct str name)
{
    uint64_t hash = hmap_hash(&c->realms, name);
    for (struct hmap_node *n = hmap_first(&c->realms, hash); n; n = hmap_next(n)) {
        struct realm *r = container_of(n, struct realm, node);
        if (str_eq(r->name, name))
            return r;
    }
    return NULL;
}

static struct realm *realm_get(struct credentials *c, struct str name)
{
    struct realm *r = realm_find(c, name);
    if (r)
        return r;
    r = arena_calloc(&c->arena, 1, sizeof *r);
    if (!r)
        return NULL;
    r->name = str_dup(&c->arena, name);
    r->node.hash = hmap_hash(&c->realms, name);
    return str_is_none(r->name) || hmap_add(&c->realms, &r->node) ? NULL : r;
}

/* ---------------------------------------------------------------- adding */

static void put_hash(struct str hex, struct record *r)
{
    r->ha1_len = (uint8_t)(hex.n / 2);
    for (size_t i = 0; i < r->ha1_len; i++)
        r->ha1[i] = (uint8_t)(ascii_hex(hex.p[2 * i]) << 4 | ascii_hex(hex.p[2 * i + 1]));
}

/* NULL; what is wrong; *err: ERR_NOMEM. */
static const char *add(struct credentials *c, const struct htdigest *h, int *err)
{
    unsigned set;
    uint8_t kind = (uint8_t)(h->algorithm + 1);
    struct name name = name_of(c, h->user, h->realm);
    struct realm *realm = realm_get(c, h->realm);
    if (!realm) {
        *err = ERR_NOMEM;
        return NULL;
    }
    struct record *r = look_up(c, name, kind, &set);
    if (r->kind)
        return "the user has a line for this algorithm already, expected one";
    if (c->n + 1 == c->n_places)
        return "the file has grown while it was read";
    *r = (struct record){.tag = name.tag, .more_tag = name.more_tag, .kind = kind};
    put_hash(h->ha1, r);
    c->n++;
    realm->users[set] -= set != 0;
    realm->users[set | 1U << h->algorithm]++;
    return NULL;
}

/* ---------------------------------------------------------------- reading */

struct reading {
    struct findings *f;
    const struct credentials_place *place;
    struct credentials *c;
    struct lines lines;
};

static int say(const struct reading *r, const char *fault)
{
    finding_error(r->f, r->place->line, "domain \"%.80s\" credentials: %.300s:%llu: %s",
                  r->place->domain, r->c->path, (unsigned long long)r->lines.number, fault);
    return ERR_BADCONF;
}

static int say_file(const struct reading *r, const char *fault)
{
    finding_error(r->f, r->place->line,
                  "domain \"%.80s\" credentials: \"%.200s\": %s, expected a file of lines "
                  "user:realm:hash",
                  r->place->domain, r->c->path, fault);
    return ERR_BADCONF;
}

/* Every line may be a user's. */
static int count_lines(struct reading *r, int fd, size_t *n)
{
    struct str line;
    int got;
    lines_init(&r->lines, fd);
    while ((got = lines_next(&r->lines, &line)) == 1)
        ;
    *n = (size_t)r->lines.number;
    return got < 0 || lseek(fd, 0, SEEK_SET) != 0 ? say_file(r, strerror(errno)) : 0;
}

static int read_line(struct reading *r, struct str line)
{
    struct htdigest h;
    int err = 0;
    const char *fault = r->lines.is_too_long ? "the line is too long" : htdigest_parse(line, &h);
    if (!fault && !str_is_none(h.user))
        fault = add(r->c, &h, &err);
    return fault ? say(r, fault) : err;
}

static int read_lines(struct reading *r, int fd)
{
    struct str line;
    int got, err = 0;
    lines_init(&r->lines, fd);
    while (!err && (got = lines_next(&r->lines, &line)) != 0)
        err = got < 0 ? say_file(r, strerror(errno)) : read_line(r, line);
    lines_fini(&r->lines);
    return err;
}

/* A third more places than lines, so that they are found with few steps. */
/* gcc 12 loses sight of what the table keeps. */
#pragma GCC diagnostic push
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif
static int make_table(struct credentials *c, size_t n_lines)
{
    size_t n = n_lines + n_lines / 3 + 2;
    struct record *records = calloc(n, sizeof *records);
    if (!records)
        return ERR_NOMEM;
    c->n_places = n;
    c->records = records;
    return 0;
}
#pragma GCC diagnostic pop

static int read_file(struct reading *r)
{
    char why[SECRET_WHY];
    int fd;
    size_t n_lines;
    if (secret_open(r->c->path, &fd, why))
        return say_file(r, why);
    int err = count_lines(r, fd, &n_lines);
    if (!err)
        err = make_table(r->c, n_lines);
    if (!err)
        err = read_lines(r, fd);
    (void)close(fd);
    return err;
}

static struct credentials *allocate(const char *path)
{
    struct credentials *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->key = hash_key_new();
    c->more_key = hash_key_new();
    hmap_init(&c->realms);
    arena_init(&c->arena, REALMS_LIMIT);
    c->path = strdup(path);
    return c;
}

int credentials_load(struct findings *f, const struct credentials_place *place, const char *path,
                     struct credentials **out)
{
    struct reading *r = calloc(1, sizeof *r);
    struct credentials *c = r ? allocate(path) : NULL;
    int err = ERR_NOMEM;
    if (c && c->path) {
        r->f = f;
        r->place = place;
        r->c = c;
        err = read_file(r);
    }
    free(r);
    if (err)
        credentials_free(c);
    else
        *out = c;
    return err;
}

void credentials_free(struct credentials *c)
{
    if (!c)
        return;
    if (c->records)
        explicit_bzero(c->records, c->n_places * sizeof *c->records);
    free(c->records);
    hmap_fini(&c->realms);
    arena_fini(&c->arena);
    free(c->path);
    free(c);
}

/* ---------------------------------------------------------------- asking */

const char *credentials_path(const struct credentials *c)
{
    return c->path;
}

size_t credentials_size(const struct credentials *c)
{
    return c->n;
}

bool credentials_find(const struct credentials *c, struct str user, struct str realm,
                      enum digest_algorithm algorithm, struct credentials_ha1 *out)
{
    unsigned set;
    const struct record *r = look_up(c, name_of(c, user, realm), (uint8_t)(algorithm + 1), &set);
    if (!r->kind)
        return false;
    out->n = r->ha1_len;
    memcpy(out->bytes, r->ha1, sizeof out->bytes);
    return true;
}

unsigned credentials_set(const struct credentials *c, struct str user, struct str realm)
{
    unsigned set;
    (void)look_up(c, name_of(c, user, realm), 0, &set);
    return set;
}

unsigned credentials_draw(const struct credentials *c, struct str realm, uint64_t draw)
{
    uint64_t ignored, n = credentials_count(c, realm, 0, &ignored);
    const struct realm *r = realm_find(c, realm);
    unsigned set = N_SETS - 1;
    if (n == 0)
        return set;
    draw %= n;
    for (set = 1; set < N_SETS - 1 && draw >= r->users[set]; set++)
        draw -= r->users[set];
    return set;
}

unsigned credentials_common(const struct credentials *c, struct str realm)
{
    const struct realm *r = realm_find(c, realm);
    unsigned common = N_SETS - 1;
    for (unsigned set = 1; r && set < N_SETS; set++)
        common &= r->users[set] ? set : common;
    return common;
}

uint64_t credentials_count(const struct credentials *c, struct str realm, unsigned algorithms,
                           uint64_t *without)
{
    const struct realm *r = realm_find(c, realm);
    uint64_t n = 0;
    *without = 0;
    for (unsigned set = 1; r && set < N_SETS; set++) {
        n += r->users[set];
        *without += (set & algorithms) ? 0 : r->users[set];
    }
    return n;
}
