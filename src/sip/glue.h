/* The one place that knows libosip2's process-wide state: its start and its allocator hook, which
 * takes from the calling thread's arena while one is entered. */
#ifndef BW_SIP_GLUE_H
#define BW_SIP_GLUE_H

struct arena;

/* Starts the library, once a process, before any other thread runs; idempotent. Its tracing is
 * off: it would write each malformed message to standard output. */
void glue_init(void);

/* Until glue_leave every allocation of the library on this thread comes from the arena, and its
 * frees do nothing. No nesting. */
void glue_enter(struct arena *a);
void glue_leave(void);

#endif
