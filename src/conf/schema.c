#include "conf/schema.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"

const struct schema_option *schema_next(enum schema_section_id section,
                                        const struct schema_option *after)
{
    const struct schema_table *table =
        section == SECTION_DOMAIN ? &schema_of_domain : &schema_of_others;
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

const char *schema_label(const struct schema_option *o, const char *title, char text[SCHEMA_LABEL])
{
    char quoted[96] = "";
    const char *section = schema_sections[o->section].name;
    if (title)
        (void)snprintf(quoted, sizeof quoted, " \"%.80s\"", title);
    (void)snprintf(text, SCHEMA_LABEL, "%s%s%s%s", section, quoted,
                   section[0] && o->name ? " " : "", o->name ? o->name : "");
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
    for (size_t i = 0; words[i]; i++)
        buf_addf(out, "%s %s", i ? "," : "", words[i]);
}

const char *schema_expected(const struct schema_option *o, char text[SCHEMA_TEXT])
{
    static const char *const plain[SCHEMA_TYPE_MAX] = {
        [SCHEMA_YESNO] = "yes or no",
        [SCHEMA_PATH] = "an absolute path",
        [SCHEMA_TARGET] = "stderr, journal, syslog or an absolute path",
        [SCHEMA_NAME] = "a name of letters, digits, '.', '_' and '-'",
        [SCHEMA_HOST] = "a host name or an IP address, without a port",
        [SCHEMA_REALM] = "a text of at most 255 characters without quotes and backslashes",
        [SCHEMA_LISTEN] = "udp:IP-ADDRESS:PORT",
        [SCHEMA_ADVERTISE] = "HOST or HOST:PORT, HOST being a host name or an IP address",
        [SCHEMA_SERVER] = "sip:IP-ADDRESS or sip:IP-ADDRESS:PORT, with ;transport=udp or without",
        [SCHEMA_NETWORK] = "an IP address or a network IP-ADDRESS/BITS",
        [SCHEMA_PEER] = "a host name, an IP address or a network IP-ADDRESS/BITS",
        [SCHEMA_URI] = "a sip: URI",
        [SCHEMA_USER] = "a user name or number of 1 to 64 letters, digits and -_.!~*'()&=+$",
        [SCHEMA_PLACE] = "a sip: URI with an IP address, or USER@DOMAIN of a served domain",
        [SCHEMA_HTTP] = "IP-ADDRESS:PORT",
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
