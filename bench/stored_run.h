/* stored_run.h - for the benchmarks: one run into a store of its own, as `willmsim run` leaves it,
 * opening and closing included. */
#ifndef BENCH_STORED_RUN_H
#define BENCH_STORED_RUN_H

#include <stdbool.h>

#include "datasets/store.h"
#include "sim/run.h"

/* options->sink is not looked at: rows go to a new store `db`. `requests_only`: without the rows of
 * UEs and servers. Returns 0 or an error of the store or the run. */
static inline int stored_run(const struct scenario *sc, const struct run_options *options,
                             const char *db, bool requests_only, struct run_result *result,
                             struct err *e)
{
    struct store *store = NULL;
    struct store_run about = {.scenario = sc->name, .scenario_text = sc->text, .version = "bench"};
    struct run_options stored = *options;
    int64_t run_id = 0;
    int rc = store_open(db, STORE_CREATE, &store, e);
    if (rc == 0) {
        rc = store_begin_run(store, &about, &run_id, e);
    }
    if (rc == 0) {
        struct record_sink sink = store_sink(store);
        if (requests_only) {
            sink.ue = NULL;
            sink.server = NULL;
        }
        stored.sink = &sink;
        rc = run_scenario(sc, &stored, result, e);
    }
    if (rc == 0) {
        struct store_run_totals totals = {.complete = result->complete, .sim_ns = result->sim_ns};
        rc = store_end_run(store, &totals, e);
    }
    int closed = store_close(store, rc == 0 ? e : NULL);
    return rc != 0 ? rc : closed;
}

#endif
