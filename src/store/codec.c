#include "store/codec.h"

#include <endian.h>
#include <stddef.h>
#include <string.h>

#include "base/err.h"
#include "net/flow.h"

enum { VERSION = 1 };

/* Of a record. */
enum { TAG_AOR = 1, TAG_REVISION = 2, TAG_BINDING = 3, TAG_UPREG = 4 };

/* A length of fields is written before they are known: always four bytes. */
enum { LENGTH_MAX = 4, LENGTH_LIMIT = 1 << 28 };

enum { FAMILY_LEN = 16 };

enum kind {
    KIND_U8,
    KIND_U32,
    KIND_U64,
    KIND_ENUM,
    KIND_INT, /* -1: none */
    KIND_STR,
    KIND_ADDR,
    KIND_FAMILY,
    KIND_LISTENER /* an index in memory, a name in the bytes */
};

struct field {
    uint8_t tag;
    uint8_t kind;
    uint16_t offset;
};

#define BINDING(tag, kind, member)                                                                 \
    {                                                                                              \
        tag, kind, offsetof(struct binding, member)                                                \
    }
#define UPREG(tag, kind, member)                                                                   \
    {                                                                                              \
        tag, kind, offsetof(struct upreg, member)                                                  \
    }

static const struct field binding_fields[] = {
    BINDING(1, KIND_U64, id),
    BINDING(2, KIND_STR, contact),
    BINDING(3, KIND_STR, params),
    BINDING(4, KIND_STR, instance),
    BINDING(5, KIND_U32, reg_id),
    BINDING(6, KIND_INT, q),
    BINDING(7, KIND_STR, call_id),
    BINDING(8, KIND_U32, cseq),
    BINDING(9, KIND_STR, path),
    BINDING(10, KIND_STR, user_agent),
    BINDING(11, KIND_ADDR, way.peer),
    BINDING(12, KIND_ADDR, way.local),
    BINDING(13, KIND_U64, way.flow_id),
    BINDING(14, KIND_U8, way.transport),
    BINDING(15, KIND_LISTENER, way.listener),
    BINDING(16, KIND_ENUM, proof.kind),
    BINDING(17, KIND_U64, proof.at_s),
    BINDING(18, KIND_U32, granted_s),
    BINDING(19, KIND_U64, expires_at_s),
    BINDING(20, KIND_U64, created_at_s),
    BINDING(21, KIND_U32, lease.slot),
    BINDING(22, KIND_U32, lease.generation),
    BINDING(23, KIND_U64, upreg_id),
    BINDING(24, KIND_U32, methods),
    BINDING(25, KIND_FAMILY, proof.family),
};

static const struct field upreg_fields[] = {
    UPREG(1, KIND_U64, id),
    UPREG(2, KIND_ENUM, state),
    UPREG(3, KIND_STR, contact),
    UPREG(4, KIND_STR, call_id),
    UPREG(5, KIND_U32, cseq),
    UPREG(6, KIND_U32, granted_s),
    UPREG(7, KIND_U64, dead_at_s),
    UPREG(8, KIND_STR, service_route),
    UPREG(9, KIND_STR, associated),
    UPREG(10, KIND_U64, form),
    UPREG(11, KIND_U8, is_fixed),
    UPREG(12, KIND_U8, is_bulk),
    UPREG(13, KIND_STR, pub_gruu),
    UPREG(14, KIND_STR, temp_gruu),
    UPREG(15, KIND_U8, has_instance),
    UPREG(16, KIND_ADDR, server.addr),
    UPREG(17, KIND_U8, server.transport),
};

enum {
    N_BINDING_FIELDS = sizeof binding_fields / sizeof binding_fields[0],
    N_UPREG_FIELDS = sizeof upreg_fields / sizeof upreg_fields[0]
};

/* ---- writing */

static void put_length(struct buf *b, size_t n)
{
    for (; n >= 0x80; n >>= 7)
        buf_add_char(b, (char)(0x80 | (n & 0x7f)));
    buf_add_char(b, (char)n);
}

static void put_bytes(struct buf *b, uint8_t tag, struct str s)
{
    if (s.n >= LENGTH_LIMIT) {
        b->has_overflown = true;
        return;
    }
    buf_add_char(b, (char)tag);
    put_length(b, s.n);
    buf_add(b, s);
}

static void put_number(struct buf *b, uint8_t tag, uint64_t v)
{
    char bytes[8];
    size_t n = 0;
    for (; v; v >>= 8)
        bytes[n++] = (char)(v & 0xff);
    if (n)
        put_bytes(b, tag, (struct str){bytes, n});
}

