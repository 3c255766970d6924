/* The command "breakwater-sim registrar": a registrar on a UDP socket, which can be made slow,
 * silent, forgetful and unwilling. */
#ifndef BW_SIM_SERVE_H
#define BW_SIM_SERVE_H

/* Runs until SIGTERM or SIGINT. The program's exit code. */
int serve_main(int argc, char **argv);

#endif
