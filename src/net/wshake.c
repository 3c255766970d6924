#include "net/wshake.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdbool.h>

#include "sip/line.h"

/* RFC 6455 4.2.2: what a client hashes its key with. */
#define KEY_SUFFIX "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

enum {
    KEY_LEN = 24,     /* 16 bytes in base64 */
    ACCEPT_TEXT = 32, /* 20 bytes in base64, and EVP_EncodeBlock's NUL */
    OPEN = 101,
    BAD_REQUEST = 400,
    FORBIDDEN = 403,
    BAD_METHOD = 405,
    UPGRADE_REQUIRED = 426,
    TOO_LARGE = 431,
    BAD_VERSION = 505
};

/* What a request says. A field that must not come twice is counted. */
struct request {
    struct str key, version, origin;
    unsigned n_hosts, n_keys, n_versions, n_origins;
    bool has_upgrade, has_connection; /* with the words that are asked for */
    bool has_sip;                     /* among its subprotocols */
    bool has_body;
    bool is_old; /* HTTP/1.0, where an Upgrade means nothing (RFC 9110 7.8) */
};

size_t wshake_find_end(struct str in, size_t n_seen)
{
    /* an end may have begun in what has been seen */
    for (size_t i = n_seen > 3 ? n_seen - 3 : 0; i < in.n; i++) {
        const char *lf = memchr(in.p + i, '\n', in.n - i);
        if (!lf)
            return 0;
        i = (size_t)(lf - in.p);
        size_t blank = line_blank_len(str_skip(in, i + 1));
        if (blank)
            return i + 1 + blank;
    }
    return 0;
}

/* ---------------------------------------------------------------- the start line */

static bool is_token_char(char c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c) || str_find(STR("!#$%&'*+-.^_`|~"), c);
}

static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_token_char(s.p[i]))
            return false;
    return s.n > 0;
}

static bool take_word(struct str *rest, struct str *word)
{
    const char *blank = str_find(*rest, ' ');
    if (!blank)
        return false;
    *word = str_span(rest->p, blank);
    *rest = str_span(blank + 1, str_end(*rest));
    return true;
}

static bool is_target(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] >= 0x7f)
            return false;
    return s.n && (s.p[0] == '/' || str_has_iprefix(s, STR("http://")) ||
                   str_has_iprefix(s, STR("https://")) || str_has_iprefix(s, STR("ws://")) ||
                   str_has_iprefix(s, STR("wss://")));
}

/* Any path leads here. 0, or the status of the refusal. */
static unsigned judge_start(struct str line, struct request *r)
{
    struct str method, target, version = line;
    if (!take_word(&version, &method) || !take_word(&version, &target) || !is_token(method))
        return BAD_REQUEST;
    if (version.n != 8 || !str_has_prefix(version, STR("HTTP/")) || !ascii_is_digit(version.p[5]) ||
        version.p[6] != '.' || !ascii_is_digit(version.p[7]))
        return BAD_REQUEST;
    if (version.p[5] != '1')
        return BAD_VERSION;
    r->is_old = version.p[7] == '0';
    if (!str_eq(method, STR("GET")))
        return BAD_METHOD;
    return is_target(target) ? 0 : BAD_REQUEST;
}

/* ---------------------------------------------------------------- header fields */

/* Takes the next element off the front of a list without quotes (RFC 9110 5.6.1). */
static bool take_element(struct str *rest, struct str *element)
{
    while (rest->n) {
        const char *comma = str_find(*rest, ',');
        *element = str_trim(comma ? str_span(rest->p, comma) : *rest);
        *rest = comma ? str_span(comma + 1, str_end(*rest)) : STR("");
        if (element->n)
            return true;
    }
    return false;
}

static bool has_element(struct str list, struct str word)
{
    struct str element;
    while (take_element(&list, &element))
        if (str_ieq(element, word))
            return true;
    return false;
}

static bool is_clean(struct str value)
{
    for (size_t i = 0; i < value.n; i++)
        if (((unsigned char)value.p[i] < ' ' && value.p[i] != '\t') || value.p[i] == 0x7f)
            return false;
    return true;
}

static void read_field(struct request *r, const struct msg_line *l)
{
    if (str_ieq(l->name, STR("Host")))
        r->n_hosts += l->value.n ? 1 : 2; /* an empty one is as bad as two */
    else if (str_ieq(l->name, STR("Upgrade")))
        r->has_upgrade |= has_element(l->value, STR("websocket"));
    else if (str_ieq(l->name, STR("Connection")))
        r->has_connection |= has_element(l->value, STR("upgrade"));
    else if (str_ieq(l->name, STR("Sec-WebSocket-Protocol")))
        r->has_sip |= has_element(l->value, STR("sip"));
    else if (str_ieq(l->name, STR("Sec-WebSocket-Key")) && ++r->n_keys)
        r->key = l->value;
    else if (str_ieq(l->name, STR("Sec-WebSocket-Version")) && ++r->n_versions)
        r->version = l->value;
    else if (str_ieq(l->name, STR("Origin")) && ++r->n_origins)
        r->origin = l->value;
    else if (str_ieq(l->name, STR("Transfer-Encoding")))
        r->has_body = true;
    else if (str_ieq(l->name, STR("Content-Length")))
        r->has_body |= !str_eq(l->value, STR("0"));
}

