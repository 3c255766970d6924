/* The configuration's values, as everybody reads them from a snapshot: conf.h. */
#ifndef BW_CONF_MODEL_H
#define BW_CONF_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/log.h"
#include "base/nets.h"
#include "base/str.h"
#include "core/absorb.h"
#include "core/dialplan.h"
#include "core/fork.h"
#include "core/pace.h"
#include "net/flow.h"

struct tls_context;

enum conf_side { CONF_SIDE_ANY, CONF_SIDE_ACCESS, CONF_SIDE_CORE };

struct conf_listen {
    const char *name;
    enum flow_transport transport;
    enum conf_side side;
    struct addr addr;
    struct str advertise_host; /* what a Via says; none: the address itself */
    uint16_t advertise_port;   /* 0: the bound port */
    const char **certificates; /* TLS: files, a key for each */
    size_t n_certificates;
    const char **keys;
    size_t n_keys;
    const char *client_ca;   /* "": clients are not asked */
    struct tls_context *tls; /* made of these; NULL: no TLS */
    struct str *origins;     /* WebSockets: pages that may connect; none: all */
    size_t n_origins;
};

struct conf_net {
    struct addr addr; /* port 0 */
    unsigned bits;
};

/* Where a URI may lead: a host name or a network. */
struct conf_peer {
    struct str host;     /* canonical; none: net */
    struct conf_net net; /* bits 0: host */
};

struct conf_server {
    struct str uri; /* as configured */
    enum flow_transport transport;
    bool has_transport; /* the URI names it; else a large request may go by TCP (D83) */
    bool is_secure;     /* sips: */
    bool is_named;      /* by host, which the DNS is asked for; addr has the port alone, or 0 */
    struct addr addr;
    const char *host;     /* in lower case; NULL: by addr */
    const char *tls_name; /* that its certificate must have */
};

struct conf_uri {
    struct str text;  /* none: not configured */
    struct addr addr; /* of its host, with the port; family 0: a name */
};

enum conf_token { CONF_TOKEN_PARAMETER, CONF_TOKEN_USER };
enum conf_resync { CONF_RESYNC_ASK, CONF_RESYNC_AUTO };
enum conf_overload { CONF_OVERLOAD_OFF, CONF_OVERLOAD_LOSS, CONF_OVERLOAD_RATE };
enum conf_outage { CONF_OUTAGE_SERVE, CONF_OUTAGE_REJECT };

struct shield;

struct conf_upstream {
    const char *name;
    struct conf_server *servers; /* in order of preference */
    size_t n_servers;
    const char *server_ca;    /* "": the system's authorities */
    struct str server_name;   /* none: each server's own host */
    bool is_verified;         /* whether servers must prove who they are */
    struct tls_context *tls;  /* for those with TLS; NULL: there are none */
    struct conf_net *trusted; /* further sources that count as this upstream */
    size_t n_trusted;
    enum conf_token contact_token; /* where our token stands in the Contact */
    struct pace_conf pace;         /* register-rate, register-burst */
    enum conf_overload overload;   /* what its servers are offered to ask for (RFC 7339) */
    uint32_t retry_after_cap_s;
    uint32_t quarantine_s;
    uint32_t probe_interval_s; /* 0: whether it is there is not asked */
    enum conf_outage outage;
    uint32_t serve_limit_s;
    enum conf_resync resync; /* once it seems to have lost its data */
    struct shield *shield;   /* of service/: what the workers share about it; NULL: no pace */
};

enum conf_require { CONF_REQUIRE_ANY, CONF_REQUIRE_ALL };

struct conf_access_list {
    const char *name;
    struct conf_net *allow, *deny; /* the longest prefix decides; no allow: all but the denied */
    size_t n_allow, n_deny;
    struct nets nets;     /* made from them */
    struct str *accounts; /* canonical AoRs, and user parts of such; in order */
    size_t n_accounts;
    enum conf_require require;
};

/* Where the calls of a line go. */
struct conf_place {
    struct str uri;                   /* with sip: */
    struct addr addr;                 /* of its host, with the port; family 0: a name */
    struct str aor;                   /* the devices of this line; none: the contact itself */
    const struct conf_domain *domain; /* of aor */
};

struct conf_line {
    struct str name;           /* as configured: the user part of its AoR */
    struct str domain_name;    /* as configured, canonical; none: left out */
    struct conf_place *places; /* none: the devices that register as the line */
    size_t n_places;
    uint32_t probe_interval_s; /* 0: off */
    const struct conf_domain *domain;
    struct str aor; /* canonical */
};

/* A fixed contact of one or more lines. */
struct conf_contact {
    struct str uri; /* of the first that names it */
    struct addr addr;
    uint32_t probe_interval_s; /* the shortest of its lines; 0: off */
};

enum conf_registration { CONF_REGISTER_YES, CONF_REGISTER_REFUSE };
/* Of a domain that mirrors: the mode whose savings are counted. */
enum conf_shadow { CONF_SHADOW_OFF, CONF_SHADOW_CONTACT, CONF_SHADOW_AOR };
enum conf_insertion { CONF_INSERT_CONTACT, CONF_INSERT_PATH };
enum conf_gruu { CONF_GRUU_OFF, CONF_GRUU_UPSTREAM, CONF_GRUU_LOCAL };

enum conf_fork { CONF_FORK_PARALLEL, CONF_FORK_Q, CONF_FORK_REDIRECT };
enum conf_local { CONF_LOCAL_OUTAGE, CONF_LOCAL_NEVER, CONF_LOCAL_ALWAYS };
enum conf_keepalive_method { CONF_KEEPALIVE_CRLF, CONF_KEEPALIVE_OPTIONS, CONF_KEEPALIVE_OFF };
enum conf_keepalive_devices { CONF_KEEPALIVE_ALL, CONF_KEEPALIVE_NAT };

