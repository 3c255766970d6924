#include "net/tls.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/family.h"
#include "base/stats.h"
#include "base/sys.h"
#include "net/peercert.h"
#include "net/ticket.h"

struct tls_context {
    atomic_uint n_refs;
    size_t n;
    struct tickets *tickets; /* NULL: OpenSSL's own */
    SSL_CTX *contexts[];     /* one for each certificate */
};

/* ---------------------------------------------------------------- contexts */

static int fault(char why[TLS_WHY], const char *path, const char *what)
{
    (void)snprintf(why, TLS_WHY, "\"%.150s\" %s", path, what);
    ERR_clear_error();
    return ERR_BADCONF;
}

/* The name that the client asks for, the wildcards of certificates considered. */
static bool has_name(SSL_CTX *ctx, const char *name)
{
    X509 *certificate = SSL_CTX_get0_certificate(ctx);
    return certificate && X509_check_host(certificate, name, 0, 0, NULL) == 1;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type of OpenSSL's callback */
static int on_server_name(SSL *tls, int *alert, void *arg)
{
    const struct tls_context *t = arg;
    const char *name = SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name);
    (void)alert;
    for (size_t i = 0; name && i < t->n; i++) {
        if (!has_name(t->contexts[i], name))
            continue;
        SSL_set_SSL_CTX(tls, t->contexts[i]);
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_NOACK;
}

static int check_key_file(const char *path, char why[TLS_WHY])
{
    struct stat st;
    if (stat(path, &st))
        return fault(why, path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return fault(why, path, "is not a regular file");
    if (st.st_mode & 07)
        return fault(why, path, "can be used by everybody; expected mode 0600");
    return 0;
}

static int load_pair(SSL_CTX *ctx, const char *certificate, const char *key, char why[TLS_WHY])
{
    int err = check_key_file(key, why);
    if (err)
        return err;
    if (SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1)
        return fault(why, certificate, "is no certificate in PEM that can be read");
    /* A key of another certificate fails in either of the two. */
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1) {
        bool is_other = ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH;
        return fault(why, key,
                     is_other ? "is not the key of its certificate"
                              : "is no private key in PEM without a passphrase");
    }
    if (SSL_CTX_check_private_key(ctx) != 1)
        return fault(why, key, "is not the key of its certificate");
    return 0;
}

static int load_client_ca(SSL_CTX *ctx, const char *path, char why[TLS_WHY])
{
    if (!path || !path[0])
        return 0;
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(path);
    if (!names || SSL_CTX_load_verify_locations(ctx, path, NULL) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return fault(why, path, "has no certificates in PEM that can be read");
    }
    SSL_CTX_set_client_CA_list(ctx, names);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return 0;
}

/* ---------------------------------------------------------------- tickets */

/* Whether a ticket is taken depends on this: a device must not get around a question for its
 * certificate by what another listener gave it, or this one while it asked others. */
static int name_sessions(SSL_CTX *ctx, const struct tls_conf *conf, char why[TLS_WHY])
{
    unsigned char id[EVP_MAX_MD_SIZE], block[4096];
    unsigned int len = 0;
    const char *name = conf->name ? conf->name : "", *ca = conf->client_ca;
    FILE *f = ca && ca[0] ? fopen(ca, "re") : NULL;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool is_done = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
                   EVP_DigestUpdate(md, name, strlen(name) + 1) == 1;
    for (size_t n = 1; is_done && f && n > 0;) {
        n = fread(block, 1, sizeof block, f);
        is_done = EVP_DigestUpdate(md, block, n) == 1;
    }
    is_done = is_done && EVP_DigestFinal_ex(md, id, &len) == 1 &&
              SSL_CTX_set_session_id_context(ctx, id, len) == 1;
    bool is_unread = ca && ca[0] && (!f || ferror(f));
    if (f)
        (void)fclose(f);
    EVP_MD_CTX_free(md);
    if (is_unread)
        return fault(why, ca, "cannot be read");
    return is_done ? 0 : ERR_NOMEM;
}

static struct family family_of(const SSL_SESSION *session)
{
    void *data = NULL;
    size_t n = 0;
    struct family f = {0};
    /* not changed, though OpenSSL's type has it so */
    if (session && SSL_SESSION_get0_ticket_appdata((SSL_SESSION *)(uintptr_t)session, &data, &n) &&
        n == sizeof f)
        memcpy(&f, data, sizeof f);
    return f;
}

/* A ticket is about to be made. In a session that was resumed the family is there already. */
static int on_new_ticket(SSL *tls, void *arg)
{
    SSL_SESSION *session = SSL_get_session(tls);
    struct family f = family_of(session);
    (void)arg;
    if (!family_is_none(&f))
        return 1;
    sys_random(&f, sizeof f);
    return SSL_SESSION_set1_ticket_appdata(session, &f, sizeof f);
}

/* A certificate that was shown then has to be good still. */
static bool is_certificate_over(SSL_SESSION *session)
{
    const X509 *certificate = session ? SSL_SESSION_get0_peer(session) : NULL;
    return certificate && X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type of OpenSSL's callback */
static SSL_TICKET_RETURN on_ticket(SSL *tls, SSL_SESSION *session, const unsigned char *name,
                                   size_t name_len, SSL_TICKET_STATUS status, void *arg)
{
    (void)tls;
    (void)name;
    (void)name_len;
    (void)arg;
    if (status == SSL_TICKET_NO_DECRYPT)
        stats_inc(STAT_TICKETS_UNKNOWN);
    if ((status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) ||
        is_certificate_over(session))
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

static int on_ticket_key(SSL *tls, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                         EVP_MAC_CTX *mac, int is_sealing)
{
    const struct tls_context *t = SSL_get_app_data(tls);
    return is_sealing ? ticket_seal(t->tickets, name, iv, cipher, mac)
                      : ticket_open(t->tickets, name, iv, cipher, mac);
}

void tls_context_set_tickets(struct tls_context *t, struct tickets *tickets)
{
    t->tickets = tickets;
    for (size_t i = 0; i < t->n; i++)
        SSL_CTX_set_tlsext_ticket_key_evp_cb(t->contexts[i], on_ticket_key);
}

/* ---------------------------------------------------------------- a context */

/* There is nobody to type one.
 * NOLINTNEXTLINE(readability-non-const-parameter): the type of OpenSSL's callback */
static int no_passphrase(char *out, int len, int is_writing, void *arg)
{
    (void)out;
    (void)len;
    (void)is_writing;
    (void)arg;
    return -1;
}

/* The memory of idle connections is given back: 13 kB instead of 46. */
static void set_modes(SSL_CTX *ctx)
{
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets need none */
    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_CTX_set_timeout(ctx, TICKET_LIFE_S);
    SSL_CTX_set_max_early_data(ctx, 0); /* it could be replayed */
    SSL_CTX_set_session_ticket_cb(ctx, on_new_ticket, on_ticket, NULL);
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
}

static int fill(struct tls_context *t, size_t i, const struct tls_conf *conf, char why[TLS_WHY])
{
    SSL_CTX *ctx = t->contexts[i] = SSL_CTX_new(TLS_server_method());
    if (!ctx || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1)
        return ERR_NOMEM;
    set_modes(ctx);
    int err = load_pair(ctx, conf->certificates[i], conf->keys[i], why);
    if (!err)
        err = load_client_ca(ctx, conf->client_ca, why);
    if (!err)
        err = name_sessions(ctx, conf, why);
    if (err)
        return err;
    SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
    SSL_CTX_set_tlsext_servername_arg(ctx, t);
    return 0;
}

int tls_context_new(const struct tls_conf *conf, char why[TLS_WHY], struct tls_context **out)
{
    int err = 0;
    struct tls_context *t = calloc(1, sizeof *t + conf->n * sizeof(SSL_CTX *));
    if (!t)
        return ERR_NOMEM;
    t->n_refs = 1;
    t->n = conf->n;
    for (size_t i = 0; !err && i < conf->n; i++)
        err = fill(t, i, conf, why);
    if (err) {
        tls_context_unref(t);
        return err;
    }
    *out = t;
    return 0;
}

/* RFC 5922 7.1. An address, and a wildcard that is asked for as such, are OpenSSL's to compare. */
static int on_server_certificate(int is_good, X509_STORE_CTX *store)
{
    const SSL *tls = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    const char *name = SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name);
    if (!is_good || X509_STORE_CTX_get_error_depth(store) > 0 || !name ||
        peercert_has(X509_STORE_CTX_get_current_cert(store), str_of(name)))
        return is_good;
    X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH);
    return 0;
}

static int load_server_ca(SSL_CTX *ctx, const struct tls_client_conf *conf, char why[TLS_WHY])
{
    if (!conf->is_verified)
        return 0;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, on_server_certificate);
    if (!conf->ca || !conf->ca[0])
        return SSL_CTX_set_default_verify_paths(ctx) == 1 ? 0 : ERR_NOMEM;
    if (SSL_CTX_load_verify_locations(ctx, conf->ca, NULL) != 1)
        return fault(why, conf->ca, "has no certificates in PEM that can be read");
    return 0;
}

