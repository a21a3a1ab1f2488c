/* Pins: Philox4x32-10 against the known answers that its authors publish with Random123
 * (kat_vectors); draw.c's D1 to D3; and that neighbouring streams look independent. The statistics
 * are of fixed streams: a bound that holds today holds always. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <string.h>

#include "base/draw.h"

enum { N = 100000 };

static void test_known_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } cases[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t out[4];
        draw_philox(cases[i].counter, cases[i].key, out);
        assert_memory_equal(out, cases[i].out, sizeof out);
    }
}

/* The place of every part of the address in the counter: results hang on it. */
static void test_address(void **state)
{
    (void)state;
    uint32_t key[2] = {0x89abcdef, 0x01234567};
    uint32_t counter[4] = {0, 0x55667788, 0x11223344, (uint32_t)DRAW_SNR << 24 | 0xabcdef};
    uint32_t out[4];
    struct draw d;
    draw_at(&d, 0x0123456789abcdefU, DRAW_SNR, 0xabcdef, 0x1122334455667788U);
    for (uint32_t lane = 0; lane < 3; lane++) {
        counter[0] = lane;
        draw_philox(counter, key, out);
        for (int i = 0; i < 4; i++) {
            assert_int_equal(gsl_rng_get(&d.rng), out[i]);
        }
    }
}

static void test_d1_own_stream(void **state)
{
    (void)state;
    struct draw a;
    struct draw b;
    draw_at(&a, 7, DRAW_ARRIVAL, 3, 11);
    double expected[5];
    for (int i = 0; i < 5; i++) {
        expected[i] = gsl_rng_uniform(&a.rng);
    }
    /* Another stream walked in between changes nothing. */
    draw_at(&a, 7, DRAW_ARRIVAL, 3, 11);
    draw_at(&b, 7, DRAW_ARRIVAL, 4, 11);
    for (int i = 0; i < 5; i++) {
        (void)gsl_ran_gaussian_ziggurat(&b.rng, 1.0);
        assert_true(gsl_rng_uniform(&a.rng) == expected[i]);
    }
    /* Each part of the address matters. */
    double u = draw_uniform(7, DRAW_ARRIVAL, 3, 11);
    assert_true(u != draw_uniform(8, DRAW_ARRIVAL, 3, 11));
    assert_true(u != draw_uniform(7 + (1ULL << 32), DRAW_ARRIVAL, 3, 11));
    assert_true(u != draw_uniform(7, DRAW_REQUEST, 3, 11));
    assert_true(u != draw_uniform(7, DRAW_ARRIVAL, 2, 11));
    assert_true(u != draw_uniform(7, DRAW_ARRIVAL, 3, 10));
    assert_true(u != draw_uniform(7, DRAW_ARRIVAL, 3, 11 + (1ULL << 32)));
}

static void test_d2_first_uniform(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 1000; i++) {
        struct draw d;
        draw_at(&d, 99, DRAW_FADING, 5, i * 0x100000001U);
        double u = draw_uniform(99, DRAW_FADING, 5, i * 0x100000001U);
        assert_true(gsl_rng_uniform(&d.rng) == u);
        assert_true(draw_gaussian(99, DRAW_FADING, 5, i * 0x100000001U) ==
                    gsl_cdf_ugaussian_Pinv(u));
    }
}

static void test_d3_open_interval(void **state)
{
    (void)state;
    struct draw d;
    draw_at(&d, 1, DRAW_SNR, 0, 0);
    assert_int_equal(gsl_rng_min(&d.rng), 0);
    assert_int_equal(gsl_rng_max(&d.rng), UINT32_MAX);
    /* All zeros and all ones, the ends of what the bits can say. */
    d.used = 0;
    memset(d.block, 0, sizeof d.block);
    double least = gsl_rng_uniform(&d.rng);
    assert_true(least > 0.0 && least < 1e-15);
    d.used = 0;
    memset(d.block, 0xff, sizeof d.block);
    double most = gsl_rng_uniform(&d.rng);
    assert_true(most < 1.0 && most > 1.0 - 1e-15);
    assert_true(isfinite(gsl_cdf_ugaussian_Pinv(least)) && isfinite(gsl_cdf_ugaussian_Pinv(most)));
}

static void test_gsl_set(void **state)
{
    (void)state;
    struct draw d;
    draw_at(&d, 1, DRAW_SNR, 2, 3);
    (void)gsl_rng_get(&d.rng);
    gsl_rng_set(&d.rng, 42);
    assert_true(gsl_rng_uniform(&d.rng) == draw_uniform(42, DRAW_SNR, 2, 3));
}

