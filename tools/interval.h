/* interval.h - means over seeds and how sure they are: Student's t intervals, two-sided.
 *
 * Values that are NAN (nothing completed in that run) are left out; fewer than two leave the half
 * width NAN. */
#ifndef TOOLS_INTERVAL_H
#define TOOLS_INTERVAL_H

#include <stdint.h>

struct interval {
    int64_t n;
    double mean, half; /* mean - half to mean + half */
};

/* Of the mean of x[0..n); `confidence` as 0.95. */
struct interval interval_mean(const double *x, int64_t n, double confidence);

/* Of the mean difference b - a where x[i] and y[i] had the same seed. */
struct interval interval_paired(const double *a, const double *b, int64_t n, double confidence);

/* The same without knowing which go together: Welch's t with the degrees of freedom of Welch and
 * Satterthwaite. */
struct interval interval_unpaired(const double *a, const double *b, int64_t n, double confidence);

/* One-sided bounds: the mean is below (above) it with that confidence. With fewer than two values
 * there is no bound but the mean itself. */
double interval_upper(const double *x, int64_t n, double confidence);
double interval_lower(const double *x, int64_t n, double confidence);

#endif
