/* results.h - what every reader of a result file says about it. */
#ifndef TOOLS_RESULTS_H
#define TOOLS_RESULTS_H

#include <stdint.h>

/* One line on standard error when runs in the file did not come to their end. */
void results_warn(const char *path, int64_t incomplete_runs);

#endif
