/* stop.h - SIGINT and SIGTERM ask for a clean end. */
#ifndef TOOLS_STOP_H
#define TOOLS_STOP_H

#include <signal.h>

/* From now on a first SIGINT or SIGTERM sets the flag that is returned (for run_options.stop); a
 * second one ends the program at once. */
const volatile sig_atomic_t *stop_catch(void);

#endif