int tls_client_new(const struct tls_client_conf *conf, char why[TLS_WHY], struct tls_context **out)
{
    struct tls_context *t = calloc(1, sizeof *t + sizeof(SSL_CTX *));
    if (!t)
        return ERR_NOMEM;
    t->n_refs = 1;
    t->n = 1;
    SSL_CTX *ctx = t->contexts[0] = SSL_CTX_new(TLS_client_method());
    int err = ctx && SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 ? 0 : ERR_NOMEM;
    if (!err) {
        set_modes(ctx);
        err = load_server_ca(ctx, conf, why);
    }
    if (err) {
        tls_context_unref(t);
        return err;
    }
    *out = t;
    return 0;
}

struct tls_context *tls_context_ref(struct tls_context *t)
{
    atomic_fetch_add(&t->n_refs, 1);
    return t;
}

void tls_context_unref(struct tls_context *t)
{
    if (!t || atomic_fetch_sub(&t->n_refs, 1) > 1)
        return;
    for (size_t i = 0; i < t->n; i++)
        SSL_CTX_free(t->contexts[i]);
    free(t);
}

/* ---------------------------------------------------------------- connections */

/* It holds the context for as long as its handshake may still ask for a name. */
static SSL *new_end(struct tls_context *t, int fd)
{
    SSL *tls = SSL_new(t->contexts[0]);
    if (!tls)
        return NULL;
    if (SSL_set_fd(tls, fd) != 1 || SSL_set_app_data(tls, t) != 1) {
        SSL_free(tls);
        return NULL;
    }
    tls_context_ref(t);
    return tls;
}

