/* separated_parts.h - what the two halves of separated.h share: separated.c (the programme, its
 * exact answer, enforcing) and separated_solve.c (NLopt). */
#ifndef SCHED_SEPARATED_PARTS_H
#define SCHED_SEPARATED_PARTS_H

#include <math.h>

#include "sched/separated.h"

/* A sum of shares over [first, first + n), as the solver's callbacks see it: sign x (sum - bound) /
 * bound <= 0. */
struct separated_sum {
    const double *unit; /* by leaf: the share that z = 1 is */
    int first, n;
    double sign, bound;
};

static inline double clamp(double x, double low, double high)
{
    return x > low ? fmin(x, high) : low; /* NaN: low */
}

static inline double sum_of(const double *v, int n)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++) {
        sum += v[i];
    }
    return sum;
}

/* Moves v[0..n) between low (part 0) and high (part 1) so that they sum to `sum`, as far as those
 * allow. */
void separated_level(double *v, const double *low, const double *high, int n, double sum);

/* From values by leaf (NULL: all 0) to a vector of shares. */
void separated_spread(const struct separated *p, const double *x, double *share);

#endif
