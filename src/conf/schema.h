/* Every section and option that exists: type, range, default, what a change needs, help. The
 * parser's tables, the checks, the defaults and the manual page's list all come from here.
 * Constant data, any thread. */
#ifndef BW_CONF_SCHEMA_H
#define BW_CONF_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum schema_type {
    SCHEMA_NUMBER,     /* uint32_t */
    SCHEMA_DURATION,   /* uint32_t, seconds */
    SCHEMA_SIZE,       /* uint32_t, bytes */
    SCHEMA_WORD,       /* an enum: the word's place in words */
    SCHEMA_YESNO,      /* bool */
    SCHEMA_PATH,       /* const char *, absolute */
    SCHEMA_TARGET,     /* const char *, of the log */
    SCHEMA_NAME,       /* const char *, of a section or a reference to one */
    SCHEMA_HOST,       /* struct str, canonical */
    SCHEMA_CERTNAME,   /* struct str: the same, or *. and a name */
    SCHEMA_REALM,      /* struct str */
    SCHEMA_ORIGIN,     /* struct str */
    SCHEMA_LISTEN,     /* struct conf_listen: transport, addr */
    SCHEMA_ADVERTISE,  /* struct conf_listen: advertise_host, advertise_port */
    SCHEMA_SERVER,     /* struct conf_server */
    SCHEMA_NAMESERVER, /* struct addr */
    SCHEMA_NETWORK,    /* struct conf_net */
    SCHEMA_PEER,       /* struct conf_peer */
    SCHEMA_URI,        /* struct conf_uri */
    SCHEMA_USER,       /* struct str, of a SIP URI, as it is */
    SCHEMA_PLACE,      /* struct conf_place: uri, addr */
    SCHEMA_ACCOUNT,    /* struct str: a canonical AoR, or the user part of one */
    SCHEMA_DIALLED,    /* struct str, as number_read makes it */
    SCHEMA_HTTP,       /* struct addr */
    SCHEMA_URL,        /* const char *, http or https */
    SCHEMA_DATABASE,   /* const char *, for libpq; looked at by clustercheck */
    SCHEMA_TOKEN,      /* struct str: the first line of the file that is named */
    SCHEMA_TYPE_MAX
};

enum schema_section_id {
    SECTION_TOP, /* outside of all sections */
    SECTION_LOG,
    SECTION_DNS,
    SECTION_LISTEN,
    SECTION_UPSTREAM,
    SECTION_DOMAIN,
    SECTION_DESTINATIONS,
    SECTION_KEEPALIVE,
    SECTION_LINE,
    SECTION_ACCESS_LIST,
    SECTION_LIMITS,
    SECTION_ADMIN,
    SECTION_EVENTS,
    SECTION_HEP,
    SECTION_CLUSTER,
    SECTION_MAX
};

struct schema_option {
    enum schema_section_id section;
    const char *name;
    enum schema_type type;
    bool is_list;
    bool needs_restart;       /* else a reload is enough */
    bool can_be_empty;        /* "" is a value, too: off */
    uint32_t min, max;        /* numbers, durations, sizes */
    const char *const *words; /* SCHEMA_WORD; NULL-terminated */
    const char *fallback;     /* the default, as the file would say it, of a list the elements
                                 with blanks between them; NULL: see absent */
    const char *absent;       /* without a fallback: what happens without the option; NULL: it
                                 must be there */
    size_t offset;            /* of the field; a list: of the pointer to its elements */
    size_t n_offset;          /* a list: of the number of elements */
    const char *help;
};

struct schema_section {
    const char *name;
    /* What a section with a title has besides; there must be at least one of it. */
    struct schema_option title;
    size_t size;            /* of one element */
    size_t offset;          /* in struct conf, of the pointer to the elements */
    size_t n_offset;        /* and of their number */
    const char *title_help; /* its name in the manual */
    const char *help;
    /* The section that it stands in, at most once in each; its options are fields of that one's
     * element. SECTION_TOP: in none. Has no title, and nothing stands in it. */
    enum schema_section_id parent;
    uint32_t max; /* of them */
    bool is_titled;
    bool is_optional; /* titled: none at all is fine, too */
};

extern const struct schema_section schema_sections[SECTION_MAX];

static inline bool schema_is_nested(enum schema_section_id section)
{
    return schema_sections[section].parent != SECTION_TOP;
}

/* The sections that may stand in one: SECTION_MAX after the last; after: SECTION_TOP for the first.
 */
enum schema_section_id schema_next_in(enum schema_section_id parent, enum schema_section_id after);

/* Options in the manual's order. */
struct schema_table {
    const struct schema_option *list;
    size_t n;
};

extern const struct schema_table schema_of_domain; /* and what stands in it */
extern const struct schema_table schema_of_cluster;
extern const struct schema_table schema_of_outlets; /* for events and HEP */
extern const struct schema_table schema_of_upstreams;
extern const struct schema_table schema_of_others; /* sections */

/* The first option of a section (after: NULL) and the one behind another, in the manual's order;
 * NULL at the end. */
const struct schema_option *schema_next(enum schema_section_id section,
                                        const struct schema_option *after);

/* Of one section. */
size_t schema_count(enum schema_section_id section);

/* NULL if there is none. */
const struct schema_option *schema_find(enum schema_section_id section, const char *name);

/* SECTION_MAX if there is none. */
enum schema_section_id schema_section_find(const char *name);

/* How messages call an option: "workers", "log level", "listen "phones" address", "domain "a.b"
 * destinations deny"; without a name, the section itself. title: NULL where there is none. Returns
 * text. */
enum { SCHEMA_LABEL = 200 };
const char *schema_label(const struct schema_option *o, const char *title, char text[SCHEMA_LABEL]);

/* What a value of the option looks like, for messages and the manual: "a duration from 0 to 1h".
 * Returns text. */
enum { SCHEMA_TEXT = 200 };
const char *schema_expected(const struct schema_option *o, char text[SCHEMA_TEXT]);

#endif
