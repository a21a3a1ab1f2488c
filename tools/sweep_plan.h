/* sweep_plan.h - every combination of the varied values, each with the same seeds.
 *
 * Combinations are numbered from 1, the last --vary changing fastest; a combination's replication r
 * (from 1) has the seed `seed` + r - 1, so combinations share their luck (base/draw.h) and can be
 * compared pair by pair. Run (point - 1) x reps + rep. */
#ifndef TOOLS_SWEEP_PLAN_H
#define TOOLS_SWEEP_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "datasets/sweep.h"
#include "tools/load.h"
#include "tools/vary.h"

enum { SWEEP_RUNS_MAX = 1000000, SWEEP_VARIES_MAX = 16 };

struct sweep_plan {
    /* set by the caller */
    const char *scenario; /* the file */
    const char *const *sets;
    int n_sets;
    struct vary varies[SWEEP_VARIES_MAX];
    int n_varies;
    int64_t reps;
    int64_t seed; /* -1: the scenario's */
    /* set by sweep_plan_make() */
    int64_t n_points, n_runs;
    struct trace_cache traces;
};

/* Counts the combinations; reads the first when its seed is wanted. */
int sweep_plan_make(struct sweep_plan *plan, struct err *e);
void sweep_plan_free(struct sweep_plan *plan);

int64_t sweep_plan_point(const struct sweep_plan *plan, int64_t run_id);
/* Value of the k-th --vary at a combination. */
const char *sweep_plan_value(const struct sweep_plan *plan, int64_t point, int k);

/* Loads a run. `with_world`: also tries to build it (load.h). Many threads may do so at once. */
int sweep_plan_load(struct sweep_plan *plan, int64_t run_id, bool with_world, struct load *load,
                    struct err *e);

/* Loads every combination and tries its world: whatever is wrong with one is found here. */
int sweep_plan_try(struct sweep_plan *plan, struct err *e);

/* All runs in order. `state` is the source's own and needs no end but sweep_rows_free(). */
struct sweep_rows {
    struct sweep_plan *plan;
    bool with_world;
    int64_t next; /* run */
    struct load load;
    bool loaded;
    struct arena arena; /* of the row given out last */
};
struct sweep_source sweep_plan_rows(struct sweep_plan *plan, bool with_world,
                                    struct sweep_rows *state);
void sweep_rows_free(struct sweep_rows *state);

#endif
