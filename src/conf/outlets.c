#include "conf/model.h"
#include "conf/schema.h"

/* What tells others what happens here. */

static const char *const secrets_words[] = {"blank", "show", NULL};

#define IN_CONF(field) .offset = offsetof(struct conf, field)

static const struct schema_option options[] = {
    {.section = SECTION_EVENTS,
     .name = "socket",
     .type = SCHEMA_PATH,
     .fallback = "",
     .can_be_empty = true,
     IN_CONF(events.socket),
     .help =
         "A Unix stream socket that another program listens on: Breakwater connects to it, "
         "again and again while nobody is there. With the AppArmor profile of the packages it is "
         "in /run/breakwater, unless a local addition to the profile allows another place. "
         "\"\": none."},
    {.section = SECTION_EVENTS,
     .name = "webhook",
     .type = SCHEMA_URL,
     .fallback = "",
     .can_be_empty = true,
     IN_CONF(events.webhook),
     .help = "A URL that gets POST requests of up to 64 KiB of lines, as application/x-ndjson. A "
             "status of 2xx takes them; 408, 429, 5xx and silence have them sent again, so some "
             "may come twice; any other status refuses them for good. The certificate of an https "
             "server must be good for the system's authorities. \"\": none."},
    {.section = SECTION_EVENTS,
     .name = "token-file",
     .type = SCHEMA_TOKEN,
     .fallback = "",
     .can_be_empty = true,
     IN_CONF(events.token),
     .help = "A file whose first line the webhook gets as Bearer token. Nobody but root and the "
             "user that Breakwater runs as may be able to read it (mode 0600). \"\": none."},

    {.section = SECTION_HEP,
     .name = "server",
     .type = SCHEMA_HTTP,
     .fallback = "",
     .can_be_empty = true,
     IN_CONF(hep.server),
     .help = "Its UDP address. \"\": none."},
    {.section = SECTION_HEP,
     .name = "capture-id",
     .type = SCHEMA_NUMBER,
     .min = 1,
     .max = UINT32_MAX,
     .fallback = "2001",
     IN_CONF(hep.capture_id),
     .help = "The number by which the server knows who captures."},
    {.section = SECTION_HEP,
     .name = "token-file",
     .type = SCHEMA_TOKEN,
     .fallback = "",
     .can_be_empty = true,
     IN_CONF(hep.token),
     .help = "A file whose first line is sent as the authenticate key, readable to nobody but root "
             "and the user that Breakwater runs as (mode 0600). \"\": none."},
    {.section = SECTION_HEP,
     .name = "secrets",
     .type = SCHEMA_WORD,
     .words = secrets_words,
     .fallback = "blank",
     IN_CONF(hep.secrets),
     .help = "What gives access: digests and nonces, Basic and Bearer credentials, keys of media. "
             "blank: x stands in their place. show: they are sent as they are, to be tried "
             "against passwords by whoever sees them."},
};

const struct schema_table schema_of_outlets = {options, sizeof options / sizeof options[0]};
