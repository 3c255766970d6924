#include "conf/model.h"
#include "conf/schema.h"

/* The sections of the file; their options stand in files of their own. */

#define IN_LISTEN(field) .offset = offsetof(struct conf_listen, field)
#define SECTION_IN_CONF(list)                                                                      \
    .offset = offsetof(struct conf, list), .n_offset = offsetof(struct conf, n_##list)

const struct schema_section schema_sections[SECTION_MAX] = {
    [SECTION_TOP] = {.name = "", .help = "Options outside of all sections."},
    [SECTION_LOG] = {.name = "log", .help = "Where the log goes, and how much of it."},
    [SECTION_DNS] = {.name = "dns",
                     .help = "Who is asked for the upstreams' servers that are given by name."},
    [SECTION_LISTEN] = {.name = "listen",
                        .is_titled = true,
                        .title = {.section = SECTION_LISTEN, .type = SCHEMA_NAME, IN_LISTEN(name)},
                        .size = sizeof(struct conf_listen),
                        SECTION_IN_CONF(listens),
                        .max = 255,
                        .title_help = "NAME",
                        .help = "An address to receive on. At least one is needed."},
    [SECTION_UPSTREAM] = {.name = "upstream",
                          .is_titled = true,
                          .title = {.section = SECTION_UPSTREAM,
                                    .type = SCHEMA_NAME,
                                    .offset = offsetof(struct conf_upstream, name)},
                          .size = sizeof(struct conf_upstream),
                          SECTION_IN_CONF(upstreams),
                          .max = 1000,
                          .title_help = "NAME",
                          .help = "A registrar behind this server. At least one is needed."},
    [SECTION_DOMAIN] =
        {.name = "domain",
         .is_titled = true,
         .title = {.section = SECTION_DOMAIN,
                   .type = SCHEMA_HOST,
                   .offset = offsetof(struct conf_domain, name)},
         .size = sizeof(struct conf_domain),
         SECTION_IN_CONF(domains),
         .max = 1000000,
         .title_help = "HOST",
         .help = "A domain that is served: the host part of the addresses that devices register, "
                 "a name or an IP address, without a port. At least one is needed."},
    [SECTION_DESTINATIONS] =
        {.name = "destinations",
         .parent = SECTION_DOMAIN,
         .help =
             "Which telephone numbers the devices of the domain may call or send messages to. "
             "A number is compared as it is dialled, without visual separators, and of the "
             "prefixes that fit the longest decides. 00 in front is the same as +, so that 0 in "
             "allow stands for national numbers only; +31201234567 and 0201234567 are two "
             "numbers here, and so are +44 and 01144: name all forms that your upstream takes. "
             "A phone-context or a routing number (rn) in it has to be allowed as well. "
             "What begins with no digit, +, * or # is a name and always allowed. A refused "
             "request is answered 403 with a Warning that says why. Transfers (REFER) and "
             "the contacts of 3xx answers are not looked at."},
    [SECTION_KEEPALIVE] =
        {.name = "keepalive",
         .parent = SECTION_DOMAIN,
         .help = "What is sent to the registered devices of the domain between their REGISTERs, so "
                 "that the NAT or firewall in front of each goes on letting calls through. Each "
                 "binding has its own moment in the interval, so that they are spread evenly over "
                 "time. A device that is reached through another proxy (Path) gets none."},
    [SECTION_LINE] = {.name = "line",
                      .is_titled = true,
                      .is_optional = true,
                      .title = {.section = SECTION_LINE,
                                .type = SCHEMA_USER,
                                .offset = offsetof(struct conf_line, name)},
                      .size = sizeof(struct conf_line),
                      SECTION_IN_CONF(lines),
                      .max = 100000,
                      .title_help = "USER",
                      .help = "A fixed line, USER at its domain: it is kept registered upstream "
                              "without any device's help, from the start on, five lines a second "
                              "at most; see FIXED LINES."},
    [SECTION_ACCESS_LIST] = {.name = "access-list",
                             .is_titled = true,
                             .is_optional = true,
                             .title = {.section = SECTION_ACCESS_LIST,
                                       .type = SCHEMA_NAME,
                                       .offset = offsetof(struct conf_access_list, name)},
                             .size = sizeof(struct conf_access_list),
                             SECTION_IN_CONF(lists),
                             .max = 10000,
                             .title_help = "NAME",
                             .help = "Who may register and call in the domains that name it, by "
                                     "the network that he comes from, by his account, or by both. "
                                     "Of the networks that hold a source the longest prefix "
                                     "decides. A domain may name several lists, one of which has "
                                     "to let him in, and a list may serve several domains. A "
                                     "hundred thousand networks cost no more than a few."},
    [SECTION_LIMITS] = {.name = "limits", .help = "Bounds that hold back abuse and mistakes."},
    [SECTION_ADMIN] = {.name = "admin",
                       .help = "Health, metrics and the JSON API. Over the socket every request is "
                               "served; who may open it is decided by its file mode (0660). Over "
                               "HTTP without a token only GET is served, and only for a Host "
                               "header that names this machine's loopback interface."},
    [SECTION_EVENTS] = {.name = "events",
                        .help = "Who is told, as JSON lines, when a binding or an upstream "
                                "changes: see EVENTS."},
    [SECTION_HEP] = {.name = "hep",
                     .help = "A server of Homer's kind that gets a copy of every SIP message, in "
                             "HEP version 3. This costs a copy of each, absorbed ones included."},
    [SECTION_CLUSTER] =
        {.name = "cluster",
         .help = "Other machines that can take this one's place: one of them acts, the others "
                 "stand by with all its records. See CLUSTER. Without this section there are "
                 "none, and no database is needed."},
};
