/* Pins: Kolmogorov-Smirnov and Wasserstein distance of small samples worked out by hand, and of
 * large ones against the order statistics that GSL sorts; Kolmogorov's distribution against its
 * published critical values; that p is uniform when both samples come of one distribution; shares
 * and their bootstrap interval against hand-computed shares and the delta method's width; that the
 * interval hangs on the seed only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/two_sample.h"
#include "datasets/values.h"

static void within(double value, double wanted, double error)
{
    if (!(fabs(value - wanted) <= error)) {
        fail_msg("%.17g is not within %g of %.17g", value, error, wanted);
    }
}

/* --- Distances -------------------------------------------------------------------------------- */

static void test_by_hand(void **state)
{
    (void)state;
    const double a[] = {1, 2, 3, 4}, b[] = {3, 4, 5, 6};
    struct two_sample d = two_sample_compare(a, 4, b, 4);
    within(d.ks, 0.5, 1e-15);          /* at 2: 2/4 against 0 */
    within(d.wasserstein, 2.0, 1e-15); /* every value moves by 2 */

    /* Ties and sizes that differ. At 1: 2/3 - 1/2, at 2: 2/3 - 1; area 1/6 (1..2) + 1/3 (2..5). */
    const double c[] = {1, 1, 5}, e[] = {1, 2};
    d = two_sample_compare(c, 3, e, 2);
    within(d.ks, 1.0 / 3, 1e-15);
    within(d.wasserstein, 1.0 / 6 + 1.0, 1e-15);
    struct two_sample back = two_sample_compare(e, 2, c, 3);
    assert_true(back.ks == d.ks && back.p == d.p);
    within(back.wasserstein, d.wasserstein, 1e-15);

    d = two_sample_compare(a, 4, a, 4);
    assert_true(d.ks == 0 && d.wasserstein == 0 && d.p == 1);

    /* Apart altogether: 1; a constant against a constant. */
    const double low[] = {0}, high[] = {7};
    d = two_sample_compare(low, 1, high, 1);
    assert_true(d.ks == 1 && d.wasserstein == 7);
    d = two_sample_compare(a, 4, b, 0);
    assert_true(isnan(d.ks) && isnan(d.p) && isnan(d.wasserstein));
}

/* Critical values of Kolmogorov's distribution as every table of it has them. */
static void test_kolmogorov(void **state)
{
    (void)state;
    within(two_sample_kolmogorov(1.2238), 0.10, 5e-5);
    within(two_sample_kolmogorov(1.3581), 0.05, 5e-5);
    within(two_sample_kolmogorov(1.6276), 0.01, 5e-6);
    within(two_sample_kolmogorov(0.8276), 0.50, 5e-5);
    assert_true(two_sample_kolmogorov(0) == 1);
    within(two_sample_kolmogorov(0.1), 1, 1e-12);
    assert_true(two_sample_kolmogorov(10) < 1e-80);
    /* The two forms meet at 1. */
    within(two_sample_kolmogorov(1 - 1e-12), two_sample_kolmogorov(1 + 1e-12), 1e-11);
}

/* Equal sizes: the Wasserstein distance is the mean distance of the order statistics, and the
 * Kolmogorov-Smirnov distance the largest difference of counts. */
static void test_against_gsl(void **state)
{
    (void)state;
    enum { N = 3000 };
    static double a[N], b[N], spare[N];
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    for (size_t i = 0; i < N; i++) {
        a[i] = gsl_ran_gaussian(rng, 1.0);
        b[i] = 0.5 + gsl_ran_gaussian(rng, 2.0);
    }
    double *sorted = values_sort(a, spare, N);
    static double mine[N];
    memcpy(mine, sorted, sizeof mine);
    gsl_sort(a, 1, N);
    gsl_sort(b, 1, N);
    assert_memory_equal(mine, sorted == a ? a : spare, sizeof mine);
    double sum = 0, ks = 0;
    gsl_sort(mine, 1, N);
    for (size_t i = 0; i < N; i++) {
        sum += fabs(mine[i] - b[i]);
        size_t below = 0; /* of b, at mine[i] */
        while (below < N && b[below] <= mine[i]) {
            below++;
        }
        ks = fmax(ks, fabs((double)(i + 1) - (double)below) / N);
        ks = fmax(ks, fabs((double)i - (double)below) / N);
    }
    struct two_sample d = two_sample_compare(mine, N, b, N);
    within(d.wasserstein, sum / N, 1e-12);
    within(d.ks, ks, 1e-12);
    assert_true(d.p < 1e-12);
    gsl_rng_free(rng);
}

/* 400 pairs of samples of one distribution: p below 0.1, 0.5 and 0.9 as often as it says. Three
 * standard deviations of a share of 400 are 0.045 at 0.1 and 0.075 at 0.5. */
static void test_p_is_uniform(void **state)
{
    (void)state;
    enum { PAIRS = 400, N = 120, M = 200 };
    int below[3] = {0};
    static const double levels[3] = {0.1, 0.5, 0.9};
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    for (int pair = 0; pair < PAIRS; pair++) {
        double a[N], b[M];
        for (int i = 0; i < N; i++) {
            a[i] = gsl_ran_exponential(rng, 3);
        }
        for (int i = 0; i < M; i++) {
            b[i] = gsl_ran_exponential(rng, 3);
        }
        gsl_sort(a, 1, N);
        gsl_sort(b, 1, M);
        double p = two_sample_compare(a, N, b, M).p;
        for (int k = 0; k < 3; k++) {
            below[k] += p <= levels[k];
        }
    }
    within((double)below[0] / PAIRS, 0.1, 0.045);
    within((double)below[1] / PAIRS, 0.5, 0.09);
    within((double)below[2] / PAIRS, 0.9, 0.06);
    gsl_rng_free(rng);
}

