/* The simulated machine: what fake_sys.c, fake_loop.c, fake_inbox.c, fake_udp.c, fake_resolver.c
 * and fake_stream.c offer beyond the
 * symbols of base/sys.h and net/{loop,inbox,udp}.h that they stand in for. There is one machine, so
 * its state is the process's; one thread. */
#ifndef BW_TESTS_SIM_FAKE_H
#define BW_TESTS_SIM_FAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/family.h"
#include "base/str.h"

struct dns_answer;
struct dns_question;

/* Where each run begins: milliseconds since boot, and what the wall clock says then. */
#define FAKE_BOOT_MS 1000000ULL
#define FAKE_WALL_MS 1780272000000ULL /* 2026-06-01 00:00:00 UTC */

/* The clock goes back to the beginning, randomness follows from the seed. */
void fake_sys_start(uint64_t seed);

/* The clock only goes forward. */
void fake_sys_set_ms(uint64_t now_ms);

/* Somebody sets the wall clock: so much on, or back. */
void fake_sys_step_wall(int64_t ms);

/* A program starts: its service clock begins by the wall clock. */
void fake_sys_boot(void);

/* Lets every loop that has something to do now have one turn, in the order in which the loops were
 * made. False: none had. */
bool fake_loop_turn_all(void);

bool fake_loop_has_work(void);

/* The time when a loop may have something to do, UINT64_MAX for never; not before now + 1. */
uint64_t fake_loop_next_ms(void);

/* Where datagrams that were sent go to; at the end of the sender's turn. */
typedef void fake_udp_fn(const struct addr *from, const struct addr *to, struct str bytes,
                         void *arg);
void fake_udp_on_send(fake_udp_fn *fn, void *arg);

/* What the network card hands in: copied to a socket that is bound to the address. Where workers
 * share it, the one with this number gets it (-1: a hash of the two addresses chooses). False:
 * nobody listens there. */
bool fake_udp_deliver(const struct addr *from, const struct addr *to, struct str bytes, int socket);

/* The same for streams: messages whole as they were sent; what is delivered opens a connection from
 * that address where there is none. These bytes are its end, seen from either side. */
typedef bool fake_stream_there_fn(const struct addr *peer, void *arg);
void fake_stream_on_connect(fake_stream_there_fn *fn, void *arg); /* who takes our connections */
#define FAKE_STREAM_CLOSED "CLOSED"
void fake_stream_on_send(fake_udp_fn *fn, void *arg);
/* What connections from an address say from now on that they are: sessions of that family. */
void fake_stream_set_family(const struct addr *from, const struct family *family);
bool fake_stream_deliver(const struct addr *from, const struct addr *to, struct str bytes,
                         int socket);

/* What the DNS says from now on: at first that there is no name at all. Set: the records of one
 * name and type, in place of those that it had. It answers after FAKE_RESOLVER_MS, and when it is
 * silent that nothing came after FAKE_RESOLVER_SILENT_MS. */
enum { FAKE_RESOLVER_MS = 10, FAKE_RESOLVER_SILENT_MS = 4000 };
void fake_resolver_start(void);

/* The system's routes: none but the usual ones; to a peer, from an address of ours. False: too
 * many.
 */
void fake_udp_start(void);
bool fake_udp_add_route(const struct addr *peer, const struct addr *local);

void fake_resolver_set(const struct dns_question *q, const struct dns_answer *a);
void fake_resolver_forget(struct str name);
void fake_resolver_be_silent(bool is_silent);

#endif
