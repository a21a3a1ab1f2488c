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
enum { TABLES_MAX = 4, RAN_RECORDS = 2 }; /* their number; its place */

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

/* What all targets of a file ask of one table's rows, read in one pass over it. A column is wanted
 * as numbers, as words (what a row is grouped or chosen by), or both. */
struct target_column {
    const char *name;
    bool as_number, as_word;
    double *numbers; /* [rows] NAN: empty cell */
    int32_t *words;  /* [rows] index into texts, -1: empty cell */
    char **texts;
    size_t n_texts, texts_room;
    int last_type; /* SQLite's, and value, of the last cell */
    double last;
    void *tree; /* of texts (search.h) */
};
struct target_rows {
    struct target_column *columns;
    size_t n_columns, columns_room;
    size_t n, room;
};

/* What was read already, because many targets ask for the same. Zero-initialise but for the first
 * two; free. */
struct target_cache {
    const struct targets *targets;       /* all that will be measured */
    const struct targets_watch *watch;   /* NULL: nobody does */
    struct target_rows rows[TABLES_MAX]; /* by target_table_words; unread: no columns */
    struct target_summaries {
        struct summary_groups groups;
        const char *scenario, *mode;
        struct target_summaries *next;
    } * summaries;
    struct bursts_points points; /* of the series */
    bool has_points;
    struct bursts_table bursts[2]; /* whole series; by slice */
    bool has_bursts[2];
};
void target_cache_free(struct target_cache *c);

/* targets_rows.c: the rows of a table (of target_table_words), read when they are asked for first.
 * Returns 0 or an error. */
int target_rows_of(struct store *s, struct target_cache *c, int table,
                   const struct target_rows **out, struct err *e);
/* A column that a target wants; not NULL. */
const struct target_column *target_column_of(const struct target_rows *rows, const char *name);
void target_rows_free(struct target_rows *rows);

/* Ascending ids of the runs that a target speaks of, whose scenario it names. */
struct target_runs {
    int64_t *items;
    size_t n;
};

/* Reads those that `where` leaves (" AND ..." or ""). Free `items` in any case. */
int target_runs_read(struct store *s, const char *where, struct target_runs *out, struct err *e);
bool target_runs_have(const struct target_runs *runs, int64_t run);

/* Which rows of a table a target speaks of. */
struct target_choice {
    const double *values;
    const int32_t *by; /* NULL: one group */
    const double *where;
    double equals;
    const int32_t *modes; /* NULL: any */
    int32_t mode;         /* -1: no row has it */
    const double *runs;   /* NULL: any */
    struct target_runs ids;
};

/* The chosen rows' values, those of a group side by side; sizes[g], 0 before, of them are of group
 * g. */
void target_choice_gather(const struct target_choice *c, size_t n_rows, size_t *sizes,
                          size_t n_groups, double *values);
/* Index of a text among a column's words, -1: no row has it. */
int32_t target_text_find(const struct target_column *c, const char *text);
/* Column that tells a request's mode, of a table; NULL: it does not know. */
const char *target_mode_column(int table);

/* Fills r->groups; what is left out, or cannot be measured, is said in r->why. `a` owns the groups
 * and their texts. Returns 0 or an error of reading. */
int target_measure(struct store *s, struct target_cache *c, struct target_result *r,
                   struct arena *a, struct err *e);

#endif
