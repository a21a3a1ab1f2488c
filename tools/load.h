/* load.h - a scenario with everything that it reads: the file, its --set changes, its traces. */
#ifndef TOOLS_LOAD_H
#define TOOLS_LOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "sim/scenario.h"
#include "sim/trace_item.h"

struct load {
    struct scenario scenario;
    struct trace *traces; /* one per UE group; n = 0 where the group's traffic is no trace */
    size_t n_traces;
    bool shared; /* the traces belong to a cache */
};

/* Traces that many loads read: each file once. Zero-initialise; free after the last load. */
struct trace_cache {
    struct trace_cached *head;
};

/* Reads the scenario and the trace of each UE group that replays one. On an error nothing is left
 * allocated and `load` is empty. */
int load_read(const char *path, const char *const *sets, int n_sets, struct load *load,
              struct err *e);
void load_free(struct load *load);

/* The same with traces from a cache, which may be used on several threads at once. `with_world`
 * false: the caller has built the same world before and knows that it can be. */
int load_read_shared(const char *path, const char *const *sets, int n_sets,
                     struct trace_cache *cache, bool with_world, struct load *load, struct err *e);
void trace_cache_free(struct trace_cache *cache);

#endif
