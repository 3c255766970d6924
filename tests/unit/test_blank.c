/* What a trace must not show. */
#include "unit.h"

#include <stdlib.h>

#include "sip/blank.h"

static const struct {
    const char *text, *expected;
} rows[] = {
    {"REGISTER sip:a SIP/2.0\r\nAuthorization: Digest username=\"al\", nonce=\"abc\", "
     "response=\"0123\", cnonce=\"q\", opaque=\"o\", qop=auth\r\nCall-ID: nonce=\"abc\"\r\n\r\n",
     "REGISTER sip:a SIP/2.0\r\nAuthorization: Digest username=\"al\", nonce=\"xxx\", "
     "response=\"xxxx\", cnonce=\"x\", opaque=\"o\", qop=auth\r\nCall-ID: nonce=\"abc\"\r\n\r\n"},
    {"SIP/2.0 401 No\r\nWWW-Authenticate :Digest realm=\"r\",\r\n NONCE = \"a\\\"b c\" "
     ",x=1\r\n\r\n",
     "SIP/2.0 401 No\r\nWWW-Authenticate :Digest realm=\"r\",\r\n NONCE = \"xxxx x\" ,x=1\r\n\r\n"},
    {"SIP/2.0 407 No\nproxy-authenticate: Digest realm=\"nonce=\\\"1\\\"\", nonce=12\n\n",
     "SIP/2.0 407 No\nproxy-authenticate: Digest realm=\"nonce=\\\"1\\\"\", nonce=xx\n\n"},
    {"SIP/2.0 200 OK\r\nAuthentication-Info: nextnonce=\"ab\", rspauth=\"cd\"\r\n\r\n",
     "SIP/2.0 200 OK\r\nAuthentication-Info: nextnonce=\"xx\", rspauth=\"xx\"\r\n\r\n"},
    {"INVITE sip:a SIP/2.0\r\nProxy-Authorization: Bearer abc.d=\r\n\r\n",
     "INVITE sip:a SIP/2.0\r\nProxy-Authorization: Bearer xxxxxx\r\n\r\n"},
    {"INVITE sip:a SIP/2.0\r\nAuthorization: Basic YTpi\r\n\r\n",
     "INVITE sip:a SIP/2.0\r\nAuthorization: Basic xxxx\r\n\r\n"},
    {"INVITE sip:a SIP/2.0\r\nAuthorization: Bearer ,a,\"b\r\n\r\n",
     "INVITE sip:a SIP/2.0\r\nAuthorization: Bearer xxxxx\r\n\r\n"},
    {"INVITE sip:a SIP/2.0\r\nAuthorization: NTLM gssapi-data=\"ab\", x\r\n\r\n",
     "INVITE sip:a SIP/2.0\r\nAuthorization: NTLM xxxxxxxxxxxxxxxxx x\r\n\r\n"},
    /* no end, no value */
    {"INVITE sip:a SIP/2.0\r\nAuthorization: Digest response=\"ab",
     "INVITE sip:a SIP/2.0\r\nAuthorization: Digest response=\"xx"},
    {"INVITE sip:a SIP/2.0\r\nAuthorization: Digest response=",
     "INVITE sip:a SIP/2.0\r\nAuthorization: Digest response="},
    /* keys of media, in the body alone */
    {"INVITE sip:a SIP/2.0\r\nSubject: inline:abc\r\n\r\na=crypto:1 A inline:Ab+|2^20\r\na=x\r\n",
     "INVITE sip:a SIP/2.0\r\nSubject: inline:abc\r\n\r\na=crypto:1 A inline:xxxxxxxx\r\na=x\r\n"},
    {"200\r\n\r\nk=clear:pass word\r\nk=prompt\r\na=ice-ufrag:ab\r\na=ice-pwd:Ab+/\r\n"
     "a=key-mgmt:mikey AQA b\r\na=fingerprint:sha-256 AB\r\nxk=clear:a\nK=base64:YQ",
     "200\r\n\r\nk=clear:xxxx xxxx\r\nk=prompt\r\na=ice-ufrag:ab\r\na=ice-pwd:xxxx\r\n"
     "a=key-mgmt:mikey xxx x\r\na=fingerprint:sha-256 AB\r\nxk=clear:a\nK=base64:xx"},
    {"200\r\nk=clear:a\r\n\r\na=ice-pwd:", "200\r\nk=clear:a\r\n\r\na=ice-pwd:"},
    {"\r\n\r\nBYE sip:a SIP/2.0\r\nAuthorization: Digest response=ab\r\n\r\n",
     "\r\n\r\nBYE sip:a SIP/2.0\r\nAuthorization: Digest response=xx\r\n\r\n"},
    {"", ""},
};

static void secrets_go_and_lengths_stay(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t n = strlen(rows[i].text);
        char *copy = malloc(n + 1); /* the sanitizer sees a byte too far */
        memcpy(copy, rows[i].text, n);
        char *exact = malloc(n ? n : 1);
        memcpy(exact, copy, n);
        blank_secrets(exact, n);
        if (memcmp(exact, rows[i].expected, n) != 0)
            fail_msg("row %zu: %.*s", i, (int)n, exact);
        free(exact);
        free(copy);
    }
}

static void any_bytes_are_survived(void **state)
{
    static const char parts[][20] = {"Authorization:",
                                     "Digest ",
                                     "Basic ",
                                     "nonce",
                                     "=",
                                     "\"",
                                     "\\",
                                     ",",
                                     "\r\n",
                                     "\n ",
                                     "response",
                                     "\r",
                                     " ",
                                     "inline:",
                                     ":",
                                     "x",
                                     "k=",
                                     "a=ice-pwd:"};
    unsigned seed = 7;
    (void)state;
    for (int run = 0; run < 20000; run++) {
        char text[400];
        size_t n = 0;
        while (n < 100) {
            seed = seed * 1103515245 + 12345;
            const char *part = parts[(seed >> 16) % (sizeof parts / sizeof parts[0])];
            memcpy(text + n, part, strlen(part));
            n += strlen(part);
        }
        n -= seed >> 20 & 15;
        char *exact = malloc(n);
        memcpy(exact, text, n);
        blank_secrets(exact, n);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_go_and_lengths_stay),
        cmocka_unit_test(any_bytes_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
