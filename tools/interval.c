/* interval.c - see interval.h. */
#include "tools/interval.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stddef.h>

struct moments {
    int64_t n;
    double mean, variance; /* of the sample: n - 1 */
};

static struct moments moments_of(const double *x, const double *minus, int64_t n)
{
    struct moments m = {.mean = NAN, .variance = NAN};
    double sum = 0, squares = 0;
    for (int i = 0; i < n; i++) {
        double v = minus == NULL ? x[i] : x[i] - minus[i];
        m.n += !isnan(v);
        sum += isnan(v) ? 0 : v;
    }
    if (m.n == 0) {
        return m;
    }
    m.mean = sum / (double)m.n;
    for (int i = 0; i < n; i++) {
        double v = (minus == NULL ? x[i] : x[i] - minus[i]) - m.mean;
        squares += isnan(v) ? 0 : v * v;
    }
    if (m.n > 1) {
        m.variance = squares / (double)(m.n - 1);
    }
    return m;
}

/* Quantile of Student's t; 0.95 two-sided is 0.975 here. */
static double t_of(double probability, double freedom)
{
    return gsl_cdf_tdist_Pinv(probability, freedom);
}

static struct interval interval_of(struct moments m, double confidence)
{
    struct interval v = {m.n, m.mean, NAN};
    if (m.n > 1) {
        v.half = t_of(0.5 + confidence / 2, (double)(m.n - 1)) * sqrt(m.variance / (double)m.n);
    }
    return v;
}

struct interval interval_mean(const double *x, int64_t n, double confidence)
{
    return interval_of(moments_of(x, NULL, n), confidence);
}

struct interval interval_paired(const double *a, const double *b, int64_t n, double confidence)
{
    return interval_of(moments_of(b, a, n), confidence);
}

struct interval interval_unpaired(const double *a, const double *b, int64_t n, double confidence)
{
    struct moments x = moments_of(a, NULL, n), y = moments_of(b, NULL, n);
    struct interval v = {x.n < y.n ? x.n : y.n, y.mean - x.mean, NAN};
    if (x.n < 2 || y.n < 2) {
        return v;
    }
    double vx = x.variance / (double)x.n, vy = y.variance / (double)y.n;
    if (vx + vy <= 0) {
        v.half = 0;
        return v;
    }
    double freedom =
        (vx + vy) * (vx + vy) / (vx * vx / (double)(x.n - 1) + vy * vy / (double)(y.n - 1));
    v.half = t_of(0.5 + confidence / 2, freedom) * sqrt(vx + vy);
    return v;
}

static double bound(const double *x, int64_t n, double confidence, double sign)
{
    struct moments m = moments_of(x, NULL, n);
    return m.n < 2 ? m.mean
                   : m.mean + sign * t_of(confidence, (double)(m.n - 1)) *
                                  sqrt(m.variance / (double)m.n);
}

double interval_upper(const double *x, int64_t n, double confidence)
{
    return bound(x, n, confidence, 1);
}

double interval_lower(const double *x, int64_t n, double confidence)
{
    return bound(x, n, confidence, -1);
}
