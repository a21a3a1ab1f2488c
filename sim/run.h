/* run.h - runs one scenario from its first event to its last. */
#ifndef SIM_RUN_H
#define SIM_RUN_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "sim/record.h"
#include "sim/scenario.h"
#include "sim/trace_item.h"

struct run_progress {
    int64_t now_ns, end_ns;
    uint64_t events, requests_done;
};

struct run_options {
    uint64_t seed;
    const struct trace *traces;     /* one per UE group (n = 0 where the group has no trace) */
    const struct record_sink *sink; /* NULL: no rows */
    void (*progress)(void *self, const struct run_progress *p); /* NULL: none; a few per second */
    void *progress_self;
    const volatile sig_atomic_t *stop; /* NULL or: stop cleanly when not 0 */
    const int *arms; /* by UE group that learns its slice: the arm of the whole run, -1: as its
                        policy says; NULL: all as their policies say */
    int threads;     /* at most; 0 and 1: one. The results are the same (sim/parts.h) */
};

struct run_result {
    uint64_t events, fingerprint, slots_visited;
    int64_t sim_ns;
    uint64_t arrived, completed, failed, in_flight;
    bool complete;    /* false: stopped by run_options.stop */
    uint64_t windows; /* times that threads waited for one another; 0: one thread */
    const char
        *obstacle; /* why one thread alone ran it; NULL: nothing did, or none was asked for */
};

/* Runs the scenario; rows go to the sink while it runs, the totals (cells, GPUs, requests still in
 * flight) at the end. Errors: ERR_WORK, ERR_MEMORY, or what the sink returned. */
int run_scenario(const struct scenario *sc, const struct run_options *options,
                 struct run_result *result, struct err *e);

#endif
