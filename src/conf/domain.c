#include "conf/schema.h"

#include "conf/model.h"

static const char *const registration_words[] = {"yes", "refuse", NULL};
static const char *const mode_words[] = {"mirror", "contact-throttle", "aor-throttle", NULL};
static const char *const insertion_words[] = {"contact", "path", NULL};
static const char *const full_words[] = {"reject", "replace-oldest", NULL};
static const char *const fork_words[] = {"parallel", "q", "redirect", NULL};
static const char *const local_words[] = {"outage", "never", "always", NULL};
static const char *const redirects_words[] = {"return", "follow", NULL};
static const char *const media_words[] = {"all", "first", NULL};
static const char *const authentication_words[] = {"relay", "local", "trusted", NULL};
static const char *const algorithm_words[] = {"MD5", "SHA-256", "SHA-512-256", NULL};

#define IN_DOMAIN(field) .offset = offsetof(struct conf_domain, field)
#define IN_POLICY(field) .offset = offsetof(struct conf_domain, absorb.field)
#define LIST_IN_DOMAIN(list)                                                                       \
    .is_list = true, .offset = offsetof(struct conf_domain, list),                                 \
    .n_offset = offsetof(struct conf_domain, n_##list)

static const struct schema_option options[] = {
    {.section = SECTION_DOMAIN,
     .name = "aliases",
     .type = SCHEMA_HOST,
     .fallback = "",
     LIST_IN_DOMAIN(aliases),
     .help = "Other hosts that mean this domain."},
    {.section = SECTION_DOMAIN,
     .name = "upstream",
     .type = SCHEMA_NAME,
     .absent = "the upstream, if there is only one",
     .offset = offsetof(struct conf_domain, upstream_name),
     .help = "The upstream whose registrar serves the domain."},
    {.section = SECTION_DOMAIN,
     .name = "registration",
     .type = SCHEMA_WORD,
     .words = registration_words,
     .fallback = "yes",
     IN_DOMAIN(registration),
     .help = "Whether devices may register. With refuse a REGISTER is answered 405."},
    {.section = SECTION_DOMAIN,
     .name = "mode",
     .type = SCHEMA_WORD,
     .words = mode_words,
     .fallback = "aor-throttle",
     IN_POLICY(mode),
     .help = "mirror: every REGISTER is relayed. contact-throttle: each device has a long "
             "registration of its own upstream. aor-throttle: all devices of a line share one."},
    {.section = SECTION_DOMAIN,
     .name = "insertion",
     .type = SCHEMA_WORD,
     .words = insertion_words,
     .fallback = "contact",
     IN_DOMAIN(insertion),
     .help =
         "How later requests find the way through here: by our Contact in place of the device's, "
         "or by a Path header beside it. path cannot consolidate, so not with aor-throttle."},
    {.section = SECTION_DOMAIN,
     .name = "upstream-expires",
     .type = SCHEMA_DURATION,
     .min = 60,
     .max = 604800,
     .fallback = "1h",
     IN_POLICY(upstream_expires_s),
     .help = "The expiry that is asked for upstream."},
    {.section = SECTION_DOMAIN,
     .name = "min-expires",
     .type = SCHEMA_DURATION,
     .min = 1,
     .max = 3600,
     .fallback = "30s",
     IN_POLICY(min_expires_s),
     .help = "A device that asks for less is answered 423."},
    {.section = SECTION_DOMAIN,
     .name = "max-expires",
     .type = SCHEMA_DURATION,
     .min = 1,
     .max = 604800,
     .fallback = "5m",
     IN_POLICY(max_expires_s),
     .help = "No device is granted more."},
    {.section = SECTION_DOMAIN,
     .name = "default-expires",
     .type = SCHEMA_DURATION,
     .min = 1,
     .max = 604800,
     .fallback = "2m",
     IN_POLICY(default_expires_s),
     .help = "What a device is granted that asks for nothing."},
    {.section = SECTION_DOMAIN,
     .name = "expires-spread",
     .type = SCHEMA_NUMBER,
     .max = 50,
     .fallback = "10",
     IN_POLICY(expires_spread_percent),
     .help = "Up to so many percent are subtracted from what is granted, so that devices that came "
             "together do not come back together."},
    {.section = SECTION_DOMAIN,
     .name = "grace",
     .type = SCHEMA_DURATION,
     .max = 3600,
     .fallback = "30s",
     IN_POLICY(grace_s),
     .help = "How long a binding is still called after its expiry."},
    {.section = SECTION_DOMAIN,
     .name = "max-contacts",
     .type = SCHEMA_NUMBER,
     .min = 1,
     .max = 64,
     .fallback = "10",
     IN_POLICY(max_contacts),
     .help = "Devices of one line."},
    {.section = SECTION_DOMAIN,
     .name = "when-full",
     .type = SCHEMA_WORD,
     .words = full_words,
     .fallback = "reject",
     IN_POLICY(when_full),
     .help = "What a further device gets: 503, or the place of the oldest one once upstream has "
             "accepted it."},
    {.section = SECTION_DOMAIN,
     .name = "authentication",
     .type = SCHEMA_WORD,
     .words = authentication_words,
     .fallback = "relay",
     IN_POLICY(authentication),
     .help = "Who judges a device. relay: upstream, whose challenges are passed on. local: we "
             "challenge and check the answer against the credentials file; upstream has to trust "
             "our address, for what it gets from us carries no Authorization. trusted: the "
             "access-list alone."},
    {.section = SECTION_DOMAIN,
     .name = "algorithms",
     .type = SCHEMA_WORD,
     .words = algorithm_words,
     .absent = "SHA-256 and MD5",
     LIST_IN_DOMAIN(algorithm_list),
     .help = "What a device may answer our challenges with, for authentication = local. It gets a "
             "challenge for each, the strongest first, but for those that its user has no line for "
             "in the credentials file. MD5 is what all devices can, and the weakest; some that can "
             "nothing else give up when another is offered as well."},
    {.section = SECTION_DOMAIN,
     .name = "realm",
     .type = SCHEMA_REALM,
     .fallback = "",
     .can_be_empty = true,
     IN_DOMAIN(realm),
     .help = "The realm of our challenges, for authentication = local, and of the domain's lines "
             "in the credentials file. \"\": the domain's name."},
    {.section = SECTION_DOMAIN,
     .name = "credentials",
     .type = SCHEMA_PATH,
     .fallback = "/etc/breakwater/credentials",
     IN_DOMAIN(credentials_path),
     .help =
         "The file with the hashes of the passwords, for authentication = local; see "
         "CREDENTIALS. Nobody but its owner may be able to use it (mode 0600). It is read again "
         "at each reload; with an error in it, everything stays as it was."},
    {.section = SECTION_DOMAIN,
     .name = "allow-no-qop",
     .type = SCHEMA_YESNO,
     .fallback = "no",
     IN_DOMAIN(is_no_qop_allowed),
     .help = "For authentication = local: take answers without qop, as devices give them that "
             "know digest authentication by RFC 2069 only. Each of their requests is challenged "
             "anew."},
    {.section = SECTION_DOMAIN,
     .name = "access-list",
     .type = SCHEMA_NAME,
     .fallback = "",
     LIST_IN_DOMAIN(list_names),
     .help = "The access-list sections whose sources may register, for authentication = trusted."},
    {.section = SECTION_DOMAIN,
     .name = "reproof",
     .type = SCHEMA_DURATION,
     .min = 60,
     .max = 604800,
     .fallback = "1h",
     IN_POLICY(reproof_s),
     .help = "At the latest after this time a device must prove itself again."},
    {.section = SECTION_DOMAIN,
     .name = "upstream-credentials",
     .type = SCHEMA_PATH,
     .can_be_empty = true,
     .fallback = "/etc/breakwater/upstream-credentials",
     IN_DOMAIN(upcreds_path),
     .help = "The file with the accounts that we have at the upstream, for whole domains or single "
             "lines; see UPSTREAM CREDENTIALS. With an account for a line we refresh its "
             "registration by ourselves, and answer the challenges to that and to its removal; "
             "unless authentication is relay, those to what a device asks for, too. Nobody but its "
             "owner may be able to use the file (mode 0600). It is read again at each reload; with "
             "an error in it, everything stays as it was. The default need not exist. \"\": none."},
    {.section = SECTION_DOMAIN,
     .name = "own-contact-only",
     .type = SCHEMA_YESNO,
     .fallback = "no",
     IN_DOMAIN(is_own_contact_only),
     .help =
         "List only the device's own contact in the answer to its REGISTER, for devices that "
         "misread others, and for networks that drop datagrams in fragments: beyond 1300 bytes, "
         "some ten devices a line, an answer over UDP may be cut into them."},
    {.section = SECTION_DOMAIN,
     .name = "expires-header",
     .type = SCHEMA_YESNO,
     .fallback = "yes",
     IN_DOMAIN(has_expires_header),
     .help = "Say what was granted in an Expires header, too, for devices that read nothing else."},
    {.section = SECTION_DOMAIN,
     .name = "case-sensitive",
     .type = SCHEMA_YESNO,
     .fallback = "yes",
     IN_DOMAIN(is_case_sensitive),
     .help = "Whether Alice and alice are two lines."},
    {.section = SECTION_DOMAIN,
     .name = "allow-equal-cseq",
     .type = SCHEMA_YESNO,
     .fallback = "yes",
     IN_POLICY(is_equal_cseq_allowed),
     .help = "Accept a refresh whose CSeq is equal to the last one but whose branch is new, as "
             "some devices send it."},
    {.section = SECTION_DOMAIN,
     .name = "fork",
     .type = SCHEMA_WORD,
     .words = fork_words,
     .fallback = "parallel",
     IN_DOMAIN(strategy),
     .help = "How a request finds the devices of a line. parallel: all at once. q: in groups of "
             "equal q, the highest first, the next one when a group has failed or has rung for "
             "ring-timeout. redirect: the answer is 302 with the live contacts, for upstreams that "
             "route by themselves."},
    {.section = SECTION_DOMAIN,
     .name = "ring-timeout",
     .type = SCHEMA_DURATION,
     .min = 1,
     .max = 3600,
     .fallback = "20s",
     IN_DOMAIN(ring_timeout_s),
     .help = "How long a group of devices rings while another group or the fallback is still to be "
             "tried. The last one rings until the caller gives up, or three minutes have gone by "
             "without a provisional response."},
    {.section = SECTION_DOMAIN,
     .name = "fallback",
     .type = SCHEMA_URI,
     .fallback = "",
     .can_be_empty = true,
     IN_DOMAIN(fallback),
     .help = "Where a call goes that no device has taken, a voicemail server for example; at once "
             "where no device of a known line is reachable, never after a device has declined for "
             "all (6xx). A host that is a name is reached by way of the domain's upstream. If it "
             "fails, too, what the devices have answered is told. \"\": the best failure is "
             "answered."},
    {.section = SECTION_DOMAIN,
     .name = "max-branches",
     .type = SCHEMA_NUMBER,
     .min = 1,
     .max = FORK_DEVICES_MAX,
     .fallback = "16",
     IN_DOMAIN(max_branches),
     .help = "Devices that one request goes to at most, so that it cannot be made into many. Of a "
             "line with more, those are called that registered first; with fork = q or redirect "
             "those with the highest q. The others are counted in "
             "breakwater_targets_left_out_total."},
    {.section = SECTION_DOMAIN,
     .name = "local-calls",
     .type = SCHEMA_WORD,
     .words = local_words,
     .fallback = "outage",
     IN_DOMAIN(local_calls),
     .help = "When a call or MESSAGE from a device to a line with registered devices does without "
             "the upstream. outage: if the upstream of both lines has not answered it at all for "
             "5 seconds, or has left another call so within the last 30 seconds and not said "
             "anything since; any answer, a 503 as well, is the upstream's decision. never. "
             "always: at once, inside the domain; the upstream's features and call records are "
             "lost then. Such a call finds its devices as fork says, with redirect as with q."},
    {.section = SECTION_DOMAIN,
     .name = "redirects",
     .type = SCHEMA_WORD,
     .words = redirects_words,
     .fallback = "return",
     IN_DOMAIN(redirects),
     .help =
         "What becomes of a redirect (300, 301, 302) by which a device answers a call. return: it "
         "goes back to the upstream, which bills and diverts. follow: the call goes on to its "
         "Contacts in place of the device, in order of their q, as far as redirect-targets "
         "allows them, through 5 redirects one after another at most. A host that is a served "
         "domain means the devices of that line or, while it has none, that domain's upstream; "
         "any other name is reached by way of the upstream of the line that is called. "
         "They count for max-branches in place of the device. Where no Contact may be tried "
         "the redirect goes back."},
    {.section = SECTION_DOMAIN,
     .name = "redirect-targets",
     .type = SCHEMA_PEER,
     .fallback = "",
     LIST_IN_DOMAIN(redirect_targets),
     .help = "The hosts that a redirect may lead a call to, for redirects = follow. A device says "
             "where the call goes, and who pays may be somebody else: a host that is a gateway, or "
             "a domain whose upstream has one, is allowed with all numbers that it reaches. A "
             "name means itself alone, not what stands below it; a network means addresses, not "
             "names that have them."},
    {.section = SECTION_DOMAIN,
     .name = "global-decline",
     .type = SCHEMA_YESNO,
     .fallback = "yes",
     IN_DOMAIN(is_decline_global),
     .help =
         "Whether a 6xx of one device ends the call for all. With no it counts as the rejection "
         "of that device alone, and the others ring on."},
    {.section = SECTION_DOMAIN,
     .name = "early-media",
     .type = SCHEMA_WORD,
     .words = media_words,
     .fallback = "all",
     IN_DOMAIN(early_media),
     .help = "Which provisional responses with a session description go back while several devices "
             "ring: those of all, or only those of the first device that sent one, until it fails. "
             "Reliable ones (100rel) always do, because their sender waits for the PRACK."},
    {.section = SECTION_DOMAIN,
     .name = "late-fork",
     .type = SCHEMA_YESNO,
     .fallback = "yes",
     IN_DOMAIN(has_late_fork),
     .help = "Whether a device that registers while its line is called joins the call, once. With "
             "fork = q it waits for the turn of its group."},
};

const struct schema_table schema_of_domain = {options, sizeof options / sizeof options[0]};
