/* What is known of an address of record: its bindings on the access side and its registrations
 * upstream, as plain values. A record is decoded into an arena, or built there; its slices point
 * into the arena. How long a binding is still good is not here but in its lease. Pure; any
 * thread. */
#ifndef BW_CORE_BINDING_H
#define BW_CORE_BINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/arena.h"
#include "base/family.h"
#include "base/str.h"
#include "sip/hdr.h"

enum { RECORD_BINDINGS_MAX = 64, RECORD_UPREGS_MAX = 64 };

/* Where a device's packets come from; compared for the licence, used to reach it. */
struct way {
    struct addr peer;
    struct addr local; /* see struct flow_ref */
    uint64_t flow_id;  /* the live stream's name, of flow_id(); 0: UDP, or it has ended */
    uint8_t transport; /* enum flow_transport */
    uint8_t listener;  /* index of the listen section; its name is what the store keeps */
    uint16_t zero;
};

enum proof_kind {
    PROOF_NONE,     /* withdrawn: the next REGISTER goes upstream */
    PROOF_UPSTREAM, /* upstream's 2xx to a REGISTER that carried an Authorization */
    PROOF_OPEN,     /* upstream's 2xx without one: licenses this device only */
    PROOF_TRUSTED,  /* the access list, and upstream's 2xx */
    PROOF_DIGEST    /* a right answer to our own challenge, and upstream's 2xx */
};

struct proof {
    enum proof_kind kind;
    uint64_t at_s;        /* service clock */
    struct family family; /* of the TLS session that the proof came by; or none */
};

/* Names a slot of the lease table; generation 0: none. */
struct lease_ref {
    uint32_t slot, generation;
};

struct binding {
    uint64_t id;         /* random, never given twice; in tokens of contact-throttle */
    struct str contact;  /* the URI's bytes as the phone gave them */
    struct str params;   /* the Contact's own parameters but expires and q, from the first ';' */
    struct str instance; /* with <>, or none */
    uint32_t reg_id;     /* 0: none */
    int q;               /* thousandths; -1: none */
    struct str call_id;
    uint32_t cseq;   /* at the last commit; the lease may know a later one */
    struct str path; /* the Path values, comma-separated, or none */
    struct str user_agent;
    uint32_t methods; /* as msg_methods of its Allow; 0: it sent none */
    struct way way;
    struct proof proof;
    uint32_t granted_s;    /* what the device was told last at a commit */
    uint64_t expires_at_s; /* at the last commit; the lease may know a later one */
    uint64_t created_at_s;
    struct lease_ref lease;
    uint64_t upreg_id; /* of the upstream registration that stands for it; 0: none (mirror: it
                          has one like contact-throttle) */
    bool is_changed;   /* not stored: this commit touches what a licence rests on */
};

enum upreg_state {
    UPREG_LIVE,
    UPREG_LEAVING, /* a removal is on its way or due */
    UPREG_ORPHAN,  /* a removal was challenged; runs out at dead_at (D58) */
    UPREG_ENDED /* nothing is upstream. The last one of a line is kept so, without its contact, for
                   UPREG_KNOWN_S from dead_at: the line is known, a call gets 480 and not 404
                   (D69), and its sequence goes on when a device returns (D32) */
};

enum { UPREG_KNOWN_S = 30 * 86400 };

/* A server of an upstream. */
struct server_at {
    struct addr addr;  /* family 0: none, or not known */
    uint8_t transport; /* enum flow_transport */
};

/* One registration upstream: of an AoR in aor-throttle, of a device otherwise. */
struct upreg {
    uint64_t id; /* random; in the token of aor-throttle and contact-throttle alike */
    enum upreg_state state;
    struct str contact; /* our Contact URI as it was sent; none while nothing was accepted */
    struct str call_id; /* mirror: the phone's; else ours */
    uint32_t cseq;      /* the last one sent that was accepted or committed */
    uint32_t granted_s;
    uint64_t dead_at_s;             /* service clock */
    struct str service_route;       /* header values, comma-separated, in order; or none */
    struct str associated;          /* P-Associated-URI, likewise */
    uint64_t form;                  /* absorb_conf.form as it was; 0: it was not kept */
    uint8_t is_bulk;                /* stands for all numbers of the line (RFC 6140) */
    struct str pub_gruu, temp_gruu; /* upstream's, as they stood in its answer, quotes and all */
    uint8_t has_instance;           /* upstream was told the device's instance for their sake */
    uint8_t is_fixed;        /* of a fixed line: stands without any device, until it is released */
    struct server_at server; /* that has accepted it last (D90) */
};

struct aor_record {
    struct str aor;           /* canonical, "user@host" */
    struct binding *bindings; /* oldest first */
    size_t n_bindings;
    struct upreg *upregs;
    size_t n_upregs;
    uint64_t revision; /* counts commits */
};

/* An empty record for an AoR; room for RECORD_…_MAX. NULL: arena exhausted. */
struct aor_record *binding_record_new(struct arena *a, struct str aor);

/* A deep copy with room to grow, slices included. NULL: arena exhausted. */
struct aor_record *binding_record_copy(struct arena *a, const struct aor_record *r);

/* By instance and reg-id where both have an instance (RFC 5626; one with another instance is
 * another device, be its URI the same), else by URI comparison (D80), equal bytes first. NULL:
 * none. */
struct binding *binding_find(const struct aor_record *r, struct str contact, struct str instance,
                             uint32_t reg_id);
struct binding *binding_find_id(const struct aor_record *r, uint64_t id);
struct upreg *binding_upreg(const struct aor_record *r, uint64_t upreg_id);

/* The server that a line stays with: the one that has accepted any of its registrations last, while
 * that one stands (D90) and not before since_s; of equal ones that of upreg_id. NULL: none. */
const struct server_at *binding_home(const struct aor_record *r, uint64_t upreg_id, uint64_t now_s,
                                     uint64_t since_s);

/* Of records from binding_record_new and binding_record_copy only. A new last one, zeroed but for
 * q = -1; NULL: the record is full. Deleting moves those behind it up. */
struct binding *binding_add(struct aor_record *r);
void binding_del(struct aor_record *r, struct binding *b);
struct upreg *binding_upreg_add(struct aor_record *r);
void binding_upreg_del(struct aor_record *r, struct upreg *u);

/* The device takes requests of that method, as far as its Allow says (D64). Without an Allow, and
 * of a method that we do not know by name, nothing is said against it (RFC 3261 20.5). */
bool binding_can(const struct binding *b, enum sip_method method);

/* The same path: address, port, transport, listener and stream. */
bool binding_is_same_way(const struct way *a, const struct way *b);

/* It comes from the binding's own device, as far as the network tells: by the same path, or by the
 * same listener in a session of the family that the binding was proven in (L1). Whether that still
 * licenses anything is another question. */
bool binding_is_from(const struct binding *b, const struct way *way, const struct family *family);

#endif