/* 0, or the status of the refusal. */
static unsigned read_fields(struct str rest, struct request *r)
{
    struct msg_line l;
    for (unsigned n = 0; line_next(&rest, &l); n++) {
        if (n == WSHAKE_FIELDS_MAX)
            return TOO_LARGE;
        /* no folds, no white space before the colon: RFC 9112 5.1, 5.2 */
        if (str_is_none(l.name) || l.n_ends != 1 || l.raw.p != l.name.p ||
            l.raw.p[l.name.n] != ':' || !is_clean(l.value))
            return BAD_REQUEST;
        read_field(r, &l);
    }
    return line_blank_len(rest) == rest.n ? 0 : BAD_REQUEST;
}

/* ---------------------------------------------------------------- the judgement */

/* base64 of 16 bytes: 22 characters, the last with four bits of nothing, and two '='. */
static bool is_key(struct str key)
{
    unsigned char bytes[KEY_LEN];
    if (key.n != KEY_LEN || key.p[KEY_LEN - 3] == '=' || key.p[KEY_LEN - 2] != '=' ||
        key.p[KEY_LEN - 1] != '=')
        return false;
    return EVP_DecodeBlock(bytes, (const unsigned char *)key.p, KEY_LEN) == 18;
}

/* A client that is no browser names no origin, and could name any: the list keeps foreign pages
 * out (RFC 6455 10.2). */
static bool is_welcome(const struct request *r, const struct wshake_conf *conf)
{
    if (conf->n_origins == 0 || r->n_origins == 0)
        return true;
    for (size_t i = 0; i < conf->n_origins; i++)
        if (str_ieq(conf->origins[i], r->origin))
            return true;
    return false;
}

static unsigned judge(struct str rest, const struct wshake_conf *conf, struct request *r)
{
    struct str start;
    if (!line_start(&rest, &start))
        return BAD_REQUEST;
    unsigned status = judge_start(start, r);
    if (!status)
        status = read_fields(rest, r);
    if (status)
        return status;
    if (r->n_hosts != 1 || r->has_body || r->n_keys > 1 || r->n_versions > 1 || r->n_origins > 1)
        return BAD_REQUEST;
    if (r->is_old || !r->has_upgrade || !r->has_connection || !str_eq(r->version, STR("13")))
        return UPGRADE_REQUIRED;
    if (!is_key(r->key))
        return BAD_REQUEST;
    if (!is_welcome(r, conf))
        return FORBIDDEN;
    return r->has_sip ? OPEN : BAD_REQUEST;
}

/* ---------------------------------------------------------------- answers */

static void print_accept(struct str key, struct buf *out)
{
    char text[KEY_LEN + sizeof KEY_SUFFIX];
    unsigned char hash[SHA_DIGEST_LENGTH], accept[ACCEPT_TEXT];
    struct buf all = buf_over(text, sizeof text);
    buf_add(&all, key);
    buf_add(&all, STR(KEY_SUFFIX));
    SHA1((const unsigned char *)text, all.len, hash);
    int n = EVP_EncodeBlock(accept, hash, sizeof hash);
    buf_add(out, (struct str){(const char *)accept, (size_t)n});
}

static void print_open(struct str key, struct buf *out)
{
    buf_add(out, STR("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Protocol: sip\r\n"
                     "Sec-WebSocket-Accept: "));
    print_accept(key, out);
    buf_add(out, STR("\r\n\r\n"));
}

static struct str reason_of(unsigned status)
{
    switch (status) {
    case FORBIDDEN:
        return STR("Forbidden");
    case BAD_METHOD:
        return STR("Method Not Allowed");
    case UPGRADE_REQUIRED:
        return STR("Upgrade Required");
    case TOO_LARGE:
        return STR("Request Header Fields Too Large");
    case BAD_VERSION:
        return STR("HTTP Version Not Supported");
    default:
        return STR("Bad Request");
    }
}

void wshake_refuse(unsigned status, struct buf *out)
{
    buf_add(out, STR("HTTP/1.1 "));
    buf_add_u64(out, status);
    buf_add_char(out, ' ');
    buf_add(out, reason_of(status));
    if (status == BAD_METHOD)
        buf_add(out, STR("\r\nAllow: GET"));
    if (status == UPGRADE_REQUIRED)
        buf_add(out, STR("\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                         "Connection: Upgrade, close"));
    else
        buf_add(out, STR("\r\nConnection: close"));
    buf_add(out, STR("\r\nContent-Length: 0\r\n\r\n"));
}

unsigned wshake_judge(struct str request, const struct wshake_conf *conf, struct buf *out)
{
    struct request r = {0};
    unsigned status = judge(request, conf, &r);
    if (status == OPEN)
        print_open(r.key, out);
    else
        wshake_refuse(status, out);
    return status;
}
