/* compare.h - two stores, measured or simulated, side by side.
 *
 * What is compared, and when it is alike (the words of `compare_criterion`):
 *   metrics  quantities of completed requests (summary.h), the columns of numbers of ue_records,
 *            server_records and ran_records (all but stamps, names and counters), and rise, jump,
 *            trough and peak of the bursts in UL_THR: alike when the Kolmogorov-Smirnov distance is
 *            at most COMPARE_DISTANCE, or p at least COMPARE_P. The distance is there because among
 *            10^5 records p finds the smallest difference, and because records that follow each
 *            other are not independent, which makes p too small;
 *   shares   of the latency, all requests together and by mode, model, resolution and slice where
 *            both have the group: alike when the 95 % interval of the difference holds 0, or the
 *            difference is at most COMPARE_POINTS;
 *   series   period by autocorrelation, decay constant and floor of UL_THR, medians over the UEs:
 *            alike when they differ by at most COMPARE_SERIES of the first.
 * What one of the two lacks is not comparable; what both lack is not mentioned.
 */
#ifndef DATASETS_COMPARE_H
#define DATASETS_COMPARE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"
#include "datasets/store.h"
#include "datasets/two_sample.h"

/* Assumed: no percentile may shift by more than ten points. */
#define COMPARE_DISTANCE 0.1
#define COMPARE_P        0.05
/* Assumed: what the paper's own ranges of a share differ by between neighbouring groups. */
#define COMPARE_POINTS 2.0
/* Of 5 s this is the 0.2 s that the published period is known to. */
#define COMPARE_SERIES 0.04

enum compare_verdict { COMPARE_ALIKE, COMPARE_DIFFERS, COMPARE_NOT_COMPARABLE };

/* "alike", "differs", "not comparable" */
extern const char *const compare_verdict_words[];
extern const char *const compare_criterion;

struct compare_metric {
    const char *table, *name, *unit;
    int64_t n[2];
    double mean[2];
    struct two_sample apart;
    enum compare_verdict verdict;
};

struct compare_share {
    const char *by, *key, *part;
    int64_t n[2];
    struct share_difference of;
    enum compare_verdict verdict;
};

struct compare_series {
    const char *name, *unit;
    double value[2];
    enum compare_verdict verdict;
};

struct compare {
    struct compare_metric *metrics;
    struct compare_share *shares;
    struct compare_series *series;
    size_t n_metrics, n_shares, n_series;
    size_t counts[COMPARE_NOT_COMPARABLE + 1];
    int64_t runs[2], incomplete_runs[2];
    struct arena arena;
};

/* Compares all runs of `a` with all runs of `b`. Holds a few columns of numbers of both at a time.
 * Free `out` in any case. */
int compare_stores(struct store *a, struct store *b, struct compare *out, struct err *e);
void compare_free(struct compare *c);

/* One JSON object and a newline; a table for people. */
void compare_print_json(const struct compare *c, const char *path, const char *against, FILE *out);
void compare_print_table(const struct compare *c, const char *path, const char *against, FILE *out);

#endif