struct ssl_st *tls_accept(struct tls_context *t, int fd)
{
    SSL *tls = new_end(t, fd);
    if (tls)
        SSL_set_accept_state(tls);
    return tls;
}

/* What its certificate must say. An address has no SNI (RFC 6066 3). No wildcard is anybody's (RFC
 * 5922 7.2) but one that stands in the configuration. */
static bool set_name(SSL *tls, const char *name)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(tls);
    struct addr a = {0};
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
                                               X509_CHECK_FLAG_NO_WILDCARDS);
    if (addr_parse_host(str_of(name), &a) == 0)
        return X509_VERIFY_PARAM_set1_ip(param, a.ip, a.family == 4 ? 4 : 16) == 1;
    if (name[0] == '*')
        return SSL_set1_host(tls, name) == 1;
    return SSL_set_tlsext_host_name(tls, name) == 1;
}

struct ssl_st *tls_connect(struct tls_context *t, int fd, const char *name)
{
    SSL *tls = new_end(t, fd);
    if (!tls)
        return NULL;
    if (!set_name(tls, name)) {
        tls_free(tls);
        return NULL;
    }
    SSL_set_connect_state(tls);
    return tls;
}

void tls_free(struct ssl_st *tls)
{
    if (!tls)
        return;
    struct tls_context *t = SSL_get_app_data(tls);
    ERR_clear_error();
    if (SSL_is_init_finished(tls))
        (void)SSL_shutdown(tls);
    SSL_free(tls);
    ERR_clear_error();
    tls_context_unref(t);
}

void tls_end(struct ssl_st *tls)
{
    ERR_clear_error();
    if (tls && SSL_is_init_finished(tls))
        (void)SSL_shutdown(tls);
}

static ssize_t result(const SSL *tls, int n)
{
    if (n > 0)
        return n;
    switch (SSL_get_error(tls, n)) {
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_SYSCALL:
        if (errno == 0 || errno == EAGAIN)
            errno = ECONNRESET;
        return -1;
    default:
        errno = EPROTO;
        return -1;
    }
}

static int most(size_t n)
{
    return n < INT_MAX ? (int)n : INT_MAX;
}

ssize_t tls_read(struct ssl_st *tls, void *out, size_t n)
{
    ERR_clear_error();
    errno = 0;
    return result(tls, SSL_read(tls, out, most(n)));
}

/* A connection may outlive its ticket, and what it is for is the day when the connection is gone.
 * TLS 1.2 has no way to give another one in between. It goes out with what is written next. */
static void renew_ticket(struct ssl_st *tls)
{
    int64_t made_at_s = SSL_SESSION_get_time(SSL_get_session(tls));
    if (SSL_version(tls) == TLS1_3_VERSION && SSL_is_init_finished(tls) &&
        (int64_t)(sys_wall_ms() / 1000) - made_at_s > TICKET_KEY_S)
        (void)SSL_new_session_ticket(tls);
}

ssize_t tls_write(struct ssl_st *tls, const void *bytes, size_t n)
{
    ERR_clear_error();
    errno = 0;
    renew_ticket(tls);
    return result(tls, SSL_write(tls, bytes, most(n)));
}

bool tls_wants_write(const struct ssl_st *tls)
{
    return SSL_want_write(tls);
}

bool tls_is_open(const struct ssl_st *tls)
{
    return SSL_is_init_finished(tls);
}

bool tls_is_resumed(const struct ssl_st *tls)
{
    return SSL_session_reused(tls);
}

struct family tls_family(const struct ssl_st *tls)
{
    return family_of(SSL_get_session(tls));
}
