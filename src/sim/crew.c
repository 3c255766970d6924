#include "sim/crew.h"

#include "base/err.h"
#include "base/sys.h"
#include "sip/uri.h"

enum { PHONES_MAX = 10 * 1000 * 1000, RATE_STEADY = 1000, DOMAIN_MAX = 200, UNSET = CREW_UNSET };

static int set_user_format(const char *value, void *settings)
{
    return phone_set_user_format(&((struct crew *)settings)->style, value);
}

/* "75" or "50-90". */
static int set_refresh_at(const char *value, void *settings)
{
    struct fleet_conf *c = &((struct crew *)settings)->fleet;
    const struct str s = str_of(value);
    const char *dash = str_find(s, '-');
    const struct str low_text = dash ? str_span(s.p, dash) : s;
    const struct str high_text = dash ? str_of(dash + 1) : s;
    uint32_t low, high;
    if (str_to_u32(low_text, 99, &low) || str_to_u32(high_text, 99, &high) || low < 1 || high < low)
        return ERR_PARSE;
    c->refresh_low = low;
    c->refresh_high = high;
    return 0;
}

static int set_domain(const char *value, void *settings)
{
    char text[DOMAIN_MAX + 8];
    struct buf out = buf_over(text, sizeof text);
    struct uri uri;
    buf_add(&out, STR("sip:"));
    buf_add(&out, str_of(value));
    if (out.has_overflown || uri_parse(buf_str(&out), &uri) || uri.host.n + 4 != out.len)
        return ERR_PARSE;
    ((struct crew *)settings)->domain = value;
    return 0;
}

#define AT(member) .at = offsetof(struct crew, member)

const struct option_row crew_rows[CREW_ROWS] = {
    {"target", "udp:IP:PORT", "where to register [udp:127.0.0.1:5060]", OPTION_ADDR,
     AT(fleet.target)},
    {"domain", "NAME", "the domain of the phones [example.com]", OPTION_CALL, .fn = set_domain},
    {"count", "N", "how many phones [100]", OPTION_NUMBER, AT(fleet.n_phones), .min = 1,
     .max = PHONES_MAX},
    {"devices-per-line", "K", "so many phones share a user [1]", OPTION_NUMBER,
     AT(style.devices_per_line), .min = 1, .max = 1000},
    {"user-format", "TEXT%dTEXT", "the user: one %d or %0Nd stands for its number [phone%d]",
     OPTION_CALL, .fn = set_user_format},
    {"first-user", "N", "the number of the first user [0]", OPTION_NUMBER, AT(style.first_user),
     .max = 1U << 30},
    {"password", "PASSWORD", "answers challenges: MD5, SHA-256, SHA-512-256 [none]", OPTION_TEXT,
     AT(password)},
    {"expires", "SECONDS", "what is asked for [60]", OPTION_NUMBER, AT(style.expires_s), .min = 1,
     .max = 1U << 30},
    {"instance", NULL, "contacts with +sip.instance", OPTION_FLAG, AT(style.has_instance)},
    {"refresh-at", "PERCENT[-PERCENT]",
     "1 to 99: when to refresh, of the expiry that was granted; evenly spread [50-90]", OPTION_CALL,
     .fn = set_refresh_at},
    {"retry", "SECONDS", "wait after a failure that names no Retry-After [10]", OPTION_NUMBER,
     AT(fleet.retry_s), .min = 1, .max = 86400},
    {"timeout", "SECONDS", "timer F: without an answer for so long it is lost [32]", OPTION_NUMBER,
     AT(fleet.timeout_s), .min = 1, .max = 3600},
    {"sources", "N",
     "so many different source addresses; on IPv4 loopback up to 8388608 of 127.0.0.0/8, "
     "else up to 1000 ports [one a phone; else 1]",
     OPTION_NUMBER, AT(fleet.n_sources), .min = 1, .max = PHONES_MAX},
    {"rate", "N", "first REGISTERs per second; 0: no limit [1000]", OPTION_NUMBER, AT(fleet.rate),
     .max = 10 * 1000 * 1000},
};

void crew_set_defaults(struct crew *c)
{
    *c = (struct crew){
        .fleet = {.target = {.ip = {127, 0, 0, 1}, .port = 5060, .family = 4},
                  .n_phones = 100,
                  .n_sources = UNSET,
                  .rate = UNSET,
                  .refresh_low = 50,
                  .refresh_high = 90,
                  .timeout_s = 32,
                  .retry_s = 10,
                  .callee = {.answer_after_ms = 1000}},
        .style = {.devices_per_line = 1, .expires_s = 60},
        .domain = "example.com",
    };
    (void)phone_set_user_format(&c->style, "phone%d");
}

void crew_settle(struct crew *c)
{
    struct fleet_conf *f = &c->fleet;
    const bool has_many = f->target.family == 4 && f->target.ip[0] == 127;
    if (f->n_sources == UNSET)
        f->n_sources = has_many ? f->n_phones : 1;
    if (f->rate == UNSET)
        f->rate = f->is_closed ? 0 : RATE_STEADY;
    c->style.domain = str_of(c->domain);
    c->style.password = str_of(c->password);
    sys_random(&c->style.run, sizeof c->style.run);
}

size_t crew_join(const struct option_row *own, size_t n, struct option_row *out)
{
    memcpy(out, crew_rows, sizeof crew_rows);
    memcpy(out + CREW_ROWS, own, n * sizeof *own);
    return CREW_ROWS + n;
}
