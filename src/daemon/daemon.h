/* The daemon as a whole: builds everything from a configuration, starts the threads, answers
 * signals, reloads, drains, stops. The main thread. */
#ifndef BW_DAEMON_DAEMON_H
#define BW_DAEMON_DAEMON_H

struct conf;

/* Runs until SIGTERM or SIGINT. Takes over the reference. 0 after a clean stop; else an ERR_*,
 * already logged. */
int daemon_run(struct conf *conf);

#endif
