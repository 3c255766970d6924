#include "store/notes.h"

#include "base/buf.h"

enum { NOTE_LEN = 8, NAME_LEN = 32, BYTE_BITS = 8 };

static const struct str generation_name = {"generation", sizeof "generation" - 1};
static const struct str led_name = {"led", sizeof "led" - 1};
static const struct str whole_name = {"whole", sizeof "whole" - 1};
static const struct str alone_name = {"alone", sizeof "alone" - 1};

void notes_put(struct lmdb_txn *t, struct str name, uint64_t v)
{
    char bytes[NOTE_LEN];
    for (size_t i = NOTE_LEN; i-- > 0; v >>= BYTE_BITS)
        bytes[i] = (char)v;
    records_put_note(t, name, (struct str){bytes, NOTE_LEN});
}

uint64_t notes_get(struct lmdb_txn *t, struct str name)
{
    uint64_t v = 0;
    struct str s = records_note(t, name);
    for (size_t i = 0; i < s.n && s.n == NOTE_LEN; i++)
        v = v << BYTE_BITS | (uint8_t)s.p[i];
    return v;
}

static struct str position_name(int origin, char out[NAME_LEN])
{
    struct buf b = buf_over(out, NAME_LEN);
    buf_add(&b, STR("position "));
    buf_add_u64(&b, (uint64_t)origin);
    return buf_str(&b);
}

void notes_put_position(struct lmdb_txn *t, int origin, uint64_t n)
{
    char name[NAME_LEN];
    notes_put(t, position_name(origin, name), n);
}

uint64_t notes_position(struct lmdb_txn *t, int origin)
{
    char name[NAME_LEN];
    return notes_get(t, position_name(origin, name));
}

void notes_put_generation(struct lmdb_txn *t, uint64_t generation)
{
    notes_put(t, generation_name, generation);
}

uint64_t notes_generation(struct lmdb_txn *t)
{
    return notes_get(t, generation_name);
}

void notes_lead(struct lmdb_txn *t, uint64_t generation, uint64_t own_epoch)
{
    notes_put_generation(t, generation);
    notes_put(t, led_name, own_epoch);
    notes_put(t, alone_name, 0);
}

void notes_put_whole(struct lmdb_txn *t)
{
    notes_put(t, whole_name, 1);
}

bool notes_is_whole(struct lmdb_txn *t)
{
    return notes_get(t, whole_name) != 0;
}

void notes_alone(struct lmdb_txn *t)
{
    notes_put(t, alone_name, 1);
}

bool notes_was_alone(struct lmdb_txn *t)
{
    return notes_get(t, alone_name) != 0;
}

uint64_t notes_led(struct lmdb_txn *t)
{
    return notes_get(t, led_name);
}
