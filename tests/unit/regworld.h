/* A line with its devices, upstream registrations and leases, for tests of the registration policy;
 * REGISTERs and results as short texts, so that a test is one row.
 *
 * A REGISTER: "A a 11+ b=60 c=0": from the way A, Call-ID a, CSeq 11, "+" with an Authorization,
 * "!" with a right answer to our own challenge, then contacts by letter with their expiry, or "*"
 * (with Expires: 0), or nothing. */
#ifndef BW_TESTS_REGWORLD_H
#define BW_TESTS_REGWORLD_H

#include <stdio.h>

#include "core/absorb.h"

enum { WORLD_NOW = 1000000 };

struct world {
    struct arena arena;
    struct absorb_conf conf;
    struct aor_record *r;
    struct lease_view leases[RECORD_BINDINGS_MAX];
    struct register_view view;
    struct register_contact contacts[RECORD_BINDINGS_MAX];
    struct upstream_grant grant;
    bool is_busy, is_outage;
    uint64_t now_s;
};

static const char world_letters[] = "abcdefghijklmnopqrstuvwxyz";

static inline struct way world_way(char letter)
{
    return (struct way){
        .peer = {.ip = {192, 0, 2, (uint8_t)letter}, .port = 5060, .family = 4},
        .local = {.ip = {10, 0, 0, 1}, .port = 5060, .family = 4},
    };
}

static inline struct str world_letter(char letter)
{
    return (struct str){&world_letters[letter - 'a'], 1};
}

/* The same bytes for the same letter, without an arena. */
static inline struct str world_uri(char letter)
{
    static char texts[26][24];
    char *text = texts[letter - 'a'];
    snprintf(text, sizeof texts[0], "sip:%c@10.0.0.%d:5060", letter, letter - 'a' + 1);
    return str_of(text);
}

static inline void world_init(struct world *w, enum absorb_mode mode)
{
    *w = (struct world){.now_s = WORLD_NOW};
    arena_init(&w->arena, 1 << 24);
    w->conf = (struct absorb_conf){
        .mode = mode,
        .min_expires_s = 30,
        .max_expires_s = 300,
        .default_expires_s = 120,
        .upstream_expires_s = 3600,
        .grace_s = 30,
        .reproof_s = 3600,
        .max_contacts = 3,
        .is_equal_cseq_allowed = true,
    };
    w->r = binding_record_new(&w->arena, STR("alice@example.com"));
}

static inline void world_fini(struct world *w)
{
    arena_fini(&w->arena);
}

static inline struct upreg *world_upreg(struct world *w, uint64_t id)
{
    struct upreg *u = binding_upreg(w->r, id);
    if (u)
        return u;
    u = binding_upreg_add(w->r);
    *u = (struct upreg){.id = id,
                        .contact = STR("sip:token@edge"),
                        .call_id = STR("up"),
                        .cseq = 100,
                        .granted_s = 3600,
                        .dead_at_s = w->now_s + 2000,
                        .service_route = STR("<sip:old@route>")};
    return u;
}

/* A device that has registered: contact and Call-ID by its letter, way by the capital; CSeq 10,
 * proven 100 s ago, 30 of its 60 s left. */
static inline struct binding *world_bind(struct world *w, char letter, uint64_t upreg_id)
{
    struct binding *b = binding_add(w->r);
    b->id = (uint64_t)letter;
    b->contact = world_uri(letter);
    b->call_id = world_letter(letter);
    b->cseq = 10;
    b->way = world_way((char)(letter - 'a' + 'A'));
    b->proof = (struct proof){.kind = PROOF_UPSTREAM, .at_s = w->now_s - 100};
    b->granted_s = 60;
    b->expires_at_s = w->now_s + 30;
    b->upreg_id = world_upreg(w, upreg_id)->id;
    w->leases[w->r->n_bindings - 1] = (struct lease_view){
        .is_held = true, .expires_at_s = b->expires_at_s, .cseq = b->cseq, .branch_hash = 1};
    return b;
}

/* Fills the record up with devices in their grace, which no limit counts. */
static inline void world_fill(struct world *w)
{
    w->conf.max_contacts = RECORD_BINDINGS_MAX;
    for (uint64_t id = 1000; w->r->n_bindings < RECORD_BINDINGS_MAX; id++) {
        world_bind(w, 'q', w->r->upregs[0].id)->id = id;
        w->leases[w->r->n_bindings - 1].expires_at_s = w->now_s - 1;
    }
}

static inline void world_contact(struct world *w, const char *word)
{
    if (*word == '*') {
        w->view.is_star = true;
        w->view.expires_s = 0;
        return;
    }
    struct register_contact *c = &w->contacts[w->view.n_contacts++];
    *c = (struct register_contact){.uri = world_uri(*word), .q = -1, .expires_s = -1};
    if (word[1] == '=')
        c->expires_s = strtol(word + 2, NULL, 10);
}

static inline void world_view(struct world *w, const char *text)
{
    w->view = (struct register_view){.aor = w->r->aor,
                                     .contacts = w->contacts,
                                     .way = world_way(text[0]),
                                     .call_id = world_letter(text[2]),
                                     .expires_s = -1,
                                     .branch_hash = 77};
    char *end;
    w->view.cseq = (uint32_t)strtoul(text + 4, &end, 10);
    w->view.has_authorization = *end == '+' || *end == '!';
    w->view.is_proven = *end == '!';
    for (; *end; end++)
        if (*end == ' ' && end[1])
            world_contact(w, end + 1);
}

static inline struct absorb_input world_input(const struct world *w)
{
    return (struct absorb_input){.conf = &w->conf,
                                 .view = &w->view,
                                 .now_state = w->r,
                                 .leases = w->leases,
                                 .is_upstream_busy = w->is_busy,
                                 .is_outage = w->is_outage,
                                 .now_s = w->now_s};
}

/* "forward new-line refresh", "reject line-full 503", "absorb licensed-source". */
static inline const char *world_verdict(struct verdict v, char text[64])
{
    static const char *const what[] = {"absorb", "commit",    "forward",
                                       "wait",   "challenge", "reject"};
    static const char *const as[] = {" refresh", " removal", " query"};
    char status[8] = "";
    if (v.what == VERDICT_REJECT)
        snprintf(status, sizeof status, " %d", v.status);
    snprintf(text, 64, "%s %s%s%s", what[v.what], reason_word(v.reason),
             v.what == VERDICT_FORWARD ? as[v.as] : "", status);
    return text;
}

/* "a@A#10 b@B#10 | 1live": bindings with way and CSeq (and "?" if their proof was withdrawn), then
 * upstream registrations with their state, "!" if due at once, "*" of a fixed line. */
static inline const char *world_record(const struct aor_record *r, uint64_t now_s, char text[512])
{
    static const char *const states[] = {"live", "leaving", "orphan", "ended"};
    struct buf out = buf_over(text, 511);
    for (size_t i = 0; i < r->n_bindings; i++) {
        const struct binding *b = &r->bindings[i];
        buf_addf(&out, "%c@%c#%u%s ", b->contact.p[4], b->way.peer.ip[3], b->cseq,
                 b->proof.kind == PROOF_NONE ? "?" : "");
    }
    buf_add_char(&out, '|');
    for (size_t i = 0; i < r->n_upregs; i++)
        buf_addf(&out, " %u%s%s%s", (unsigned)r->upregs[i].id, states[r->upregs[i].state],
                 r->upregs[i].dead_at_s <= now_s && r->upregs[i].state != UPREG_ENDED ? "!" : "",
                 r->upregs[i].is_fixed ? "*" : "");
    text[out.len] = '\0';
    return text;
}

#endif
