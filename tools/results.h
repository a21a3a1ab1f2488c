/* results.h - where result files go, and what every reader of one says about it. */
#ifndef TOOLS_RESULTS_H
#define TOOLS_RESULTS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "sim/scenario.h"

/* One line on standard error when runs in the file did not come to their end. */
void results_warn(const char *path, int64_t incomplete_runs);

/* out/NAME-SUFFIX.sqlite, and the folder out/; `*made_folder` says whether it was not there. */
int results_default_path(const struct scenario *sc, const char *suffix, char path[PATH_MAX],
                         bool *made_folder, struct err *e);

/* A folder that is missing is a wrong `path`, said before the run. */
int results_check_folder(const char *path, struct err *e);

#endif
