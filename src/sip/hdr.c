#include "sip/hdr.h"

#include "sip/lex.h"

static const struct str method_names[METHOD_MAX] = {
    [METHOD_OTHER] = {"", 0},
    [METHOD_INVITE] = {"INVITE", 6},
    [METHOD_ACK] = {"ACK", 3},
    [METHOD_BYE] = {"BYE", 3},
    [METHOD_CANCEL] = {"CANCEL", 6},
    [METHOD_OPTIONS] = {"OPTIONS", 7},
    [METHOD_REGISTER] = {"REGISTER", 8},
    [METHOD_PRACK] = {"PRACK", 5},
    [METHOD_SUBSCRIBE] = {"SUBSCRIBE", 9},
    [METHOD_NOTIFY] = {"NOTIFY", 6},
    [METHOD_PUBLISH] = {"PUBLISH", 7},
    [METHOD_INFO] = {"INFO", 4},
    [METHOD_REFER] = {"REFER", 5},
    [METHOD_MESSAGE] = {"MESSAGE", 7},
    [METHOD_UPDATE] = {"UPDATE", 6},
};

#define NAME(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static const struct str names[HDR_MAX] = {
    [HDR_OTHER] = NAME(""),
    [HDR_VIA] = NAME("Via"),
    [HDR_FROM] = NAME("From"),
    [HDR_TO] = NAME("To"),
    [HDR_CALL_ID] = NAME("Call-ID"),
    [HDR_CSEQ] = NAME("CSeq"),
    [HDR_CONTACT] = NAME("Contact"),
    [HDR_MAX_FORWARDS] = NAME("Max-Forwards"),
    [HDR_ROUTE] = NAME("Route"),
    [HDR_RECORD_ROUTE] = NAME("Record-Route"),
    [HDR_CONTENT_LENGTH] = NAME("Content-Length"),
    [HDR_CONTENT_TYPE] = NAME("Content-Type"),
    [HDR_EXPIRES] = NAME("Expires"),
    [HDR_MIN_EXPIRES] = NAME("Min-Expires"),
    [HDR_AUTHORIZATION] = NAME("Authorization"),
    [HDR_PROXY_AUTHORIZATION] = NAME("Proxy-Authorization"),
    [HDR_WWW_AUTHENTICATE] = NAME("WWW-Authenticate"),
    [HDR_PROXY_AUTHENTICATE] = NAME("Proxy-Authenticate"),
    [HDR_AUTHENTICATION_INFO] = NAME("Authentication-Info"),
    [HDR_REQUIRE] = NAME("Require"),
    [HDR_PROXY_REQUIRE] = NAME("Proxy-Require"),
    [HDR_SUPPORTED] = NAME("Supported"),
    [HDR_UNSUPPORTED] = NAME("Unsupported"),
    [HDR_ALLOW] = NAME("Allow"),
    [HDR_PATH] = NAME("Path"),
    [HDR_SERVICE_ROUTE] = NAME("Service-Route"),
    [HDR_P_ASSOCIATED_URI] = NAME("P-Associated-URI"),
    [HDR_P_ASSERTED_IDENTITY] = NAME("P-Asserted-Identity"),
    [HDR_P_PREFERRED_IDENTITY] = NAME("P-Preferred-Identity"),
    [HDR_REMOTE_PARTY_ID] = NAME("Remote-Party-ID"),
    [HDR_PRIVACY] = NAME("Privacy"),
    [HDR_DATE] = NAME("Date"),
    [HDR_RETRY_AFTER] = NAME("Retry-After"),
    [HDR_REASON] = NAME("Reason"),
    [HDR_WARNING] = NAME("Warning"),
    [HDR_MAX_BREADTH] = NAME("Max-Breadth"),
    [HDR_TIMESTAMP] = NAME("Timestamp"),
    [HDR_USER_AGENT] = NAME("User-Agent"),
};

#define PLACE(id, name, first, last) [HDR_PLACE(first, last, sizeof(name) - 2)] = {id, {name}}