/* --- Shares ----------------------------------------------------------------------------------- */

enum { REQUESTS = 500 };
struct made {
    double uplink[REQUESTS], downlink[REQUESTS], inference[REQUESTS];
};

/* Parts with the means given; `spread` is the standard deviation of the inference's part. */
static struct share_sample make(struct made *m, size_t n, double up, double spread, unsigned seed)
{
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    gsl_rng_set(rng, seed);
    for (size_t i = 0; i < n; i++) {
        m->uplink[i] = up;
        m->downlink[i] = 10;
        m->inference[i] = 90 - up + gsl_ran_gaussian(rng, spread);
    }
    gsl_rng_free(rng);
    return (struct share_sample){{m->uplink, m->downlink, m->inference}, n};
}

static void test_shares(void **state)
{
    (void)state;
    static struct made a, b;
    struct share_difference d[SHARE_PARTS];
    /* No spread: the shares are exact and so is every resample. */
    struct share_sample first = make(&a, 10, 20, 0, 1), second = make(&b, 25, 35, 0, 2);
    assert_int_equal(share_compare(&first, &second, 1, d, NULL), 0);
    within(d[0].share[0], 20, 1e-12);
    within(d[0].share[1], 35, 1e-12);
    within(d[2].difference, -15, 1e-12);
    within(d[0].lo, 15, 1e-9);
    within(d[0].hi, 15, 1e-9);

    /* With spread: the width of the delta method, 2 x 1.96 sd, sd^2 the sum of both samples'
     * var(share) = (up / mean^2)^2 var / n, times 100. Percentiles of 1000 resamples: 10 %. */
    first = make(&a, REQUESTS, 20, 8, 3);
    second = make(&b, REQUESTS, 20, 8, 4);
    assert_int_equal(share_compare(&first, &second, 1, d, NULL), 0);
    double sd = 100 * 20.0 / (100.0 * 100.0) * 8 / sqrt(REQUESTS) * sqrt(2);
    within(d[0].hi - d[0].lo, 2 * 1.96 * sd, 0.1 * 2 * 1.96 * sd);
    assert_true(d[0].lo < d[0].difference && d[0].difference < d[0].hi);
    within(d[0].difference + d[1].difference + d[2].difference, 0, 1e-12);

    struct share_difference again[SHARE_PARTS], other[SHARE_PARTS];
    assert_int_equal(share_compare(&first, &second, 1, again, NULL), 0);
    assert_memory_equal(d, again, sizeof d);
    assert_int_equal(share_compare(&first, &second, 2, other, NULL), 0);
    assert_true(other[0].lo != d[0].lo && other[0].difference == d[0].difference);

    struct share_sample none = {{a.uplink, a.downlink, a.inference}, 0};
    assert_int_equal(share_compare(&first, &none, 1, d, NULL), 0);
    assert_true(isnan(d[0].difference) && isnan(d[0].lo) && isnan(d[0].hi));
}

/* Of 200 pairs alike, the 95 % interval holds 0 in about 190: three standard deviations are 9. */
static void test_coverage(void **state)
{
    (void)state;
    static struct made a, b;
    int holds = 0;
    for (unsigned pair = 0; pair < 200; pair++) {
        struct share_sample first = make(&a, 60, 20, 10, 1000 + pair),
                            second = make(&b, 90, 20, 10, 5000 + pair);
        struct share_difference d[SHARE_PARTS];
        assert_int_equal(share_compare(&first, &second, pair, d, NULL), 0);
        holds += d[0].lo <= 0 && d[0].hi >= 0;
    }
    within(holds, 190, 12);
}

/* More requests than blocks: the shares are those of all requests all the same. */
static void test_blocks(void **state)
{
    (void)state;
    enum { MANY = 3 * SHARE_BLOCKS + 17 };
    static double up[MANY], down[MANY], inference[MANY];
    double sums[3] = {0};
    for (size_t i = 0; i < MANY; i++) {
        sums[0] += up[i] = 1 + (double)(i % 7);
        sums[1] += down[i] = 2;
        sums[2] += inference[i] = 5 + (double)(i % 3);
    }
    struct share_sample s = {{up, down, inference}, MANY};
    struct share_difference d[SHARE_PARTS];
    assert_int_equal(share_compare(&s, &s, 1, d, NULL), 0);
    for (int p = 0; p < 3; p++) {
        within(d[p].share[0], 100 * sums[p] / (sums[0] + sums[1] + sums[2]), 1e-9);
        within(d[p].difference, 0, 1e-12);
        assert_true(d[p].lo <= 0 && d[p].hi >= 0 && d[p].hi - d[p].lo < 2);
    }
}

int test_two_sample(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),     cmocka_unit_test(test_kolmogorov),
        cmocka_unit_test(test_against_gsl), cmocka_unit_test(test_p_is_uniform),
        cmocka_unit_test(test_shares),      cmocka_unit_test(test_coverage),
        cmocka_unit_test(test_blocks),
    };
    return cmocka_run_group_tests_name("two_sample", tests, NULL, NULL);
}
