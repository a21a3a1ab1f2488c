/* load.h - a scenario with everything that it reads: the file, its --set changes, its traces. */
#ifndef TOOLS_LOAD_H
#define TOOLS_LOAD_H

#include <stddef.h>

#include "base/err.h"
#include "sim/scenario.h"
#include "sim/trace_item.h"

struct load {
    struct scenario scenario;
    struct trace *traces; /* one per UE group; n = 0 where the group's traffic is no trace */
    size_t n_traces;
};

/* Reads the scenario and the trace of each UE group that replays one. On an error nothing is left
 * allocated and `load` is empty. */
int load_read(const char *path, const char *const *sets, int n_sets, struct load *load,
              struct err *e);
void load_free(struct load *load);

#endif
