#include "conf/model.h"
#include "conf/schema.h"

/* What tells others what happens here. */

#define IN_CONF(field) .offset = offsetof(struct conf, field)

static const struct schema_option options[] = {
    {.section = SECTION_EVENTS,
     .name = "socket",
     .type = SCHEMA_PATH,
     .fallback = "",
     .can_be_empty = true,
     IN_CONF(events.socket),
     .help = "A Unix stream socket that another program listens on: Breakwater connects to it, "
             "again and again while nobody is there. \"\": none."},
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
};

const struct schema_table schema_of_outlets = {options, sizeof options / sizeof options[0]};
