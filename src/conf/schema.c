#include "conf/schema.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"

static const struct schema_table *table_of(enum schema_section_id section)
{
    if (section == SECTION_DOMAIN || schema_sections[section].parent == SECTION_DOMAIN)
        return &schema_of_domain;
    if (section == SECTION_EVENTS || section == SECTION_HEP)
        return &schema_of_outlets;
    if (section == SECTION_CLUSTER)
        return &schema_of_cluster;
    if (section == SECTION_UPSTREAM)
        return &schema_of_upstreams;
    return &schema_of_others;
}

const struct schema_option *schema_next(enum schema_section_id section,
                                        const struct schema_option *after)
{
    const struct schema_table *table = table_of(section);
    const struct schema_option *end = table->list + table->n;
    for (const struct schema_option *o = after ? after + 1 : table->list; o < end; o++)
        if (o->section == section)
            return o;
    return NULL;
}

size_t schema_count(enum schema_section_id section)
{
    size_t n = 0;
    for (const struct schema_option *o = schema_next(section, NULL); o; o = schema_next(section, o))
        n++;
    return n;
}

const struct schema_option *schema_find(enum schema_section_id section, const char *name)
{
    const struct schema_option *o = schema_next(section, NULL);
    while (o && strcmp(o->name, name) != 0)
        o = schema_next(section, o);
    return o;
}

enum schema_section_id schema_section_find(const char *name)
{
    int id = SECTION_TOP + 1;
    while (id < SECTION_MAX && strcmp(schema_sections[id].name, name) != 0)
        id++;
    return (enum schema_section_id)id;
}

enum schema_section_id schema_next_in(enum schema_section_id parent, enum schema_section_id after)
{
    int id = after + 1;
    while (id < SECTION_MAX && schema_sections[id].parent != parent)
        id++;
    return (enum schema_section_id)id;
}

const char *schema_label(const struct schema_option *o, const char *title, char text[SCHEMA_LABEL])
{
    const struct schema_section *in = &schema_sections[o->section];
    const char *words[] = {schema_sections[in->parent].name, title, in->name, o->name};
    if (!schema_is_nested(o->section)) {
        words[0] = in->name;
        words[2] = NULL;
    }
    struct buf out = buf_over(text, SCHEMA_LABEL - 1);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i] && words[i][0])
            buf_addf(&out, i == 1 ? "%s\"%.80s\"" : "%s%s", out.len ? " " : "", words[i]);
    text[out.len] = '\0';
    return text;
}

static void add_duration(struct buf *out, uint32_t s)
{
    static const struct {
        uint32_t s;
        char letter;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    size_t i = 0;
    while (s % units[i].s)
        i++;
    buf_addf(out, "%u%c", s / units[i].s, s ? units[i].letter : 's');
}

static void add_words(struct buf *out, const char *const *words)
{
    buf_add(out, STR("one of"));
    bool is_first = true;
    for (size_t i = 0; words[i]; i++) {
        if (words[i][0])
            buf_addf(out, "%s %s", is_first ? "" : ",", words[i]);
        is_first = is_first && !words[i][0];
    }
}

const char *schema_expected(const struct schema_option *o, char text[SCHEMA_TEXT])
{
    static const char *const plain[SCHEMA_TYPE_MAX] = {
        [SCHEMA_YESNO] = "yes or no",
        [SCHEMA_PATH] = "an absolute path",
        [SCHEMA_TARGET] = "stderr, journal, syslog or an absolute path",
        [SCHEMA_NAME] = "a name of letters, digits, '.', '_' and '-'",
        [SCHEMA_HOST] = "a host name or an IP address, without a port",
        [SCHEMA_CERTNAME] = "a host name, an IP address, or *. and a host name",
        [SCHEMA_REALM] = "a text of at most 255 characters without quotes and backslashes",
        [SCHEMA_ORIGIN] = "SCHEME://HOST or SCHEME://HOST:PORT as a browser says it, or null",
        [SCHEMA_LISTEN] = "udp:IP-ADDRESS:PORT, or the same with tcp:, tls:, ws: or wss:",
        [SCHEMA_ADVERTISE] = "HOST or HOST:PORT, HOST being a host name or an IP address",
        [SCHEMA_SERVER] = "sip:HOST or sips:, with :PORT and ;transport=udp, tcp or tls if need be",
        [SCHEMA_NAMESERVER] = "an IP address, with a port if it is not 53",
        [SCHEMA_NETWORK] = "an IP address or a network IP-ADDRESS/BITS",
        [SCHEMA_PEER] = "a host name, an IP address or a network IP-ADDRESS/BITS",
        [SCHEMA_URI] = "a sip: URI",
        [SCHEMA_USER] = "a user name or number of 1 to 64 letters, digits and -_.!~*'()&=+$",
        [SCHEMA_PLACE] = "a sip: URI with an IP address, or USER@DOMAIN of a served domain",
        [SCHEMA_ACCOUNT] = "a user name, or an address USER@DOMAIN",
        [SCHEMA_DIALLED] = "a telephone number or its beginning: digits, '*', '#', a '+' in front",
        [SCHEMA_HTTP] = "IP-ADDRESS:PORT",
        [SCHEMA_URL] = "http://HOST/PATH or https://, without a user",
        [SCHEMA_DATABASE] = "a URI postgresql://… or a string of KEY=VALUE, as libpq takes it",
        [SCHEMA_TOKEN] = "the absolute path of a file with a token",
    };
    struct buf out = buf_over(text, SCHEMA_TEXT - 1);
    if (o->type == SCHEMA_NUMBER) {
        buf_addf(&out, "a number from %u to %u", o->min, o->max);
    } else if (o->type == SCHEMA_SIZE) {
        buf_addf(&out, "a size from %u to %u bytes", o->min, o->max);
    } else if (o->type == SCHEMA_DURATION) {
        buf_add(&out, STR("a duration from "));
        add_duration(&out, o->min);
        buf_add(&out, STR(" to "));
        add_duration(&out, o->max);
    } else if (o->type == SCHEMA_WORD) {
        add_words(&out, o->words);
    } else {
        buf_add(&out, str_of(plain[o->type]));
    }
    if (o->can_be_empty)
        buf_add(&out, STR(" or \"\""));
    text[out.len] = '\0';
    return text;
}
