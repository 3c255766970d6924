/* The command "breakwater-sim phones": many phones that register, refresh, and check every answer.
 */
#ifndef BW_SIM_PHONES_H
#define BW_SIM_PHONES_H

/* Runs for its time, prints a report. The program's exit code. */
int phones_main(int argc, char **argv);

#endif
