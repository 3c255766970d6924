#include "sip/oc.h"

#include "sip/param.h"

/* RFC 7339 4.3: how long a limit is good whose server does not say so. */
enum { VALIDITY_MS = 500, PERCENT = 100 };

/* RFC 7339 9: 1*12DIGIT "." 1*5DIGIT */
enum { SEQ_INTEGER_MAX = 12, SEQ_FRACTION_MAX = 5 };

/* Digits only; what is above the most that a word holds counts as that. */
static bool read_number(struct str s, uint32_t *out)
{
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (!ascii_is_digit(s.p[i]))
            return false;
        v = v * 10 + (uint64_t)(s.p[i] - '0');
        v = v < UINT32_MAX ? v : UINT32_MAX;
    }
    *out = (uint32_t)v;
    return s.n > 0;
}

static bool add_digits(struct str s, size_t most, uint64_t *v)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!ascii_is_digit(s.p[i]))
            return false;
        *v = *v * 10 + (uint64_t)(s.p[i] - '0');
    }
    return s.n > 0 && s.n <= most;
}

static bool read_seq(struct str s, uint64_t *out)
{
    const char *dot = str_find(s, '.');
    uint64_t v = 0;
    if (!dot || s.n > SEQ_INTEGER_MAX + 1 + SEQ_FRACTION_MAX)
        return false;
    struct str fraction = str_skip(s, (size_t)(dot - s.p) + 1);
    if (!add_digits(str_span(s.p, dot), SEQ_INTEGER_MAX, &v) ||
        !add_digits(fraction, SEQ_FRACTION_MAX, &v))
        return false;
    for (size_t n = fraction.n; n < SEQ_FRACTION_MAX; n++)
        v *= 10;
    *out = v;
    return true;
}

/* A server names the one that it has chosen (RFC 7339 4.2). */
static bool read_algorithm(struct str s, enum oc_algorithm *out)
{
    if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
        s = (struct str){s.p + 1, s.n - 2};
    s = str_trim(s);
    *out = str_ieq(s, STR("rate")) ? OC_RATE : OC_LOSS;
    return *out == OC_RATE || str_ieq(s, STR("loss"));
}

bool oc_parse(const struct via *v, struct oc *out)
{
    struct str rest = v->params;
    struct param p;
    bool has_value = false, has_validity = false, has_seq = false, has_algorithm = false;
    bool is_right = true;
    int more = 0;
    *out = (struct oc){.validity_ms = VALIDITY_MS};
    while (is_right && (more = param_next(&rest, &p)) == 1) {
        if (!has_value && str_ieq(p.name, STR("oc"))) {
            has_value = true;
            is_right = read_number(p.value, &out->value);
        } else if (!has_validity && str_ieq(p.name, STR("oc-validity"))) {
            has_validity = true;
            is_right = read_number(p.value, &out->validity_ms);
        } else if (!has_seq && str_ieq(p.name, STR("oc-seq"))) {
            has_seq = true;
            is_right = read_seq(p.value, &out->seq);
        } else if (!has_algorithm && str_ieq(p.name, STR("oc-algo"))) {
            has_algorithm = true;
            is_right = read_algorithm(p.value, &out->algorithm);
        }
    }
    return is_right && more == 0 && has_value &&
           (out->algorithm == OC_RATE || out->value <= PERCENT);
}
