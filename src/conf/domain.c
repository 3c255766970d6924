#include "conf/schema.h"

#include "conf/model.h"

static const char *const registration_words[] = {"yes", "refuse", NULL};
static const char *const mode_words[] = {"mirror", "contact-throttle", "aor-throttle", NULL};
/* "" is the first. */
static const char *const shadow_words[] = {"", "contact-throttle", "aor-throttle", NULL};
static const char *const insertion_words[] = {"contact", "path", NULL};
static const char *const gruu_words[] = {"off", "upstream", "local", NULL};
static const char *const full_words[] = {"reject", "replace-oldest", NULL};
static const char *const fork_words[] = {"parallel", "q", "redirect", NULL};
static const char *const local_words[] = {"outage", "never", "always", NULL};
static const char *const redirects_words[] = {"return", "follow", NULL};
static const char *const keepalive_words[] = {"crlf", "options", "off", NULL};
static const char *const devices_words[] = {"all", "nat", NULL};
static const char *const media_words[] = {"all", "first", NULL};
static const char *const caller_words[] = {"own", "check", "pass", NULL};
static const char *const authentication_words[] = {"relay", "local", "trusted", NULL};
static const char *const algorithm_words[] = {"MD5", "SHA-256", "SHA-512-256", NULL};

#define IN_DOMAIN(field) .offset = offsetof(struct conf_domain, field)
#define IN_POLICY(field) .offset = offsetof(struct conf_domain, absorb.field)
#define LIST_IN_DOMAIN(list)                                                                       \
    .is_list = true, .offset = offsetof(struct conf_domain, list),                                 \
    .n_offset = offsetof(struct conf_domain, n_##list)
#define LIST_IN_DESTINATIONS(list)                                                                 \
    .is_list = true, .offset = offsetof(struct conf_domain, destinations.list),                    \
    .n_offset = offsetof(struct conf_domain, destinations.n_##list)

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
     .name = "shadow",
     .type = SCHEMA_WORD,
     .words = shadow_words,
     .fallback = "",
     .can_be_empty = true,
     IN_DOMAIN(shadow),
     .help = "With mode = mirror: every REGISTER is relayed, and what this mode would have made of "
             "it is counted: which would have been answered here, and which refreshes come so late "
             "that the registration upstream would have ended before. breakwaterctl savings and "
             "the metrics show it. It is counted as the devices behave now; in that mode they "
             "would be told expiries of at most max-expires. \"\": nothing."},
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
     .name = "gruu",
     .type = SCHEMA_WORD,
     .words = gruu_words,
     .fallback = "off",
     IN_DOMAIN(gruu),
     .help =
         "Names that reach one device of a line from anywhere (RFC 5627), for devices that ask "
         "for them. off: none, and upstream is not asked either. upstream: its names are passed "
         "to the device, which it is told the instance of; not with aor-throttle. local: we "
         "give them and route to them, so that requests to the domain have to come here; its "
         "name or one of its aliases must be the address or the advertised name of a listener "
         "for devices. See GRUU."},
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
         "CREDENTIALS. It belongs to root or to the user that Breakwater runs as, and nobody else "
         "may be able to use it (mode 0600). It is read again at each reload; with an error in "
         "it, everything stays as it was."},
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
     .help = "The access-list sections that say who may register and call here. Who is in none of "
             "them is answered 403 before anything of his goes on, whatever the authentication; "
             "calls that are up go on, and emergency numbers are always called. With "
             "authentication = trusted their networks are the proof, too, so that they must name "
             "some. Without any, everybody may try."},
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
             "unless authentication is relay, those to what a device asks for, too. The file "
             "belongs to root or to the user that Breakwater runs as, and nobody else may be able "
             "to use it (mode 0600). It is read again at each reload; with an error in it, "
             "everything stays as it was. The default need not exist. \"\": none."},
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
     .name = "require-path-support",
     .type = SCHEMA_YESNO,
     .fallback = "no",
     IN_DOMAIN(is_path_support_required),
     .help = "Answer 420 to a device behind a proxy that has put a Path into its REGISTER, unless "
             "the device says Supported: path (RFC 3327). With no the Path is kept and used; it is "
             "shown in the answer to those alone that know it."},
    {.section = SECTION_DOMAIN,
     .name = "flow-timer",
     .type = SCHEMA_DURATION,
     .max = 3600,
     .fallback = "2m",
     IN_DOMAIN(flow_timer_s),
     .help = "The longest time between two keepalives of a device, told to those that register "
             "over a connection and know outbound (RFC 5626), in a Flow-Timer header. Over UDP "
             "they keep to that RFC's 24 to 29 seconds. 0: no header, which means 95 to 120 "
             "seconds to them."},
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
             "a domain whose upstream has one, is allowed with all numbers that it reaches and "
             "destinations let the line call. A name means itself alone, not what stands below it; "
             "a network means addresses, not "
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
    {.section = SECTION_DOMAIN,
     .name = "caller-id",
     .type = SCHEMA_WORD,
     .words = caller_words,
     .fallback = "own",
     IN_DOMAIN(caller_id),
     .help = "What a device may say of who calls. P-Asserted-Identity, P-Preferred-Identity and "
             "Remote-Party-ID of a device never go on, and From is never changed. own: upstream is "
             "told the line that calls in a P-Asserted-Identity of ours, whatever From says; of a "
             "source that is trusted without a registration, the From if it is of this domain. "
             "check: the same, and a request whose From, P-Preferred-Identity or "
             "P-Asserted-Identity names another one than the line is answered 403; an anonymous "
             "From, at anonymous.invalid or this domain, names nobody. pass: nothing is refused, "
             "and where P-Preferred-Identity is an "
             "address of this domain or a telephone number (tel:+...), upstream is told that, "
             "unproven, in place of the line: for exchanges with many numbers on one line."},
    {.section = SECTION_DOMAIN,
     .name = "max-calls",
     .type = SCHEMA_NUMBER,
     .max = 10000,
     .fallback = "0",
     IN_DOMAIN(max_calls),
     .help =
         "Calls that a line may make at one time, from the INVITE to the BYE; those that it "
         "gets do not count. One more is answered 403 with a Warning. A call has ended once "
         "upstream says so, whether the caller can be told or not, or the caller's BYE has gone "
         "where its call is; else it is forgotten two hours after it was answered, and all are "
         "at a restart, until something changes in them. 0: as many as it likes."},
    {.section = SECTION_DOMAIN,
     .name = "calls-per-second",
     .type = SCHEMA_NUMBER,
     .max = 10000,
     .fallback = "0",
     IN_DOMAIN(calls_per_s),
     .help = "Calls that a line may begin in one second of the clock. One more is answered 403 "
             "with a Warning. 0: as many as it likes."},

    {.section = SECTION_DESTINATIONS,
     .name = "allow",
     .type = SCHEMA_DIALLED,
     .fallback = "",
     LIST_IN_DESTINATIONS(allow),
     .help = "Prefixes of numbers that may be called. Without any, all that are not denied."},
    {.section = SECTION_DESTINATIONS,
     .name = "deny",
     .type = SCHEMA_DIALLED,
     .fallback = "",
     LIST_IN_DESTINATIONS(deny),
     .help = "Prefixes of numbers that may not. allow and deny hold for calls and messages, for "
             "transfers to a number (REFER), and for the redirects of a device that are followed. "
             "In a call that is up the other end may have any number that upstream has given it."},
    {.section = SECTION_DESTINATIONS,
     .name = "emergency",
     .type = SCHEMA_DIALLED,
     .fallback = "112 911",
     LIST_IN_DESTINATIONS(emergency),
     .help = "Numbers, not prefixes, that every device which is registered from where it calls may "
             "always call: whatever allow, deny, caller-id, the access-list and the limits on the "
             "calls of its line say, and without a challenge of ours. At a domain or an address "
             "that we or the upstream serve, or as tel:112, which upstream gets as a sip: URI of "
             "the domain; urn:service:sos (RFC 5031) always is one, and goes on as it is. They go "
             "to the upstream, whatever local-calls says."},

    {.section = SECTION_KEEPALIVE,
     .name = "udp",
     .type = SCHEMA_DURATION,
     .max = 3600,
     .fallback = "25s",
     IN_DOMAIN(keepalive.udp_s),
     .help = "The interval for devices on UDP, whose mapping many NATs forget after 30 seconds "
             "without a packet. Where mappings are seen to live shorter, the devices of that "
             "network (IPv4: its /24, IPv6: its /48) get theirs more often; see NAT. 0: none."},
    {.section = SECTION_KEEPALIVE,
     .name = "stream",
     .type = SCHEMA_DURATION,
     .max = 3600,
     .fallback = "90s",
     IN_DOMAIN(keepalive.stream_s),
     .help = "The interval for devices on TCP and TLS. 0: none."},
    {.section = SECTION_KEEPALIVE,
     .name = "method",
     .type = SCHEMA_WORD,
     .words = keepalive_words,
     .fallback = "crlf",
     IN_DOMAIN(keepalive.method),
     .help = "What is sent. crlf: two empty lines, which a device ignores and which cost next to "
             "nothing. options: an OPTIONS request, which any device answers, be it by a refusal; "
             "one that does not answer for 32 seconds is marked unreachable and tried last, until "
             "it answers or registers again. off: nothing."},
    {.section = SECTION_KEEPALIVE,
     .name = "devices",
     .type = SCHEMA_WORD,
     .words = devices_words,
     .fallback = "all",
     IN_DOMAIN(keepalive.devices),
     .help = "Who gets them. all: a firewall that lets answers in, and nothing else, is as common "
             "as NAT. nat: only devices whose Contact is not where their packets come from."},
};

const struct schema_table schema_of_domain = {options, sizeof options / sizeof options[0]};
