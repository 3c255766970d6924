/* The command "breakwater-sim storm": phones that come back all at once, and what that does on both
 * sides of the registrar that they come back to. */
#ifndef BW_SIM_STORM_H
#define BW_SIM_STORM_H

/* Plays one storm, prints and draws what came of it. The program's exit code. */
int storm_main(int argc, char **argv);

#endif
