/* fading.c - pins that fading is a function of (seed, link, way) alone, its mean of 1, the
 * distributions (Rayleigh without a line of sight, Rice with one), the correlation over the way
 * (Clarke: J0) and over the carrier (that of the delay profile). Does not pin which delay spread or
 * K a scenario has (tests/models/propagation.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "models/fading.h"

enum { LINKS = 20000 };
#define CARRIER_HZ (106 * 12 * 30e3)

static void within(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.9g is not within %.3g of %.9g", value, tolerance, expected);
}

static struct fading link_of(uint32_t entity)
{
    struct fading f;
    fading_init(&f, 1, entity, 0);
    return f;
}

/* --- Profiles --------------------------------------------------------------------------------- */

/* The whole, line of sight included, has the delay spread that was asked for. */
static void test_delay_spread(void **state)
{
    (void)state;
    static const struct {
        bool los;
        double k;
    } cases[] = {{false, 0.0}, {true, 8.0}, {true, 1.0}};
    for (int i = 0; i < 3; i++) {
        struct fading_profile p;
        fading_profile_init(&p, cases[i].los, cases[i].k, 100e-9, 16, CARRIER_HZ);
        double share = 1.0 / (cases[i].k + 1.0) / FADING_RAYS;
        double mean = 0.0;
        double square = 0.0;
        for (int r = 0; r < FADING_RAYS; r++) {
            assert_true(p.delay_s[r] >= 0.0 && (r == 0 || p.delay_s[r] >= p.delay_s[r - 1]));
            mean += share * p.delay_s[r];
            square += share * p.delay_s[r] * p.delay_s[r];
        }
        within(sqrt(square - mean * mean), 100e-9, 1e-15);
    }
}

/* TDL-C (table 7.7.2-3): the powers of the taps before 0.6366 sum to 2.433 of 5.875, with that tap
 * to 3.433, so that the middle of the power arrives there; the quantile of 31.5/32 is 5.4902. The
 * 32 rays have a delay spread of 0.962 of the table's own, by which they are scaled. */
static void test_profile_is_tdl_c(void **state)
{
    (void)state;
    struct fading_profile p;
    fading_profile_init(&p, false, 0.0, 1e-6, 16, CARRIER_HZ);
    within(p.delay_s[15] / 1e-6, 0.6366 / 0.96216, 1e-4);
    within(p.delay_s[31] / 1e-6, 5.4902 / 0.96216, 1e-3);
    assert_true(p.delay_s[0] == 0.0 && p.delay_s[1] == 0.0 && p.delay_s[2] > 0.0); /* 6.2 % */
}

/* --- Links ------------------------------------------------------------------------------------ */

/* Mean 1 in every subband; the gain of a Rayleigh link is exponential: P(g < x) = 1 - e^-x. */
static void test_rayleigh(void **state)
{
    (void)state;
    struct fading_profile p;
    fading_profile_init(&p, false, 0.0, 100e-9, 16, CARRIER_HZ);
    double sum = 0.0;
    double square = 0.0;
    int below[3] = {0};
    static const double levels[] = {0.1, 0.5, 2.0};
    for (uint32_t i = 0; i < LINKS; i++) {
        struct fading f = link_of(i);
        double gain[FADING_SUBBANDS];
        fading_gain(&f, &p, 3.7, 0.0, gain);
        sum += gain[9];
        square += gain[9] * gain[9];
        for (int l = 0; l < 3; l++)
            below[l] += gain[9] < levels[l];
    }
    within(sum / LINKS, 1.0, 5.0 / sqrt(LINKS));
    /* The second moment of 32 rays of fixed power is 2 - 1/32. */
    within(square / LINKS, 2.0 - 1.0 / FADING_RAYS, 5.0 * sqrt(20.0 / LINKS));
    for (int l = 0; l < 3; l++)
        within((double)below[l] / LINKS, 1.0 - exp(-levels[l]), 0.018);
}

/* Rice: mean 1, variance of the gain (2 K + 1) / (K + 1)^2. */
static void test_rice(void **state)
{
    (void)state;
    const double k = 7.943; /* 9 dB */
    struct fading_profile p;
    fading_profile_init(&p, true, k, 50e-9, 16, CARRIER_HZ);
    double sum = 0.0;
    double square = 0.0;
    int deep = 0;
    for (uint32_t i = 0; i < LINKS; i++) {
        struct fading f = link_of(i);
        double gain[FADING_SUBBANDS];
        fading_gain(&f, &p, 3.7, 0.0, gain);
        sum += gain[3];
        square += gain[3] * gain[3];
        deep += gain[3] < 0.1;
    }
    double mean = sum / LINKS;
    within(mean, 1.0, 5.0 * 0.46 / sqrt(LINKS));
    within(square / LINKS - mean * mean, (2.0 * k + 1.0) / ((k + 1.0) * (k + 1.0)), 0.012);
    /* 10 dB below the mean: 1 - Q1(sqrt(2 K), sqrt(0.2 (K + 1))) = 0.0022 against Rayleigh's 0.095
     */
    assert_true(deep > LINKS / 1000 && deep < LINKS / 250);
}