static size_t ip_len(const struct addr *a)
{
    return a->family == 6 ? 16 : 4;
}

static void put_addr(struct buf *b, uint8_t tag, const struct addr *a)
{
    if (!a->family)
        return;
    char bytes[1 + 2 + 16 + 4];
    bytes[0] = (char)a->family;
    bytes[1] = (char)(a->port >> 8);
    bytes[2] = (char)(a->port & 0xff);
    size_t n = 3 + ip_len(a);
    memcpy(bytes + 3, a->ip, n - 3);
    for (int shift = 0; a->scope_id && shift < 32; shift += 8)
        bytes[n++] = (char)(a->scope_id >> shift);
    put_bytes(b, tag, (struct str){bytes, n});
}

static void put_family(struct buf *b, uint8_t tag, const struct family *f)
{
    char bytes[FAMILY_LEN];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)((i < 8 ? f->a : f->b) >> (8 * (i % 8)));
    if (!family_is_none(f))
        put_bytes(b, tag, (struct str){bytes, sizeof bytes});
}

static void put_listener(struct buf *b, uint8_t tag, uint8_t index, const struct codec_names *names)
{
    if (index < names->n_listeners)
        put_bytes(b, tag, str_of(names->listeners[index]));
}

static void put_field(struct buf *b, const struct field *f, const void *base,
                      const struct codec_names *names)
{
    const void *at = (const char *)base + f->offset;
    switch ((enum kind)f->kind) {
    case KIND_U8:
        put_number(b, f->tag, *(const uint8_t *)at);
        break;
    case KIND_U32:
    case KIND_ENUM:
        put_number(b, f->tag, *(const uint32_t *)at);
        break;
    case KIND_U64:
        put_number(b, f->tag, *(const uint64_t *)at);
        break;
    case KIND_INT:
        put_number(b, f->tag, (uint64_t) * (const int *)at + 1);
        break;
    case KIND_STR:
        if (!str_is_none(*(const struct str *)at))
            put_bytes(b, f->tag, *(const struct str *)at);
        break;
    case KIND_ADDR:
        put_addr(b, f->tag, at);
        break;
    case KIND_FAMILY:
        put_family(b, f->tag, at);
        break;
    case KIND_LISTENER:
        put_listener(b, f->tag, *(const uint8_t *)at, names);
        break;
    }
}

/* What is being written: a list of fields, of a struct. */
struct group {
    uint8_t tag;
    const struct field *fields;
    size_t n_fields;
};

static const struct group binding_group = {TAG_BINDING, binding_fields, N_BINDING_FIELDS};
static const struct group upreg_group = {TAG_UPREG, upreg_fields, N_UPREG_FIELDS};

static void put_group(struct buf *b, const struct group *g, const void *base,
                      const struct codec_names *names)
{
    static const char no_length[LENGTH_MAX] = {0};
    buf_add_char(b, (char)g->tag);
    size_t at = b->len;
    buf_add(b, (struct str){no_length, LENGTH_MAX});
    for (size_t i = 0; i < g->n_fields; i++)
        put_field(b, &g->fields[i], base, names);
    if (b->has_overflown)
        return;
    size_t n = b->len - at - LENGTH_MAX;
    for (int i = 0; i < LENGTH_MAX; i++)
        b->p[at + (size_t)i] = (char)((n >> (7 * i) & 0x7f) | (i < LENGTH_MAX - 1 ? 0x80 : 0));
}

void codec_encode(const struct aor_record *r, const struct codec_names *names, struct buf *out)
{
    buf_add_char(out, VERSION);
    put_bytes(out, TAG_AOR, r->aor);
    put_number(out, TAG_REVISION, r->revision);
    for (size_t i = 0; i < r->n_bindings; i++)
        put_group(out, &binding_group, &r->bindings[i], names);
    for (size_t i = 0; i < r->n_upregs; i++)
        put_group(out, &upreg_group, &r->upregs[i], names);
}

/* No field but a slice takes more than its struct member, a tag and a length. */
static size_t group_bound(const struct group *g, size_t size, const void *base)
{
    size_t n = 1 + LENGTH_MAX + size + g->n_fields * (1 + LENGTH_MAX);
    for (size_t i = 0; i < g->n_fields; i++)
        if (g->fields[i].kind == KIND_STR)
            n += ((const struct str *)(const void *)((const char *)base + g->fields[i].offset))->n;
    return n;
}

