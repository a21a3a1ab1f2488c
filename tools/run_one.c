/* run_one.c - see run_one.h. */
#include "tools/run_one.h"

#include <time.h>

#include "base/units.h"
#include "tools/progress.h"
#include "tools/version.h"

static int begin(const struct run_one *run, const struct scenario *sc, struct err *e)
{
    char now[32] = "";
    time_t seconds = time(NULL);
    struct tm utc;
    if (gmtime_r(&seconds, &utc) != NULL) {
        strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", &utc);
    }
    struct store_run about = {
        .scenario = sc->name,
        .scenario_text = sc->text,
        .version = version_text(),
        .started_at = now,
        .seed = sc->seed,
        .run_id = run->run_id,
    };
    int64_t run_id = 0;
    return store_begin_run(run->store, &about, &run_id, e);
}

int run_one(const struct run_one *run, const struct load *load, struct run_result *result,
            struct err *e)
{
    int rc = begin(run, &load->scenario, e);
    if (rc != 0) {
        return rc;
    }
    struct run_options options = {
        .seed = (uint64_t)load->scenario.seed,
        .traces = load->traces,
        .sink = &run->sink,
        .progress = run->progress,
        .progress_self = run->progress_self,
        .stop = run->stop,
        .threads = run->threads,
    };
    int64_t start_ns = wall_ns();
    rc = run_scenario(&load->scenario, &options, result, e);
    if (rc != 0) {
        /* The store knows why it refused a row; the run only that it did. */
        const struct err *why = store_error(run->store);
        if (why->code != 0) {
            *e = *why;
        }
        return rc;
    }
    struct store_run_totals totals = {
        .complete = result->complete,
        .events = result->events,
        .fingerprint = result->fingerprint,
        .slots_visited = result->slots_visited,
        .sim_ns = result->sim_ns,
        .arrived = result->arrived,
        .completed = result->completed,
        .failed = result->failed,
        .in_flight = result->in_flight,
        .wall_s = s_of_ns(wall_ns() - start_ns),
    };
    return store_end_run(run->store, &totals, e);
}
