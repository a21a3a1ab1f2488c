/* summary_read.h - the tables of a store as arrays, for summary.c.
 *
 * Requests are read once, in the order of their key, into one array per quantity; a selection (all
 * of them, a slice, a resolution group) is then a list of indices. Sums therefore do not hang on
 * the order in which rows were written.
 */
#ifndef DATASETS_SUMMARY_READ_H
#define DATASETS_SUMMARY_READ_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "datasets/summary.h"

struct sqlite3;

enum quantity {
    Q_E2E,
    Q_UPLINK,
    Q_DOWNLINK,
    Q_INFERENCE,
    Q_QUEUE,
    Q_TRANSPORT,
    Q_TTFT,
    Q_UE_TTFT,
    Q_TPOT,
    Q_LAREI,
    Q_LSEQ,
    QUANTITIES
};

/* Their words ("e2e", ...), NULL-terminated. Times are in ms. */
extern const char *const reading_quantity_words[];

/* What to group by, as SQL on a row of requests. */
const char *reading_choice_sql(enum summary_by by);

/* The words that requests are grouped by: kept sorted, numbered in the order of their coming. */
struct keys {
    struct key {
        const char *text;
        int32_t number;
    } * sorted;
    int32_t n;
    size_t room;
};

/* Transport blocks of one direction, all cells together. */
struct radio_sums {
    double opportunities, prb_available, prb_used, blocks, blocks_retx, block_errors,
        bytes_scheduled, bytes_retx, bytes_payload, bytes_padding, mcs_sum;
};

enum { UL, DL, DIRECTIONS };

/* What is known of a slice besides its requests. */
struct slice_sums {
    int64_t requests;
    struct radio_sums radio[DIRECTIONS];
};

/* Ways to group that one reading serves. */
enum { BY_SLICE, BY_CHOICE, DIMENSIONS };

struct reading {
    struct sqlite3 *db;
    const char *path;
    const struct summary_options *options;
    struct arena *arena; /* owns the texts */
    struct err *err;
    char where[2 * SUMMARY_PATTERN_MAX + 128]; /* " WHERE run_id = 7" or "" */

    size_t n, room; /* completed requests */
    double *values[QUANTITIES];
    int32_t *group[DIMENSIONS]; /* number of its key, -1: none */
    struct keys keys[DIMENSIONS];
    double *scratch; /* room for 2n values */
    size_t *order;   /* indices of a selection */

    struct slice_sums *slices; /* by number of the slice's key */
    size_t slices_room;
    struct radio_sums radio[DIRECTIONS];
    int64_t rows, completed, failed, in_flight;
    double output_tokens;
};

/* What the table `runs` says of the runs looked at. */
struct reading_runs {
    int64_t n, incomplete;
    int64_t seed, events, slots_visited, arrived, completed, failed, in_flight;
    double sim_s, wall_s;
    bool has_totals; /* all of them have */
    const char *scenario, *version;
};

/* Empty, to be freed with reading_free. */
struct reading reading_of(struct store *s, const struct summary_options *o, struct arena *a,
                          struct err *e);
void reading_free(struct reading *r);

/* Each returns 0 or an error. The radio comes before the requests: LSEQ may want a slice's BLER. */
int reading_runs(struct reading *r, struct reading_runs *runs);
int reading_radio(struct reading *r);
/* Mean gap of the decisions of mode separated, NAN without any. */
int reading_gap(struct reading *r, double *gap);
/* `choice` is of reading_choice_sql. */
int reading_requests(struct reading *r, const char *choice);
int reading_gpus(struct reading *r, struct summary_gpu **gpus, size_t *n);

int reading_no_memory(struct reading *r);

/* part / whole; NAN when there is no whole. */
double reading_ratio(double part, double whole);
double reading_bler(const struct radio_sums *sums);

#endif