/* Two names of one place would not compile. */
const struct hdr_place hdr_places[HDR_PLACES] = {
    PLACE(HDR_TO, "to:", 't', 'o'),
    PLACE(HDR_VIA, "via:", 'v', 'a'),
    PLACE(HDR_FROM, "from:", 'f', 'm'),
    PLACE(HDR_CSEQ, "cseq:", 'c', 'q'),
    PLACE(HDR_PATH, "path:", 'p', 'h'),
    PLACE(HDR_DATE, "date:", 'd', 'e'),
    PLACE(HDR_ROUTE, "route:", 'r', 'e'),
    PLACE(HDR_ALLOW, "allow:", 'a', 'w'),
    PLACE(HDR_REASON, "reason:", 'r', 'n'),
    PLACE(HDR_CONTACT, "contact:", 'c', 't'),
    PLACE(HDR_CALL_ID, "call-id:", 'c', 'd'),
    PLACE(HDR_EXPIRES, "expires:", 'e', 's'),
    PLACE(HDR_REQUIRE, "require:", 'r', 'e'),
    PLACE(HDR_PRIVACY, "privacy:", 'p', 'y'),
    PLACE(HDR_WARNING, "warning:", 'w', 'g'),
    PLACE(HDR_SUPPORTED, "supported:", 's', 'd'),
    PLACE(HDR_TIMESTAMP, "timestamp:", 't', 'p'),
    PLACE(HDR_USER_AGENT, "user-agent:", 'u', 't'),
    PLACE(HDR_MIN_EXPIRES, "min-expires:", 'm', 's'),
    PLACE(HDR_UNSUPPORTED, "unsupported:", 'u', 'd'),
    PLACE(HDR_RETRY_AFTER, "retry-after:", 'r', 'r'),
    PLACE(HDR_MAX_BREADTH, "max-breadth:", 'm', 'h'),
    PLACE(HDR_MAX_FORWARDS, "max-forwards:", 'm', 's'),
    PLACE(HDR_CONTENT_TYPE, "content-type:", 'c', 'e'),
    PLACE(HDR_RECORD_ROUTE, "record-route:", 'r', 'e'),
    PLACE(HDR_AUTHORIZATION, "authorization:", 'a', 'n'),
    PLACE(HDR_PROXY_REQUIRE, "proxy-require:", 'p', 'e'),
    PLACE(HDR_SERVICE_ROUTE, "service-route:", 's', 'e'),
    PLACE(HDR_CONTENT_LENGTH, "content-length:", 'c', 'h'),
    PLACE(HDR_REMOTE_PARTY_ID, "remote-party-id:", 'r', 'd'),
    [HDR_PLACE('w', 'e', 16)] = {HDR_WWW_AUTHENTICATE, ""},
    [HDR_PLACE('p', 'i', 16)] = {HDR_P_ASSOCIATED_URI, ""},
    [HDR_PLACE('p', 'e', 18)] = {HDR_PROXY_AUTHENTICATE, ""},
    [HDR_PLACE('p', 'n', 19)] = {HDR_PROXY_AUTHORIZATION, ""},
    [HDR_PLACE('a', 'o', 19)] = {HDR_AUTHENTICATION_INFO, ""},
    [HDR_PLACE('p', 'y', 19)] = {HDR_P_ASSERTED_IDENTITY, ""},
    [HDR_PLACE('p', 'y', 20)] = {HDR_P_PREFERRED_IDENTITY, ""},
};

/* RFC 3261 7.3.3; those of other headers are for names without a row. */
static const uint8_t compact['z' - 'a' + 1] = {
    ['v' - 'a'] = HDR_VIA,          ['f' - 'a'] = HDR_FROM,      ['t' - 'a'] = HDR_TO,
    ['i' - 'a'] = HDR_CALL_ID,      ['m' - 'a'] = HDR_CONTACT,   ['l' - 'a'] = HDR_CONTENT_LENGTH,
    ['c' - 'a'] = HDR_CONTENT_TYPE, ['k' - 'a'] = HDR_SUPPORTED,
};

struct phrase {
    unsigned status;
    struct str text;
};

