/* bursts.h - what a throughput series says of the uploads in it: the bursts of WiLLM figure 19.
 *
 * Of a series (t, value), usually UL_THR of one UE, in the order of time:
 *   - a burst rises from a trough (the last of the lowest points before it) to a peak (the last
 *     point as high as any since), once it has risen by more than `threshold`; it is over when
 *     nothing higher has come for `settle_s`. Rise is peak - trough in time, jump in value, period
 *     from peak to next peak. With the defaults the published series of the run without slices
 *     gives the published medians and quartiles to their last digit (data/willm/published_targets,
 *     lines 76 to 79);
 *   - the period by autocorrelation: the lag of the highest local maximum of the series' own
 *     correlation, resampled evenly, from BURSTS_MIN_LAG_S on;
 *   - between bursts UL_THR is an average that forgets: value = floor + A exp(-t / tau), fitted by
 *     least squares with one tau for all gaps and a floor and an A for each.
 * A series with holes longer than `gap_s` (a slice that is not always active) is many pieces:
 * nothing is looked for across a hole.
 *
 * Quartiles interpolate linearly between order statistics, as everywhere (summary.h). What cannot
 * be computed is NAN.
 */
#ifndef DATASETS_BURSTS_H
#define DATASETS_BURSTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

struct store;

/* A lag below this would be the same burst. */
#define BURSTS_MIN_LAG_S 1.0
#define BURSTS_MAX_LAG_S 20.0

struct bursts_point {
    double t_s, value;
};

struct bursts_options {
    double threshold; /* value that a rise must exceed */
    double settle_s;  /* without anything higher, a burst is over after this */
    double gap_s;     /* a longer hole ends a piece of the series */
};

/* 40 (any value of 25 to 40 finds the same bursts in the published series), 1 s, 5 s. */
struct bursts_options bursts_defaults(void);

struct burst {
    double start_s, peak_s, trough, peak;
};

struct bursts_quartiles {
    double q1, median, q3;
};

struct bursts {
    size_t n_points, n_pieces;
    double mean, std, min, max; /* of the points */
    struct burst *items;        /* in the arena */
    size_t n;
    struct bursts_quartiles rise_s, jump, period_s, trough, peak;
    double autocorrelation_s;
    double tau_s;
    struct bursts_quartiles floor;
    size_t n_decays; /* gaps that tau and floor were fitted to */
};

/* Looks at points[0..n). ERR_MEMORY is all that can fail. */
int bursts_find(const struct bursts_point *points, size_t n, const struct bursts_options *o,
                struct arena *arena, struct bursts *out, struct err *e);

/* One series of a store: UL_THR of one UE in one run (and, when asked for, in one slice). */
struct bursts_series {
    int64_t run_id, ue_id;
    const char *slice_id; /* NULL: none, or not asked for */
    int64_t first_ms, last_ms;
    struct bursts bursts;
};

struct bursts_table {
    struct bursts_series *items; /* by run, UE, slice */
    size_t n;
    int64_t runs, incomplete_runs;
    struct arena arena;
};

/* The throughput of all ran_records, in the order of run, UE, time, frame and slot. */
struct bursts_row;
struct bursts_points {
    struct bursts_row *rows;
    size_t n, room;
    const char **slices; /* in the arena */
    size_t n_slices, slices_room;
    int64_t runs, incomplete_runs;
    struct arena arena;
};

/* Reads them, in time O(n) when the records of a UE were written in their order. Free in any case.
 */
int bursts_points_read(struct store *s, struct bursts_points *p, struct err *e);
void bursts_points_free(struct bursts_points *p);

/* The series that they make; none is no error. Free the table in any case. */
int bursts_of_points(const struct bursts_points *p, int by_slice, const struct bursts_options *o,
                     struct bursts_table *out, struct err *e);

/* Both. ERR_INPUT: there are none with a throughput. Free the table in any case. */
int bursts_of_store(struct store *s, int by_slice, const struct bursts_options *o,
                    struct bursts_table *out, struct err *e);
void bursts_table_free(struct bursts_table *t);

#endif