size_t codec_bound(const struct aor_record *r, const struct codec_names *names)
{
    size_t longest = 0;
    for (size_t i = 0; i < names->n_listeners; i++) {
        size_t n = strlen(names->listeners[i]);
        longest = n > longest ? n : longest;
    }
    size_t n = 64 + r->aor.n;
    for (size_t i = 0; i < r->n_bindings; i++)
        n += longest + group_bound(&binding_group, sizeof *r->bindings, &r->bindings[i]);
    for (size_t i = 0; i < r->n_upregs; i++)
        n += group_bound(&upreg_group, sizeof *r->upregs, &r->upregs[i]);
    return n;
}

/* ---- reading; a damaged byte makes has_failed stick */

struct reader {
    const char *p, *end;
    bool has_failed;
};

static inline uint8_t get_byte(struct reader *r)
{
    if (r->p == r->end) {
        r->has_failed = true;
        return 0;
    }
    return (uint8_t)*r->p++;
}

static inline size_t get_length(struct reader *r)
{
    size_t n = 0;
    for (int i = 0; i < LENGTH_MAX; i++) {
        uint8_t byte = get_byte(r);
        n |= (size_t)(byte & 0x7f) << (7 * i);
        if (!(byte & 0x80))
            return n;
    }
    r->has_failed = true;
    return 0;
}

/* False at the end, and at damage. */
static inline bool get_field(struct reader *r, uint8_t *tag, struct str *value)
{
    if (r->has_failed || r->p == r->end)
        return false;
    const char *p = r->p;
    const size_t left = (size_t)(r->end - p), len = left >= 2 ? (uint8_t)p[1] : 0x80;
    if (len < 0x80 && len + 2 <= left) { /* nearly always: a length of one byte */
        *tag = (uint8_t)p[0];
        *value = (struct str){p + 2, len};
        r->p = p + 2 + len;
        return true;
    }
    *tag = get_byte(r);
    size_t n = get_length(r);
    if (r->has_failed || n > (size_t)(r->end - r->p)) {
        r->has_failed = true;
        return false;
    }
    *value = (struct str){r->p, n};
    r->p += n;
    return true;
}

static inline uint64_t load(const char *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)(uint8_t)p[i] << (8 * i);
    return v;
}

/* value is of the reader's bytes: those behind it may be read, too. */
static inline uint64_t to_number(struct reader *r, struct str value, uint64_t max)
{
    uint64_t v;
    if (value.n > 8) {
        r->has_failed = true;
        return 0;
    }
    if (r->end - value.p >= 8) {
        memcpy(&v, value.p, sizeof v);
        v = value.n ? le64toh(v) << (64 - 8 * value.n) >> (64 - 8 * value.n) : 0;
    } else {
        v = load(value.p, value.n);
    }
    if (v > max)
        r->has_failed = true;
    return v;
}

static void to_addr(struct reader *r, struct str value, struct addr *out)
{
    struct addr a = {.family = value.n ? (uint8_t)value.p[0] : 0};
    size_t n = 3 + ip_len(&a);
    if ((a.family != 4 && a.family != 6) || (value.n != n && value.n != n + 4)) {
        r->has_failed = true;
        return;
    }
    const uint8_t *bytes = (const uint8_t *)value.p;
    a.port = (uint16_t)(bytes[1] << 8 | bytes[2]);
    memcpy(a.ip, bytes + 3, n - 3);
    for (size_t i = n; i < value.n; i++)
        a.scope_id |= (uint32_t)bytes[i] << (8 * (i - n));
    *out = a;
}

static void to_family(struct reader *r, struct str value, struct family *out)
{
    if (value.n != FAMILY_LEN) {
        r->has_failed = true;
        return;
    }
    *out = (struct family){to_number(r, (struct str){value.p, 8}, UINT64_MAX),
                           to_number(r, str_skip(value, 8), UINT64_MAX)};
}

static uint8_t to_listener(struct str name, const struct codec_names *names)
{
    for (size_t i = 0; i < names->n_listeners && i < CODEC_NO_LISTENER; i++)
        if (str_eq(name, str_of(names->listeners[i])))
            return (uint8_t)i;
    return CODEC_NO_LISTENER;
}

static inline void set_field(struct reader *r, const struct field *f, struct str value, void *base,
                             const struct codec_names *names)
{
    void *at = (char *)base + f->offset;
    switch ((enum kind)f->kind) {
    case KIND_U8:
        *(uint8_t *)at = (uint8_t)to_number(r, value, UINT8_MAX);
        break;
    case KIND_U32:
    case KIND_ENUM:
        *(uint32_t *)at = (uint32_t)to_number(r, value, UINT32_MAX);
        break;
    case KIND_U64:
        *(uint64_t *)at = to_number(r, value, UINT64_MAX);
        break;
    case KIND_INT:
        *(int *)at = (int)to_number(r, value, INT32_MAX) - 1;
        break;
    case KIND_STR:
        *(struct str *)at = value;
        break;
    case KIND_ADDR:
        to_addr(r, value, at);
        break;
    case KIND_FAMILY:
        to_family(r, value, at);
        break;
    case KIND_LISTENER:
        *(uint8_t *)at = to_listener(value, names);
        break;
    }
}

