/* TLS 1.2 and 1.3, by OpenSSL. A context is what the configuration says of
 * a listener: certificates with their keys, whose clients are asked for theirs; it is read by all
 * workers and never changed. With several certificates the one that has the name which the client
 * asks for is shown (SNI), else the first. Clients get tickets, so that to come again is cheap
 * (RFC 8446 4.6.1, RFC 5077) and so that a device is known again: in each is its session family. A
 * ticket is good for the listener that gave it, as long as whom that asks for a certificate is what
 * it was. SIGPIPE must be blocked. */
#ifndef BW_NET_TLS_H
#define BW_NET_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct family;
struct ssl_st;
struct tickets;
struct tls_context;

struct tls_conf {
    const char *const *certificates; /* files with a chain in PEM each */
    const char *const *keys;         /* of the certificates, in their order; mode 0600 */
    size_t n;
    const char *client_ca; /* a file of authorities; "" or NULL: clients are not asked */
    const char *name;      /* of the listener; NULL: "" */
};

enum { TLS_WHY = 256 };

/* Any thread. ERR_NOMEM; ERR_BADCONF: why says what is wrong with which file, never what is in it.
 */
int tls_context_new(const struct tls_conf *conf, char why[TLS_WHY], struct tls_context **out);

/* What connections of ours need. */
struct tls_client_conf {
    const char *ca;   /* a file of authorities; "" or NULL: the system's */
    bool is_verified; /* whether servers must prove who they are */
};

/* A client's context. As tls_context_new. */
int tls_client_new(const struct tls_client_conf *conf, char why[TLS_WHY], struct tls_context **out);

/* Any thread. The connections that were begun with it go on. NULL is legal. */
struct tls_context *tls_context_ref(struct tls_context *t);
void tls_context_unref(struct tls_context *t);

/* The keys of its tickets, which outlive it; without, they are keys of its own. Before the first
 * connection. */
void tls_context_set_tickets(struct tls_context *t, struct tickets *tickets);

/* ---- one connection, on the thread that owns it */

/* A server's end on a descriptor, which stays the caller's. NULL: no memory. */
struct ssl_st *tls_accept(struct tls_context *t, int fd);

/* A client's end, with a client's context. name: the host name or IP address that the certificate
 * must have; a host name is also asked for (SNI). */
struct ssl_st *tls_connect(struct tls_context *t, int fd, const char *name);

/* Tells the peer that it ends, if that can be told at once. NULL is legal. */
void tls_free(struct ssl_st *tls);

/* Tells the peer that nothing more is sent; NULL is legal. */
void tls_end(struct ssl_st *tls);

/* As read(2) and write(2); the handshake is done on the way. -1 with EAGAIN: see tls_wants_write;
 * with EPROTO: the peer does not speak TLS as we want it. What could not be written is to be
 * written again, the same bytes first. */
ssize_t tls_read(struct ssl_st *tls, void *out, size_t n);
ssize_t tls_write(struct ssl_st *tls, const void *bytes, size_t n);

/* It waits until it can write, whatever it was asked for. */
bool tls_wants_write(const struct ssl_st *tls);

bool tls_is_open(const struct ssl_st *tls);    /* the handshake is over */
bool tls_is_resumed(const struct ssl_st *tls); /* by a ticket */

/* The family of its session, once it is open; none, where the client does not take tickets. */
struct family tls_family(const struct ssl_st *tls);

#endif
