/* two_sample.h - how far apart two samples lie.
 *
 *   ks           two-sample Kolmogorov-Smirnov distance: the largest difference between the two
 *                empirical distribution functions, 0 to 1
 *   p            the probability of at least that distance between two samples of one distribution,
 *                all values independent: Kolmogorov's distribution at (sqrt(m) + 0.12 + 0.11 /
 *                sqrt(m)) ks with m = n1 n2 / (n1 + n2) (Stephens, "Use of the Kolmogorov-Smirnov,
 *                Cramer-von Mises and related statistics without extensive tables", J. R. Stat.
 * Soc. B 32, 1970) wasserstein  the first Wasserstein distance: the area between the two
 * distribution functions, in the unit of the values An interval of a difference of shares comes
 * from the bootstrap (Efron and Tibshirani, "An introduction to the bootstrap", 1993, percentile
 * method) over blocks of neighbours, since requests that follow each other are alike.
 */
#ifndef DATASETS_TWO_SAMPLE_H
#define DATASETS_TWO_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct two_sample {
    double ks, p, wasserstein;
};

/* a[0..n) and b[0..m) are sorted, without NAN; NAN everywhere when one is empty. */
struct two_sample two_sample_compare(const double *a, size_t n, const double *b, size_t m);

/* Probability that Kolmogorov's statistic exceeds x >= 0. */
double two_sample_kolmogorov(double x);

enum { SHARE_PARTS = 3 };

/* Requests in order: parts[p][0..n) of each request, no NAN. */
struct share_sample {
    const double *parts[SHARE_PARTS];
    size_t n;
};

struct share_difference {
    double share[2];   /* % of each sample: 100 sum(part) / sum(all parts) */
    double difference; /* second - first, in points */
    double lo, hi;     /* 95 % of the bootstrap's differences lie between */
};

enum { SHARE_RESAMPLES = 1000, SHARE_BLOCKS = 2000 };

/* The difference of every part's share, with its interval: SHARE_RESAMPLES resamples of at most
 * SHARE_BLOCKS blocks each (a request is a block of its own while there are no more). The same for
 * the same seed. NAN when a sample is empty or its parts sum to 0. */
int share_compare(const struct share_sample *a, const struct share_sample *b, uint64_t seed,
                  struct share_difference out[SHARE_PARTS], struct err *e);

#endif