/* Tags are 1, 2, 3, … without a gap. False: damaged. */
static bool get_group(struct str bytes, const struct group *g, void *base,
                      const struct codec_names *names)
{
    struct reader r = {bytes.p, str_end(bytes), false};
    uint8_t tag;
    struct str value;
    while (get_field(&r, &tag, &value)) {
        if (!tag || tag > g->n_fields)
            continue;
        const struct field *f = &g->fields[tag - 1];
        if (f->kind == KIND_STR)
            *(struct str *)(void *)((char *)base + f->offset) = value;
        else
            set_field(&r, f, value, base, names);
    }
    return !r.has_failed;
}

/* What a newer version may know and this one does not: the careful reading. */
static bool get_binding(struct str bytes, const struct codec_names *names, struct binding *b)
{
    *b = (struct binding){.q = -1, .way.listener = CODEC_NO_LISTENER};
    if (!get_group(bytes, &binding_group, b, names))
        return false;
    if (b->way.transport >= FLOW_TRANSPORT_MAX)
        b->way = (struct way){.listener = CODEC_NO_LISTENER};
    if (b->proof.kind > PROOF_DIGEST)
        b->proof.kind = PROOF_NONE;
    return true;
}

static bool get_upreg(struct str bytes, const struct codec_names *names, struct upreg *u)
{
    *u = (struct upreg){.state = UPREG_LIVE};
    if (!get_group(bytes, &upreg_group, u, names))
        return false;
    if (u->state > UPREG_ENDED)
        u->state = UPREG_LIVE;
    if (u->server.transport >= FLOW_TRANSPORT_MAX)
        u->server = (struct server_at){.transport = 0};
    return true;
}

/* How many there are of each, so that the arrays can be made; false: damaged. */
static bool count_groups(struct str fields, size_t *n_bindings, size_t *n_upregs)
{
    struct reader r = {fields.p, str_end(fields), false};
    uint8_t tag;
    struct str value;
    *n_bindings = *n_upregs = 0;
    while (get_field(&r, &tag, &value)) {
        *n_bindings += tag == TAG_BINDING;
        *n_upregs += tag == TAG_UPREG;
    }
    return !r.has_failed && *n_bindings <= RECORD_BINDINGS_MAX && *n_upregs <= RECORD_UPREGS_MAX;
}

static bool fill_record(struct str fields, const struct codec_names *names, struct aor_record *rec)
{
    struct reader r = {fields.p, str_end(fields), false};
    uint8_t tag;
    struct str value;
    while (get_field(&r, &tag, &value)) {
        if (tag == TAG_AOR)
            rec->aor = value;
        else if (tag == TAG_REVISION)
            rec->revision = to_number(&r, value, UINT64_MAX);
        else if (tag == TAG_BINDING)
            r.has_failed |= !get_binding(value, names, &rec->bindings[rec->n_bindings++]);
        else if (tag == TAG_UPREG)
            r.has_failed |= !get_upreg(value, names, &rec->upregs[rec->n_upregs++]);
    }
    return !r.has_failed && rec->aor.n;
}

int codec_decode(struct arena *a, struct str bytes, const struct codec_names *names,
                 struct aor_record **out)
{
    if (!bytes.n)
        return ERR_PARSE;
    if ((uint8_t)bytes.p[0] > VERSION)
        return ERR_TOOBIG;
    struct str fields = str_skip(bytes, 1);
    size_t n_bindings, n_upregs;
    if (bytes.p[0] != VERSION || !count_groups(fields, &n_bindings, &n_upregs))
        return ERR_PARSE;
    struct aor_record *rec = arena_calloc(a, 1, sizeof *rec);
    if (!rec)
        return ERR_NOMEM;
    rec->bindings = arena_alloc(a, n_bindings * sizeof *rec->bindings);
    rec->upregs = arena_alloc(a, n_upregs * sizeof *rec->upregs);
    if (!rec->bindings || !rec->upregs)
        return ERR_NOMEM;
    if (!fill_record(fields, names, rec))
        return ERR_PARSE;
    *out = rec;
    return 0;
}
