/* two_sample.c - Kolmogorov-Smirnov, Wasserstein, and the bootstrap of shares. */
#include "datasets/two_sample.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/draw.h"

/* --- Distances -------------------------------------------------------------------------------- */

double two_sample_kolmogorov(double x)
{
    enum { TERMS = 20 };
    if (x <= 0) {
        return 1;
    }
    /* Two forms of one theta function (Kolmogorov 1933; Smirnov 1948): each converges within a few
     * terms on its side of 1. */
    double sum = 0;
    if (x < 1) {
        for (int k = 1; k <= TERMS; k++) {
            double odd = (2 * k - 1) * M_PI / x;
            sum += exp(-odd * odd / 8);
        }
        return fmax(0, 1 - sqrt(2 * M_PI) / x * sum);
    }
    for (int k = 1; k <= TERMS; k++) {
        sum += (k % 2 == 1 ? 2 : -2) * exp(-2.0 * k * k * x * x);
    }
    return fmin(1, sum);
}

struct two_sample two_sample_compare(const double *a, size_t n, const double *b, size_t m)
{
    if (n == 0 || m == 0) {
        return (struct two_sample){NAN, NAN, NAN};
    }
    double ks = 0, area = 0, last = fmin(a[0], b[0]), apart = 0;
    for (size_t i = 0, k = 0; i < n || k < m;) {
        double x = k == m || (i < n && a[i] <= b[k]) ? a[i] : b[k];
        area += apart * (x - last);
        while (i < n && a[i] == x) {
            i++;
        }
        while (k < m && b[k] == x) {
            k++;
        }
        apart = fabs((double)i / (double)n - (double)k / (double)m);
        ks = fmax(ks, apart);
        last = x;
    }
    double root = sqrt((double)n * (double)m / ((double)n + (double)m));
    return (struct two_sample){ks, two_sample_kolmogorov((root + 0.12 + 0.11 / root) * ks), area};
}

/* --- Shares ----------------------------------------------------------------------------------- */

/* The sums of one sample's blocks. */
struct blocks {
    double sums[SHARE_BLOCKS][SHARE_PARTS];
    size_t n;
};

static void blocks_fill(struct blocks *blocks, const struct share_sample *s)
{
    memset(blocks, 0, sizeof *blocks);
    blocks->n = s->n < SHARE_BLOCKS ? s->n : SHARE_BLOCKS;
    for (size_t i = 0; i < s->n; i++) {
        size_t block = (size_t)((double)i * (double)blocks->n / (double)s->n);
        for (int p = 0; p < SHARE_PARTS; p++) {
            blocks->sums[block][p] += s->parts[p][i];
        }
    }
}

static void shares_of(const double sums[SHARE_PARTS], double shares[SHARE_PARTS])
{
    double all = sums[0] + sums[1] + sums[2];
    for (int p = 0; p < SHARE_PARTS; p++) {
        shares[p] = all > 0 ? 100 * sums[p] / all : NAN;
    }
}

static void shares_whole(const struct blocks *blocks, double shares[SHARE_PARTS])
{
    double sums[SHARE_PARTS] = {0};
    for (size_t i = 0; i < blocks->n; i++) {
        for (int p = 0; p < SHARE_PARTS; p++) {
            sums[p] += blocks->sums[i][p];
        }
    }
    shares_of(sums, shares);
}

/* As many blocks as there are, drawn with replacement. */
static void shares_resampled(const struct blocks *blocks, uint64_t seed, uint32_t sample,
                             uint64_t round, double shares[SHARE_PARTS])
{
    struct draw d;
    draw_at(&d, seed, DRAW_BOOTSTRAP, sample, round);
    double sums[SHARE_PARTS] = {0};
    for (size_t i = 0; i < blocks->n; i++) {
        const double *block = blocks->sums[(size_t)(gsl_rng_uniform(&d.rng) * (double)blocks->n)];
        for (int p = 0; p < SHARE_PARTS; p++) {
            sums[p] += block[p];
        }
    }
    shares_of(sums, shares);
}

int share_compare(const struct share_sample *a, const struct share_sample *b, uint64_t seed,
                  struct share_difference out[SHARE_PARTS], struct err *e)
{
    struct blocks *blocks = calloc(2, sizeof *blocks);
    double *differences = calloc(SHARE_PARTS * SHARE_RESAMPLES, sizeof *differences);
    if (blocks == NULL || differences == NULL) {
        free(blocks);
        free(differences);
        return err_memory(e, "comparing shares");
    }
    double shares[2][SHARE_PARTS];
    blocks_fill(&blocks[0], a);
    blocks_fill(&blocks[1], b);
    shares_whole(&blocks[0], shares[0]);
    shares_whole(&blocks[1], shares[1]);
    for (int p = 0; p < SHARE_PARTS; p++) {
        out[p] = (struct share_difference){
            {shares[0][p], shares[1][p]}, shares[1][p] - shares[0][p], NAN, NAN};
    }
    bool known = !isnan(out[0].difference);
    for (uint64_t round = 0; known && round < SHARE_RESAMPLES; round++) {
        shares_resampled(&blocks[0], seed, 0, round, shares[0]);
        shares_resampled(&blocks[1], seed, 1, round, shares[1]);
        for (int p = 0; p < SHARE_PARTS; p++) {
            differences[(size_t)p * SHARE_RESAMPLES + round] = shares[1][p] - shares[0][p];
        }
    }
    for (int p = 0; known && p < SHARE_PARTS; p++) {
        double *of_part = differences + (size_t)p * SHARE_RESAMPLES;
        gsl_sort(of_part, 1, SHARE_RESAMPLES);
        out[p].lo = gsl_stats_quantile_from_sorted_data(of_part, 1, SHARE_RESAMPLES, 0.025);
        out[p].hi = gsl_stats_quantile_from_sorted_data(of_part, 1, SHARE_RESAMPLES, 0.975);
    }
    free(blocks);
    free(differences);
    return 0;
}
