#include "admin/keysjson.h"

#include <openssl/crypto.h>
#include <string.h>

#include "base/buf.h"

enum { NAME_BYTES = 8, HEX_MAX = 2 * TOKEN_KEY_LEN };

/* ---------------------------------------------------------------- hexadecimal */

static json_t *hex_json(const uint8_t *bytes, size_t n)
{
    char text[HEX_MAX];
    struct buf b = buf_over(text, sizeof text);
    buf_add_hex(&b, bytes, n);
    json_t *json = json_stringn(text, b.len);
    OPENSSL_cleanse(text, sizeof text);
    return json;
}

static bool read_hex(const json_t *json, uint8_t *out, size_t n)
{
    const char *text = json_string_value(json);
    if (!text || json_string_length(json) != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        int high = ascii_hex(text[2 * i]), low = ascii_hex(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool keysjson_name(const struct token_key *key, char out[KEYSJSON_NAME])
{
    const struct str purpose = STR("name of the key in an export");
    uint8_t mac[TOKEN_MAC_LEN];
    struct buf b = buf_over(out, KEYSJSON_NAME - 1);
    if (!token_mac(key, &purpose, 1, mac))
        return false;
    buf_add_hex(&b, mac, NAME_BYTES);
    out[b.len] = '\0';
    return true;
}

/* ---------------------------------------------------------------- keys */

static json_t *ticket_json(const struct ticket_key *t, int64_t wall_ahead_s)
{
    return json_pack("{s:I,s:o,s:o,s:o}", "made_at", (json_int_t)t->made_at_s + wall_ahead_s,
                     "name", hex_json(t->name, sizeof t->name), "cipher",
                     hex_json(t->cipher, sizeof t->cipher), "mac", hex_json(t->mac, sizeof t->mac));
}

json_t *keysjson_of(const struct keysjson *k, int64_t wall_ahead_s)
{
    json_t *tickets = json_array();
    bool is_whole = tickets;
    for (size_t i = 0; is_whole && i < k->n_tickets; i++)
        is_whole = json_array_append_new(tickets, ticket_json(&k->tickets[i], wall_ahead_s)) == 0;
    json_t *json =
        is_whole
            ? json_pack("{s:o,s:o,s:O}", "token", hex_json(k->ring.token.bytes, TOKEN_KEY_LEN),
                        "nonce", hex_json(k->ring.nonce.bytes, TOKEN_KEY_LEN), "tickets", tickets)
            : NULL;
    json_decref(tickets);
    return json;
}

static bool read_ticket(const json_t *json, int64_t wall_ahead_s, struct ticket_key *out)
{
    const json_t *made = json_object_get(json, "made_at");
    json_int_t made_at_s = json_integer_value(made) - wall_ahead_s;
    out->made_at_s = made_at_s > 0 ? (uint64_t)made_at_s : 0;
    return json_is_integer(made) && json_integer_value(made) > 0 &&
           read_hex(json_object_get(json, "name"), out->name, sizeof out->name) &&
           read_hex(json_object_get(json, "cipher"), out->cipher, sizeof out->cipher) &&
           read_hex(json_object_get(json, "mac"), out->mac, sizeof out->mac);
}

bool keysjson_parse(const json_t *json, int64_t wall_ahead_s, struct keysjson *out)
{
    const json_t *tickets = json_object_get(json, "tickets");
    *out = (struct keysjson){.n_tickets = json_array_size(tickets)};
    bool is_right =
        json_is_array(tickets) && out->n_tickets >= 1 && out->n_tickets <= TICKET_KEYS_MAX &&
        read_hex(json_object_get(json, "token"), out->ring.token.bytes, TOKEN_KEY_LEN) &&
        read_hex(json_object_get(json, "nonce"), out->ring.nonce.bytes, TOKEN_KEY_LEN);
    for (size_t i = 0; is_right && i < out->n_tickets; i++)
        is_right = read_ticket(json_array_get(tickets, i), wall_ahead_s, &out->tickets[i]);
    return is_right;
}

bool keysjson_is_same(const struct keysjson *a, const struct keysjson *b)
{
    return CRYPTO_memcmp(a->ring.token.bytes, b->ring.token.bytes, TOKEN_KEY_LEN) == 0 &&
           CRYPTO_memcmp(a->ring.nonce.bytes, b->ring.nonce.bytes, TOKEN_KEY_LEN) == 0;
}
