/* The command "breakwater-sim forecast": what a storm would be like, from the live binding table of
 * a daemon, without sending a packet. */
#ifndef BW_SIM_FORECAST_H
#define BW_SIM_FORECAST_H

/* Reads, reckons, prints. The program's exit code. */
int forecast_main(int argc, char **argv);

#endif
