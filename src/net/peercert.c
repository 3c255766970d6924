#include "net/peercert.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "sip/uri.h"

enum { NAMES_MAX = 4096 }; /* of a server's certificate */

static void end_line(struct buf *out, size_t start)
{
    if (out->len > start)
        buf_add_char(out, '\n');
}

static void add_host(struct str host, struct buf *out)
{
    for (size_t i = 0; i < host.n; i++)
        buf_add_char(out, ascii_lower(host.p[i]));
}

static bool add_uri(struct str text, struct buf *out)
{
    struct uri u;
    size_t start = out->len;
    if (uri_parse(text, &u) || u.scheme > URI_SIPS)
        return false;
    if (str_is_none(u.user))
        add_host(u.host, out);
    else if (uri_to_aor(&u, true, out) != URI_OK)
        out->len = start;
    end_line(out, start);
    return true;
}

static struct str text_of(const ASN1_STRING *s)
{
    return (struct str){(const char *)ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s)};
}

static bool add_uris(const GENERAL_NAMES *names, struct buf *out)
{
    bool has_uri = false;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_URI)
            has_uri |= add_uri(text_of(name->d.uniformResourceIdentifier), out);
    }
    return has_uri;
}

/* Those that could be a SIP domain: no wildcard is (RFC 5922 7.2), and a line feed would be two. */
static bool is_plain(struct str host)
{
    for (size_t i = 0; i < host.n; i++)
        if (!ascii_is_alpha(host.p[i]) && !ascii_is_digit(host.p[i]) && host.p[i] != '.' &&
            host.p[i] != '-')
            return false;
    return host.n > 0;
}

static void add_hosts(const GENERAL_NAMES *names, struct buf *out)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        size_t start = out->len;
        if (name->type == GEN_DNS && is_plain(text_of(name->d.dNSName)))
            add_host(text_of(name->d.dNSName), out);
        end_line(out, start);
    }
}

static void read_names(const X509 *certificate, struct buf *out)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    if (!names)
        return;
    if (!add_uris(names, out))
        add_hosts(names, out);
    GENERAL_NAMES_free(names);
}

void peercert_read(const struct ssl_st *tls, struct buf *out)
{
    const X509 *certificate = SSL_get0_peer_certificate(tls);
    if (certificate && SSL_get_verify_result(tls) == X509_V_OK)
        read_names(certificate, out);
}

bool peercert_has(const struct x509_st *certificate, struct str domain)
{
    char text[NAMES_MAX];
    struct buf names = buf_over(text, sizeof text);
    read_names(certificate, &names);
    struct str rest = buf_str(&names);
    while (!names.has_overflown && rest.n) {
        const char *end = str_find(rest, '\n');
        if (end && str_ieq(str_span(rest.p, end), domain))
            return true;
        rest = end ? str_span(end + 1, str_end(rest)) : STR("");
    }
    return false;
}
