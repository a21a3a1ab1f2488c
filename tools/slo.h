/* slo.h - an objective in words: 'p95 e2e <= 2 s', 'mean ttft <= 300 ms', 'completed >= 99 %'.
 *
 *     objective = latency | other
 *     latency   = statistic quantity '<=' number ('ms' | 's')      e2e, ttft, ...: metric.h
 *     other     = metric ('<=' | '>=') number [its unit]           completed, ul.bler, gpu.busy,
 * ...
 *
 * An objective holds at a confidence when the one-sided Student t bound of the metric's mean over
 * the replications meets the number: the upper bound for '<=', the lower for '>='. One replication
 * gives no bound; then its value alone is compared. A metric that some replication does not have
 * (nothing completed in it) does not hold. */
#ifndef TOOLS_SLO_H
#define TOOLS_SLO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct slo {
    const char *text; /* as written */
    int metric;
    bool at_most;
    double limit; /* in the metric's unit (ms for latencies) */
};

/* ERR_INPUT with place --slo. `text` must live as long as the objective. */
int slo_read(const char *text, struct slo *slo, struct err *e);

struct slo_result {
    double mean, bound; /* over the replications */
    bool holds;
};
/* values[0..n): the metric in each replication. */
struct slo_result slo_judge(const struct slo *slo, const double *values, int64_t n,
                            double confidence);

#endif
