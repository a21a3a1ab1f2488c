/* sweep.h - the store of a sweep: what is to be run, and the shards that it is run into.
 *
 *     sweep_create --> runs and sweep_points of all runs, none complete
 *                        |    workers: store_open(DB.rankR), store_begin_run(run_id), ...
 *                        v
 *     sweep_merge  --> the complete runs of the shards, in the order of their numbers
 *
 * A run has its number (run_id) before it runs, so the tables do not hang on who ran it. A shard
 * is an ordinary store that one worker writes, one run after the other in rising order.
 *
 * Invariants (tests/datasets/sweep.c names them):
 *   W1 at any time the store lists every run of the sweep; complete = 1 only where all its rows are
 *      there;
 *   W2 a run is merged whole or not at all, and once;
 *   W3 a run that is not what the store lists (another scenario text) is refused, and then nothing
 *      of its shard is lost;
 *   W4 the exported tables are the same whatever the shards held.
 */
#ifndef DATASETS_SWEEP_H
#define DATASETS_SWEEP_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

/* One run of a sweep. */
struct sweep_row {
    int64_t run_id, point, rep, seed; /* all but the seed count from 1 */
    const char *scenario, *scenario_text, *version;
    int n_values; /* at least 1 */
    const char *const *paths;
    const char *const *values;
};

/* Where the rows come from: fills the next of them, which stays good until the next call; 1: one
 * more, 0: that was all, < 0: an error. */
struct sweep_source {
    int (*next)(void *self, struct sweep_row *row, struct err *e);
    void *self;
};

/* Makes the store anew (an older one is replaced) with all runs of the source, none complete.
 * Errors as store_open() for writing, and those of the source. */
int sweep_create(const char *path, const struct sweep_source *source, struct err *e);

/* ERR_INPUT unless the store lists exactly the runs of the source. */
int sweep_check(const char *path, const struct sweep_source *source, struct err *e);

/* Numbers of the runs that are not complete, rising; memory from the arena. */
int sweep_missing(const char *path, struct arena *a, const int64_t **ids, int64_t *n,
                  struct err *e);

/* Name of the shard of a thread of a rank: PATH.rank3, PATH.rank3-1, ... Memory from the arena,
 * NULL: none left. */
char *sweep_shard_path(struct arena *a, const char *path, int rank, int thread);

/* Moves the complete runs of all shards of `path` into it and removes the shards. `*merged` is how
 * many runs that were. A damaged shard, or one of another sweep, is an error and stays. */
int sweep_merge(const char *path, int64_t *merged, struct err *e);

/* Removes the shards of `path` and what is in them. */
int sweep_shards_remove(const char *path, struct err *e);

#endif