static const struct phrase phrases[] = {
    {100, NAME("Trying")},
    {180, NAME("Ringing")},
    {181, NAME("Call Is Being Forwarded")},
    {182, NAME("Queued")},
    {183, NAME("Session Progress")},
    {199, NAME("Early Dialog Terminated")},
    {200, NAME("OK")},
    {202, NAME("Accepted")},
    {204, NAME("No Notification")},
    {300, NAME("Multiple Choices")},
    {301, NAME("Moved Permanently")},
    {302, NAME("Moved Temporarily")},
    {305, NAME("Use Proxy")},
    {380, NAME("Alternative Service")},
    {400, NAME("Bad Request")},
    {401, NAME("Unauthorized")},
    {402, NAME("Payment Required")},
    {403, NAME("Forbidden")},
    {404, NAME("Not Found")},
    {405, NAME("Method Not Allowed")},
    {406, NAME("Not Acceptable")},
    {407, NAME("Proxy Authentication Required")},
    {408, NAME("Request Timeout")},
    {410, NAME("Gone")},
    {412, NAME("Conditional Request Failed")},
    {413, NAME("Request Entity Too Large")},
    {414, NAME("Request-URI Too Long")},
    {415, NAME("Unsupported Media Type")},
    {416, NAME("Unsupported URI Scheme")},
    {417, NAME("Unknown Resource-Priority")},
    {420, NAME("Bad Extension")},
    {421, NAME("Extension Required")},
    {422, NAME("Session Interval Too Small")},
    {423, NAME("Interval Too Brief")},
    {424, NAME("Bad Location Information")},
    {428, NAME("Use Identity Header")},
    {429, NAME("Provide Referrer Identity")},
    {430, NAME("Flow Failed")},
    {433, NAME("Anonymity Disallowed")},
    {436, NAME("Bad Identity-Info")},
    {437, NAME("Unsupported Certificate")},
    {438, NAME("Invalid Identity Header")},
    {439, NAME("First Hop Lacks Outbound Support")},
    {440, NAME("Max-Breadth Exceeded")},
    {469, NAME("Bad Info Package")},
    {470, NAME("Consent Needed")},
    {480, NAME("Temporarily Unavailable")},
    {481, NAME("Call/Transaction Does Not Exist")},
    {482, NAME("Loop Detected")},
    {483, NAME("Too Many Hops")},
    {484, NAME("Address Incomplete")},
    {485, NAME("Ambiguous")},
    {486, NAME("Busy Here")},
    {487, NAME("Request Terminated")},
    {488, NAME("Not Acceptable Here")},
    {489, NAME("Bad Event")},
    {491, NAME("Request Pending")},
    {493, NAME("Undecipherable")},
    {494, NAME("Security Agreement Required")},
    {500, NAME("Server Internal Error")},
    {501, NAME("Not Implemented")},
    {502, NAME("Bad Gateway")},
    {503, NAME("Service Unavailable")},
    {504, NAME("Server Time-out")},
    {505, NAME("Version Not Supported")},
    {513, NAME("Message Too Large")},
    {555, NAME("Push Notification Service Not Supported")},
    {580, NAME("Precondition Failure")},
    {600, NAME("Busy Everywhere")},
    {603, NAME("Decline")},
    {604, NAME("Does Not Exist Anywhere")},
    {606, NAME("Not Acceptable")},
    {607, NAME("Unwanted")},
    {608, NAME("Rejected")},
};

enum sip_method hdr_method(struct str name)
{
    for (int m = METHOD_OTHER + 1; m < METHOD_MAX; m++)
        if (name.n == method_names[m].n && name.p[0] == method_names[m].p[0] &&
            str_eq(name, method_names[m]))
            return (enum sip_method)m;
    return METHOD_OTHER;
}

bool hdr_is_method_miswritten(struct str name)
{
    if (hdr_method(name) != METHOD_OTHER)
        return false;
    for (int m = METHOD_OTHER + 1; m < METHOD_MAX; m++)
        if (str_ieq(name, method_names[m]))
            return true;
    return false;
}

struct str hdr_method_name(enum sip_method method)
{
    return method_names[method];
}

static enum hdr_id find_compact(char c)
{
    c = ascii_lower(c);
    return c >= 'a' && c <= 'z' ? compact[c - 'a'] : HDR_OTHER;
}

enum hdr_id hdr_find(struct str name)
{
    if (name.n == 0)
        return HDR_OTHER;
    if (name.n == 1)
        return find_compact(name.p[0]);
    const enum hdr_id id = (enum hdr_id)hdr_place(name.p, name.n)->id;
    return str_ieq(name, names[id]) ? id : HDR_OTHER;
}

struct str hdr_name(enum hdr_id id)
{
    return names[id];
}

struct str hdr_reason(unsigned status)
{
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        if (phrases[i].status == status)
            return phrases[i].text;
    return STR("Unknown");
}

bool hdr_is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!lex_is(s.p[i], LEX_TOKEN))
            return false;
    return s.n > 0;
}
