#include "conf/keepcheck.h"

/* RFC 4787 4.3 wants two minutes of a NAT; many give thirty seconds. */
enum { MAPPING_S = 30 };

static const struct setting *given(const struct settings_section *s, const char *option)
{
    return settings_find(s, schema_find(SECTION_KEEPALIVE, option));
}

static void warn_idle(struct findings *f, const struct settings_section *s, const char *option,
                      const char *why)
{
    const struct setting *setting = given(s, option);
    if (setting)
        finding_warn(f, setting->line, "domain \"%s\" keepalive %s: does nothing, for %s", s->title,
                     option, why);
}

static void check_intervals(struct findings *f, const struct settings_section *s,
                            const struct conf_domain *d)
{
    const struct setting *udp = given(s, "udp"), *stream = given(s, "stream");
    if (udp && d->keepalive.udp_s > MAPPING_S)
        finding_warn(f, udp->line,
                     "domain \"%s\" keepalive udp: many NATs forget a mapping after %d s without a "
                     "packet, so that calls to devices behind them may not arrive",
                     s->title, MAPPING_S);
    if (udp && d->keepalive.udp_s >= d->absorb.max_expires_s)
        finding_warn(f, udp->line,
                     "domain \"%s\" keepalive udp: not below max-expires, so that each device "
                     "registers before its keepalive comes",
                     s->title);
    if (stream && d->keepalive.stream_s >= d->absorb.max_expires_s)
        finding_warn(f, stream->line,
                     "domain \"%s\" keepalive stream: not below max-expires, so that each device "
                     "registers before its keepalive comes",
                     s->title);
}

void keepcheck_domain(struct findings *f, const struct settings_section *s,
                      const struct conf_domain *d)
{
    const struct conf_keepalive *k = &d->keepalive;
    if (k->method == CONF_KEEPALIVE_OFF) {
        warn_idle(f, s, "udp", "method is off");
        warn_idle(f, s, "stream", "method is off");
        warn_idle(f, s, "devices", "method is off");
    } else if (!k->udp_s && !k->stream_s) {
        warn_idle(f, s, "method", "udp and stream are 0");
        warn_idle(f, s, "devices", "udp and stream are 0");
    } else {
        check_intervals(f, s, d);
    }
}
