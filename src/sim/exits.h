/* How the program ends. */
#ifndef BW_SIM_EXITS_H
#define BW_SIM_EXITS_H

/* EXIT_USAGE as sysexits.h has it. EXIT_FAULTY: the run was done, but answers were lost or wrong.
 */
enum { EXIT_FAULTY = 2, EXIT_USAGE = 64 };

#endif