/* Mean and variance of a uniform, each within 4 standard errors. */
static void check_moments(double sum, double squares)
{
    double mean = sum / N;
    double variance = squares / N - mean * mean;
    assert_true(fabs(mean - 0.5) < 4.0 * sqrt(1.0 / 12.0 / N));
    assert_true(fabs(variance - 1.0 / 12.0) < 4.0 * sqrt(1.0 / 180.0 / N));
}

static void test_moments(void **state)
{
    (void)state;
    double sum = 0.0;
    double squares = 0.0;
    for (uint64_t i = 0; i < N; i++) { /* along the index */
        double u = draw_uniform(1, DRAW_SNR, 0, i);
        sum += u;
        squares += u * u;
    }
    check_moments(sum, squares);
    sum = squares = 0.0;
    struct draw d;
    draw_at(&d, 1, DRAW_SNR, 0, 0);
    for (int i = 0; i < N; i++) { /* along a stream */
        double u = gsl_rng_uniform(&d.rng);
        sum += u;
        squares += u * u;
    }
    check_moments(sum, squares);
    sum = squares = 0.0;
    for (uint64_t i = 0; i < N; i++) {
        double z = draw_gaussian(1, DRAW_SNR, 9, i);
        sum += z;
        squares += z * z;
    }
    assert_true(fabs(sum / N) < 4.0 / sqrt(N));
    assert_true(fabs(squares / N - 1.0) < 4.0 * sqrt(2.0 / N));
}

/* Correlation of two series of uniforms, in standard errors. */
static double correlation(double (*a)(uint64_t), double (*b)(uint64_t))
{
    double sum = 0.0;
    for (uint64_t i = 0; i < N; i++) {
        sum += (a(i) - 0.5) * (b(i) - 0.5);
    }
    return sum / N * 12.0 * sqrt(N);
}

static double here(uint64_t i)
{
    return draw_uniform(5, DRAW_SNR, 17, i);
}

static double next_index(uint64_t i)
{
    return draw_uniform(5, DRAW_SNR, 17, i + 1);
}

static double next_entity(uint64_t i)
{
    return draw_uniform(5, DRAW_SNR, 18, i);
}

static double next_purpose(uint64_t i)
{
    return draw_uniform(5, DRAW_FADING, 17, i);
}

static double next_seed(uint64_t i)
{
    return draw_uniform(6, DRAW_SNR, 17, i);
}

static void test_neighbours_uncorrelated(void **state)
{
    (void)state;
    assert_true(fabs(correlation(here, next_index)) < 4.0);
    assert_true(fabs(correlation(here, next_entity)) < 4.0);
    assert_true(fabs(correlation(here, next_purpose)) < 4.0);
    assert_true(fabs(correlation(here, next_seed)) < 4.0);
    assert_true(correlation(here, here) > 100.0); /* the measure can fail */
}

/* Chi-square over bins and over pairs of neighbouring entities: p between 0.0001 and 0.9999. */
static void test_chi_square(void **state)
{
    (void)state;
    enum { BINS = 256, SIDE = 16 };
    static int singles[BINS];
    static int pairs[SIDE * SIDE];
    memset(singles, 0, sizeof singles);
    memset(pairs, 0, sizeof pairs);
    for (uint64_t i = 0; i < N; i++) {
        double u = draw_uniform(2, DRAW_BLOCK_ERROR, 1, i);
        double v = draw_uniform(2, DRAW_BLOCK_ERROR, 2, i);
        singles[(int)(u * BINS)]++;
        pairs[(int)(u * SIDE) * SIDE + (int)(v * SIDE)]++;
    }
    double expected = (double)N / BINS;
    double chi_singles = 0.0;
    double chi_pairs = 0.0;
    for (int i = 0; i < BINS; i++) {
        chi_singles += (singles[i] - expected) * (singles[i] - expected) / expected;
        chi_pairs += (pairs[i] - expected) * (pairs[i] - expected) / expected;
    }
    double p_singles = gsl_cdf_chisq_Q(chi_singles, BINS - 1);
    double p_pairs = gsl_cdf_chisq_Q(chi_pairs, BINS - 1);
    assert_true(p_singles > 0.0001 && p_singles < 0.9999);
    assert_true(p_pairs > 0.0001 && p_pairs < 0.9999);
}

int test_draw(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),    cmocka_unit_test(test_address),
        cmocka_unit_test(test_d1_own_stream),    cmocka_unit_test(test_d2_first_uniform),
        cmocka_unit_test(test_d3_open_interval), cmocka_unit_test(test_gsl_set),
        cmocka_unit_test(test_moments),          cmocka_unit_test(test_neighbours_uncorrelated),
        cmocka_unit_test(test_chi_square),
    };
    return cmocka_run_group_tests_name("draw", tests, NULL, NULL);
}