/* Over a way of s wavelengths the complex gain has the correlation J0(2 pi s), so the power has its
 * square; and the same for the surroundings' way. */
static void test_doppler(void **state)
{
    (void)state;
    struct fading_profile p;
    fading_profile_init(&p, false, 0.0, 0.0, 1, CARRIER_HZ);
    static const double ways[] = {0.1, 0.2, 0.3827, 0.6, 1.0};
    for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++) {
        for (int around = 0; around < 2; around++) {
            double product = 0.0;
            for (uint32_t i = 0; i < LINKS; i++) {
                struct fading f = link_of(i);
                double here;
                double there;
                fading_gain(&f, &p, 5.0, 5.0, &here);
                fading_gain(&f, &p, around ? 5.0 : 5.0 + ways[w], around ? 5.0 + ways[w] : 5.0,
                            &there);
                product += here * there;
            }
            double r = j0(2.0 * M_PI * ways[w]);
            within(product / LINKS - 1.0, r * r, 0.06);
        }
    }
}

/* Over the carrier: |sum over rays of e^(-j 2 pi df delay) / rays|^2. */
static void test_coherence_bandwidth(void **state)
{
    (void)state;
    struct fading_profile p;
    fading_profile_init(&p, false, 0.0, 100e-9, 16, CARRIER_HZ);
    double product[16] = {0};
    for (uint32_t i = 0; i < LINKS; i++) {
        struct fading f = link_of(i);
        double gain[FADING_SUBBANDS];
        fading_gain(&f, &p, 1.0, 0.0, gain);
        for (int s = 0; s < 16; s++)
            product[s] += gain[0] * gain[s];
    }
    for (int s = 1; s < 16; s++) {
        double re = 0.0;
        double im = 0.0;
        for (int r = 0; r < FADING_RAYS; r++) {
            double cycles = p.delay_s[r] * s * CARRIER_HZ / 16;
            re += cos(2.0 * M_PI * cycles) / FADING_RAYS;
            im += sin(2.0 * M_PI * cycles) / FADING_RAYS;
        }
        within(product[s] / LINKS - 1.0, re * re + im * im, 0.06);
    }
    /* 100 ns and 38 MHz: one end knows nothing of the other. */
    assert_true(product[15] / LINKS - 1.0 < 0.1 && product[1] / LINKS - 1.0 > 0.2);
}

static void test_no_delay_spread_is_flat(void **state)
{
    (void)state;
    struct fading_profile p;
    fading_profile_init(&p, false, 0.0, 0.0, 16, CARRIER_HZ);
    struct fading f = link_of(1);
    double gain[FADING_SUBBANDS];
    fading_gain(&f, &p, 1.0, 0.0, gain);
    for (int s = 1; s < 16; s++)
        within(gain[s], gain[0], 1e-12);
}

/* Backwards, forwards and at random the same; links differ. */
static void test_random_access(void **state)
{
    (void)state;
    enum { STEPS = 500 };
    struct fading_profile p;
    fading_profile_init(&p, true, 2.0, 50e-9, 16, CARRIER_HZ);
    struct fading f = link_of(4);
    struct fading other = link_of(5);
    static double forward[STEPS][FADING_SUBBANDS];
    for (int i = 0; i < STEPS; i++)
        fading_gain(&f, &p, 0.03 * i, 0.01 * i, forward[i]);
    f = link_of(4);
    int same = 0;
    for (int i = STEPS - 1; i >= 0; i -= 3) {
        double gain[FADING_SUBBANDS];
        fading_gain(&f, &p, 0.03 * i, 0.01 * i, gain);
        assert_memory_equal(gain, forward[i], sizeof gain);
        fading_gain(&other, &p, 0.03 * i, 0.01 * i, gain);
        same += gain[0] == forward[i][0];
    }
    assert_int_equal(same, 0);
}

/* A million wavelengths on, whole wavelengths still change nothing for a ray straight ahead. */
static void test_far_on_the_way(void **state)
{
    (void)state;
    struct fading_profile p;
    fading_profile_init(&p, false, 0.0, 0.0, 1, CARRIER_HZ);
    struct fading f = link_of(1);
    for (int i = 0; i < FADING_RAYS; i++)
        f.along[i] = i % 2 == 0 ? 1.0 : -1.0;
    double near;
    double far;
    fading_gain(&f, &p, 0.25, 0.0, &near);
    fading_gain(&f, &p, 1e6 + 0.25, 0.0, &far);
    within(far, near, 1e-7);
}

int test_fading(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delay_spread),
        cmocka_unit_test(test_profile_is_tdl_c),
        cmocka_unit_test(test_rayleigh),
        cmocka_unit_test(test_rice),
        cmocka_unit_test(test_doppler),
        cmocka_unit_test(test_coherence_bandwidth),
        cmocka_unit_test(test_no_delay_spread_is_flat),
        cmocka_unit_test(test_random_access),
        cmocka_unit_test(test_far_on_the_way),
    };
    return cmocka_run_group_tests_name("fading", tests, NULL, NULL);
}
