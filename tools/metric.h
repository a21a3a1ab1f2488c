/* metric.h - the numbers of one run by name: "e2e.p95", "share.uplink", "completed".
 *
 * QUANTITY.STATISTIC for the latencies (ms) of datasets/summary.h, and a few that are one number
 * per run. sweep, capacity and their outputs use these words alike. */
#ifndef TOOLS_METRIC_H
#define TOOLS_METRIC_H

#include "datasets/summary.h"

enum { METRIC_QUANTITIES = 9, METRIC_STATISTICS = 6, METRIC_SINGLES = 17 };
enum { METRICS = METRIC_QUANTITIES * METRIC_STATISTICS + METRIC_SINGLES };

/* The first quantities, and the first statistic. */
enum { METRIC_E2E, METRIC_UPLINK, METRIC_DOWNLINK, METRIC_INFERENCE, METRIC_QUEUE };
enum { METRIC_MEAN };

/* NULL-terminated: "e2e", ...; "mean", "p50", "p90", "p95", "p99", "max". */
extern const char *const metric_quantities[METRIC_QUANTITIES + 1];
extern const char *const metric_statistics[METRIC_STATISTICS + 1];

/* The metric of a latency. */
int metric_of(int quantity, int statistic);

struct metric_name {
    char word[32];
    const char *unit; /* "ms", "%", "1/s" or "" */
};
struct metric_name metric_name(int metric);

/* The metric of that word, or -1; `*nearest` (may be NULL) is then a known word near to it, or "".
 */
int metric_find(const char *word, struct metric_name *nearest);

/* All METRICS of a run; NAN where one is not defined (no radio, nothing completed). */
void metric_values(const struct summary *sum, double values[METRICS]);

#endif
