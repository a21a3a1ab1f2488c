/* capacity.h - the most that a scenario carries while objectives hold, for each configuration.
 *
 * The plan's last --vary may be a range of numbers, which is searched; the others make the
 * configurations, each searched on its own (without a range each is looked at once). A value is
 * looked at by its replications, the same seeds everywhere, and meets the objectives when each
 * holds at the asked confidence (slo.h).
 *
 * The search takes for granted that what a value fails a larger one fails too: it doubles its steps
 * from the least value until one fails and then halves the gap, so the answer is met and the next
 * value is not. Then it looks at a few values more, below and above; `monotone` tells whether they
 * bear that out.
 */
#ifndef TOOLS_CAPACITY_H
#define TOOLS_CAPACITY_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "tools/metric.h"
#include "tools/progress.h"
#include "tools/slo.h"
#include "tools/sweep_plan.h"

enum { CAPACITY_SLOS_MAX = 16, CAPACITY_COSTS_MAX = 64 };

/* Parts of the end-to-end time that follow one another. */
enum stage { STAGE_UPLINK, STAGE_QUEUE, STAGE_COMPUTE, STAGE_DOWNLINK, STAGES };
extern const char *const stage_words[STAGES];

/* One value looked at. */
struct capacity_probe {
    int at; /* of the range's values */
    bool meets;
    struct slo_result slos[CAPACITY_SLOS_MAX];
    double stage_ms[STAGES]; /* means over requests and replications */
};

struct capacity_config {
    int64_t number; /* from 0 */
    bool built;
    char why_not[512];             /* it could not be built */
    double usd_per_hour;           /* all servers; NAN: not known */
    struct capacity_probe *probes; /* by value, rising */
    int n_probes;
    int best;         /* index into probes of the answer, -1: none meets */
    int fails;        /* index of the least that fails, -1: none */
    int first_slo;    /* the objective that `fails` misses by most of its limit, -1 */
    enum stage stage; /* what grew most from the lightest value to `fails` */
    bool monotone;
};

struct capacity_cost {
    const char *gpu;
    double usd_per_hour;
};

struct capacity {
    struct sweep_plan *plan; /* with the range last */
    bool has_range;
    bool smallest; /* the least value that meets, where more is better */
    struct slo slos[CAPACITY_SLOS_MAX];
    int n_slos;
    double confidence;
    int checks; /* values looked at beyond what the search needs */
    int threads;
    struct capacity_cost costs[CAPACITY_COSTS_MAX];
    int n_costs;
    const volatile sig_atomic_t *stop;
    bool quiet;

    /* results */
    struct capacity_config *configs;
    int64_t n_configs;
    int64_t choice; /* the cheapest that meets (per unit of load with a range), -1: none */
    int64_t runs;   /* done in all */
    struct progress progress;
    char folder[64]; /* of the stores of the runs at work */
};

/* Searches. ERR_INPUT: no configuration can be built; ERR_INTERRUPTED. Free it in any case. */
int capacity_search(struct capacity *c, struct err *e);
void capacity_free(struct capacity *c);

/* How many values the range has (1 without one), and the i-th of them as searched. */
int capacity_values(const struct capacity *c);
const char *capacity_value(const struct capacity *c, int at);
/* Combination of the plan (sweep_plan.h) that the i-th value of a configuration is. */
int64_t capacity_point(const struct capacity *c, int64_t config, int at);

void capacity_print_table(const struct capacity *c, FILE *out);
void capacity_print_json(const struct capacity *c, FILE *out);

#endif
