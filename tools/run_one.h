/* run_one.h - one run of a loaded scenario into an open store. */
#ifndef TOOLS_RUN_ONE_H
#define TOOLS_RUN_ONE_H

#include <signal.h>
#include <stdint.h>

#include "base/err.h"
#include "datasets/store.h"
#include "sim/run.h"
#include "tools/load.h"

struct run_one {
    struct store *store;
    int64_t run_id;          /* as in struct store_run */
    struct record_sink sink; /* the store's, or one that passes rows on to it */
    void (*progress)(void *self, const struct run_progress *p); /* NULL: none */
    void *progress_self;
    const volatile sig_atomic_t *stop; /* NULL or as in struct run_options */
    int threads;                       /* the same */
};

/* Begins the run in the store, runs, ends it. A run that was stopped is an incomplete one in the
 * store, and no error: result->complete tells. Safe on many threads, each with its own store. */
int run_one(const struct run_one *run, const struct load *load, struct run_result *result,
            struct err *e);

#endif
