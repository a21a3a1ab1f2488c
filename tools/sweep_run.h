/* sweep_run.h - does the runs of a plan: on all threads of this process, and of all ranks. */
#ifndef TOOLS_SWEEP_RUN_H
#define TOOLS_SWEEP_RUN_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "tools/ranks.h"
#include "tools/sweep_plan.h"

struct sweep_work {
    struct sweep_plan *plan;
    const char *out;     /* the sweep's store; shards lie beside it */
    int threads;         /* of this rank */
    const int64_t *todo; /* rank 0: numbers of the runs to do, rising */
    int64_t n_todo;
    struct ranks *ranks;
    const volatile sig_atomic_t *stop;
    bool quiet;

    int64_t done; /* result, rank 0: runs that are complete now */
};

/* All ranks call it together. Comes back when every shard is closed. Errors: of the first run that
 * failed (no new ones are begun then), or ERR_INTERRUPTED. */
int sweep_run(struct sweep_work *work, struct err *e);

#endif
