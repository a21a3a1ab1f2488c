/* targets_measure.h - between targets*.c: what a measure asks for, and its values out of a store.
 */
#ifndef DATASETS_TARGETS_MEASURE_H
#define DATASETS_TARGETS_MEASURE_H

#include "datasets/bursts.h"
#include "datasets/summary.h"
#include "datasets/targets.h"

enum target_part { PART_UPLINK, PART_DOWNLINK, PART_INFERENCE, PARTS };
enum target_statistic {
    STATISTIC_MEAN,
    STATISTIC_STD,
    STATISTIC_MIN,
    STATISTIC_P05,
    STATISTIC_P25,
    STATISTIC_P50,
    STATISTIC_P75,
    STATISTIC_P95,
    STATISTIC_P99,
    STATISTIC_MAX,
    STATISTIC_COUNT,
    STATISTIC_MULTIPLES, /* % of the values that are multiples of `of` */
};

/* The words, NULL-terminated, in the order of the enums. */
extern const char *const target_part_words[];
extern const char *const target_statistic_words[];
extern const char *const target_figure_words[];

struct measure_share {
    int part, by; /* enum target_part, enum summary_by */
};

struct measure_request {
    int quantity; /* enum quantity */
    int statistic, by;
};

struct measure_where {
    const char *column;
    double equals;
};

struct measure_record {
    int table; /* of target_table_words */
    const char *column, *by;
    struct measure_where *where;
    int statistic;
    double of;
};
extern const char *const target_table_words[];

struct measure_bursts {
    int figure; /* of target_figure_words */
    bool by_slice;
};

struct expect_range {
    double lo, hi, tolerance;
};
struct expect_value {
    double value, tolerance;
};
struct expect_order {
    bool strict;
};
struct expect_flips {
    int against; /* enum target_part */
};

/* What was read already, because many targets ask for the same. Zero-initialise; free. */
struct target_cache {
    struct target_summaries {
        struct summary_groups groups;
        const char *scenario, *mode;
        struct target_summaries *next;
    } * summaries;
    struct bursts_table bursts[2]; /* whole series; by slice */
    bool has_bursts[2];
    const char *slices_scenario; /* the pattern that `slices` were counted under */
    int64_t slices;
    bool has_slices;
};
void target_cache_free(struct target_cache *c);

/* Fills r->groups; what is left out, or cannot be measured, is said in r->why. `a` owns the groups
 * and their texts. Returns 0 or an error of reading. */
int target_measure(struct store *s, struct target_cache *c, struct target_result *r,
                   struct arena *a, struct err *e);

#endif
