/* Signals as events of a loop: SIGTERM, SIGINT and SIGUSR1. SIGPIPE is ignored. One a process. */
#ifndef BW_SIM_SIGNALS_H
#define BW_SIM_SIGNALS_H

struct loop;
struct signals;

typedef void signals_fn(int number, void *arg);

/* 0, ERR_NOMEM, ERR_IO. */
int signals_new(struct loop *l, signals_fn *fn, void *arg, struct signals **out);

/* NULL is legal. */
void signals_free(struct signals *s);

#endif