struct conf_keepalive {
    uint32_t udp_s, stream_s; /* 0: none there */
    enum conf_keepalive_method method;
    enum conf_keepalive_devices devices;
};

enum conf_redirects { CONF_REDIRECTS_RETURN, CONF_REDIRECTS_FOLLOW };
enum conf_media { CONF_MEDIA_ALL, CONF_MEDIA_FIRST };
enum conf_caller { CONF_CALLER_OWN, CONF_CALLER_CHECK, CONF_CALLER_PASS };

struct credentials;
struct upcreds;
struct conf_destinations {
    struct str *allow, *deny, *emergency; /* as number_read makes them */
    size_t n_allow, n_deny, n_emergency;
};

struct conf_domain {
    struct str name;     /* canonical: lower case, no trailing dot, IPv6 in brackets */
    struct str *aliases; /* canonical */
    size_t n_aliases;
    const char *upstream_name; /* as configured; NULL: left out */
    const struct conf_upstream *upstream;
    enum conf_registration registration;
    enum conf_shadow shadow;
    enum conf_insertion insertion;
    enum conf_gruu gruu;
    struct absorb_conf absorb;
    struct fork_policy fork; /* linked from the two below */
    enum conf_fork strategy;
    uint32_t ring_timeout_s;
    struct conf_uri fallback;
    uint32_t max_branches; /* devices that one request goes to */
    enum conf_local local_calls;
    enum conf_redirects redirects;
    struct conf_peer *redirect_targets; /* where a redirect that is followed may lead */
    size_t n_redirect_targets;
    bool is_decline_global;
    enum conf_media early_media;
    bool has_late_fork;
    enum conf_caller caller_id;
    struct conf_destinations destinations;
    struct dialplan dialplan; /* linked from it */
    uint32_t max_calls;       /* of a line; 0: any number */
    uint32_t calls_per_s;     /* likewise */
    struct conf_keepalive keepalive;
    const char **list_names; /* of access-list */
    size_t n_list_names;
    const struct conf_access_list **lists;
    int *algorithm_list; /* of enum digest_algorithm */
    size_t n_algorithm_list;
    unsigned algorithms; /* the same as a set: 1 << enum digest_algorithm */
    struct str realm;    /* never empty */
    const char *credentials_path;
    const struct credentials *credentials; /* authentication = local; else NULL */
    bool is_no_qop_allowed;
    bool is_own_contact_only;
    bool has_expires_header;
    bool is_path_support_required; /* of a device behind a proxy that puts a Path in */
    uint32_t flow_timer_s;         /* told to devices with outbound; 0: not */
    bool is_case_sensitive;
    const char *upcreds_path;      /* "": none */
    const struct upcreds *upcreds; /* who we are to the upstream; or NULL */
};

struct conf_limits {
    uint32_t max_message;         /* bytes */
    uint32_t max_transactions;    /* at one time, each worker */
    uint32_t requests_per_source; /* a second; 0: the default, and none for loopback addresses */
    uint32_t failures_before_ban; /* 0: no bans */
    uint32_t lines_before_ban;    /* 0: does not matter */
    uint32_t lines_before_scan;   /* 0: any number */
    uint32_t ban_s;
    uint32_t connections_per_source; /* that no binding needs */
    uint32_t max_connections;        /* the same of all sources; 0: by the descriptors */
    const char **scanners;           /* words in User-Agent */
    size_t n_scanners;
    struct conf_net *exempt; /* from all of these */
    size_t n_exempt;
};

struct conf_admin {
    struct addr http;   /* family 0: off */
    const char *socket; /* "": off */
    struct str token;   /* the first line of token-file; none: no token */
};

struct conf_events {
    const char *socket, *webhook; /* "": none */
    struct str token;             /* for the webhook; or none */
};

struct conf_hep {
    struct addr server; /* family 0: none */
    uint32_t capture_id;
    struct str token; /* or none */
    int secrets;      /* 0: blank; 1: show */
};

struct conf_cluster {
    const char *name; /* NULL: there is none, and nothing else is set but by defaults */
    const char *node, *database;
    uint32_t takeover_s;
};

struct conf {
    const char *path; /* of the file */
    uint64_t serial;  /* of the snapshot: no two of a process have the same */
    unsigned workers; /* at least 1 */
    uint32_t drain_timeout_s;
    const char *runtime_dir;
    const char *state_dir;
    int durability; /* enum store_durability */
    uint32_t lease_checkpoint_s;
    struct log_conf log;
    struct addr *dns_servers; /* none: the system's */
    size_t n_dns_servers;
    struct conf_listen *listens;
    size_t n_listens;
    struct conf_upstream *upstreams;
    size_t n_upstreams;
    struct conf_domain *domains;
    size_t n_domains;
    struct conf_access_list *lists;
    size_t n_lists;
    struct credentials **credentials; /* each file once */
    size_t n_credentials;
    size_t n_credentials_lines; /* of all of them */
    struct conf_line *lines;
    size_t n_lines;
    struct conf_contact *contacts; /* of all lines, each address once */
    size_t n_contacts;
    struct upcreds **upcreds; /* each file once */
    size_t n_upcreds;
    struct conf_limits limits;
    struct conf_admin admin;
    struct conf_events events;
    struct conf_hep hep;
    struct conf_cluster cluster;
};

/* One finding, a full line: "FILE:LINE: option: what is wrong, what was expected". */
typedef void conf_say_fn(bool is_error, const char *text, void *arg);

#endif
