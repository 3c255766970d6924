#include "service/mark.h"

#include "base/buf.h"
#include "base/sys.h"

/* z9hG4bKbw WW . 16 digits . 16 digits */
#define COOKIE "z9hG4bKbw"
enum { TAG_PART_MAX = 96, TAG_TEXT_MAX = 4 * TAG_PART_MAX };
enum { AT_WORKER = sizeof COOKIE - 1, AT_DOT = AT_WORKER + 2, AT_DOT2 = AT_DOT + 17 };

void mark_init(struct mark_maker *m, unsigned worker)
{
    m->worker = worker;
    m->key = hash_key_new();
    m->tag_key = hash_key_new();
    sys_random(&m->serial, sizeof m->serial);
}

struct str mark_branch(struct mark_maker *m, uint64_t loop_mark, char out[MARK_BRANCH_LEN])
{
    const uint8_t worker = (uint8_t)m->worker;
    uint64_t unique = hash_bytes(&m->key, &m->serial, sizeof m->serial);
    m->serial++;
    struct buf b = buf_over(out, MARK_BRANCH_LEN);
    buf_add(&b, STR(COOKIE));
    buf_add_hex(&b, &worker, sizeof worker);
    buf_add_char(&b, '.');
    buf_add_hex(&b, &unique, sizeof unique);
    buf_add_char(&b, '.');
    buf_add_hex(&b, &loop_mark, sizeof loop_mark);
    return buf_str(&b);
}

static bool read_hex(struct str s, void *out, size_t n)
{
    uint8_t *bytes = out;
    for (size_t i = 0; i < n; i++) {
        int high = ascii_hex(s.p[2 * i]), low = ascii_hex(s.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool mark_branch_parse(struct str branch, unsigned *worker, uint64_t *loop_mark)
{
    uint8_t w;
    if (branch.n != MARK_BRANCH_LEN || !str_has_iprefix(branch, STR(COOKIE)) ||
        branch.p[AT_DOT] != '.' || branch.p[AT_DOT2] != '.' ||
        !read_hex(str_skip(branch, AT_WORKER), &w, sizeof w) ||
        !read_hex(str_skip(branch, AT_DOT2 + 1), loop_mark, sizeof *loop_mark))
        return false;
    *worker = w;
    return true;
}

static struct str print_tag(uint64_t tag, char out[MARK_TAG_LEN])
{
    struct buf b = buf_over(out, MARK_TAG_LEN);
    buf_add_hex(&b, &tag, sizeof tag);
    return buf_str(&b);
}

struct str mark_tag(const struct mark_maker *m, const struct msg *request, char out[MARK_TAG_LEN])
{
    const struct hash_key *key = &m->tag_key;
    const struct str parts[] = {request->call_id, request->from_tag, request->via.branch};
    const uint64_t numbers[] = {request->cseq, request->call_id.n, request->from_tag.n};
    char text[TAG_TEXT_MAX];
    struct buf b = buf_over(text, sizeof text);
    for (size_t i = 0; i < 3; i++) {
        const uint64_t is_long = parts[i].n > TAG_PART_MAX ? hash_str(key, parts[i]) : 0;
        buf_add(&b, is_long ? (struct str){(const char *)&is_long, sizeof is_long} : parts[i]);
    }
    buf_add(&b, (struct str){(const char *)numbers, sizeof numbers});
    return print_tag(hash_str(key, buf_str(&b)), out);
}

struct str mark_tag_of_hash(uint64_t hash, char out[MARK_TAG_LEN])
{
    return print_tag(hash, out);
}

struct str mark_tag_of_bytes(const struct mark_maker *m, struct str request, char out[MARK_TAG_LEN])
{
    return print_tag(hash_str(&m->tag_key, request), out);
}
