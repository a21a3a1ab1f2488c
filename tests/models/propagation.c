/* propagation.c - pins path loss, LOS probability and shadowing against numbers worked out by hand
 * from the tables of TR 38.901 (each beside its test), and the statistics of the fields over the
 * plane: unit variance, exponential correlation, the share of places in sight. Does not pin which
 * luck a site has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "models/propagation.h"

static const struct propagation umi = {PROPAGATION_UMI, 3.5, 10.0, 1.5};
static const struct propagation uma = {PROPAGATION_UMA, 3.5, 25.0, 1.5};
static const struct propagation inh = {PROPAGATION_INH_MIXED, 3.5, 3.0, 1.5};

static void within(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.9g is not within %.3g of %.9g", value, tolerance, expected);
}

/* Table 7.4.1-1 at 3.5 GHz (20 log10 = 10.8814 dB). */
static void test_umi_loss(void **state)
{
    (void)state;
    /* 4 x 9 x 0.5 x 3.5e9 / 3e8 */
    within(propagation_breakpoint_m(&umi), 210.0, 1e-9);
    /* d3D = hypot(100, 8.5) = 100.3606: 32.4 + 21 x 2.00156 + 10.8814 */
    within(propagation_loss_db(&umi, 100.0, true), 85.31418910, 1e-6);
    /* behind the breakpoint: 32.4 + 40 x 2.47730 + 10.8814 - 9.5 log10(210^2 + 8.5^2) */
    within(propagation_loss_db(&umi, 300.0, true), 98.24426066, 1e-6);
    /* 22.4 + 35.3 x 2.00156 + 21.3 x 0.54407 */
    within(propagation_loss_db(&umi, 100.0, false), 104.64383201, 1e-6);
    /* both formulas meet at the breakpoint, but for the antennas' heights: 0.03 dB */
    within(propagation_loss_db(&umi, 210.0, true), propagation_loss_db(&umi, 210.001, true), 0.03);
    /* the table begins at 10 m */
    assert_true(propagation_loss_db(&umi, 0.0, true) == propagation_loss_db(&umi, 10.0, true));
}

static void test_uma_loss(void **state)
{
    (void)state;
    /* 4 x 24 x 0.5 x 3.5e9 / 3e8 */
    within(propagation_breakpoint_m(&uma), 560.0, 1e-9);
    /* d3D = hypot(200, 23.5) = 201.3759: 28 + 22 x 2.30401 + 10.8814 */
    within(propagation_loss_db(&uma, 200.0, true), 89.56952540, 1e-6);
    /* 28 + 40 x 3.00012 + 10.8814 - 9 log10(560^2 + 23.5^2) */
    within(propagation_loss_db(&uma, 1000.0, true), 109.41189477, 1e-6);
    /* 13.54 + 39.08 x 2.30401 + 10.8814 */
    within(propagation_loss_db(&uma, 200.0, false), 114.46197311, 1e-6);
    /* a UE at 3.5 m: 0.6 x 2 dB less, and 2 m nearer */
    struct propagation high = uma;
    high.ue_height_m = 3.5;
    within(propagation_loss_db(&high, 1000.0, false),
           13.54 + 39.08 * log10(hypot(1000.0, 21.5)) + 20.0 * log10(3.5) - 1.2, 1e-9);
}

static void test_inh_loss(void **state)
{
    (void)state;
    /* d3D = hypot(20, 1.5) = 20.0562: 32.4 + 17.3 x 1.30225 + 10.8814 */
    within(propagation_loss_db(&inh, 20.0, true), 65.81025174, 1e-6);
    /* 17.3 + 38.3 x 1.30225 + 24.9 x 0.54407 */
    within(propagation_loss_db(&inh, 20.0, false), 80.72339371, 1e-6);
    /* near the gNB the NLOS formula gives less than the LOS one, which then holds: 40.65 < 47.71 */
    within(propagation_loss_db(&inh, 1.0, false), 47.70915196, 1e-6);
    assert_true(isinf(propagation_breakpoint_m(&inh)));
}

/* Table 7.4.2-1: the edges, and a value in each piece. */
static void test_los_probability(void **state)
{
    (void)state;
    assert_true(propagation_los_probability(PROPAGATION_UMI, 0.0) == 1.0);
    assert_true(propagation_los_probability(PROPAGATION_UMI, 18.0) == 1.0);
    within(propagation_los_probability(PROPAGATION_UMI, 18.0001), 1.0, 1e-5);
    /* 18/50 + e^(-50/36) 32/50 */
    within(propagation_los_probability(PROPAGATION_UMI, 50.0), 0.5195854, 1e-6);
    within(propagation_los_probability(PROPAGATION_UMI, 200.0), 0.0935180, 1e-6);
    assert_true(propagation_los_probability(PROPAGATION_UMA, 18.0) == 1.0);
    /* 18/50 + e^(-50/63) 32/50 */
    within(propagation_los_probability(PROPAGATION_UMA, 50.0), 0.6494022, 1e-6);
    within(propagation_los_probability(PROPAGATION_UMA, 200.0), 0.1280477, 1e-6);
    assert_true(propagation_los_probability(PROPAGATION_INH_MIXED, 1.2) == 1.0);
    /* e^(-2.8/4.7), then 0.32 e^(-13.5/32.6) */
    within(propagation_los_probability(PROPAGATION_INH_MIXED, 4.0), 0.5511520, 1e-6);
    within(propagation_los_probability(PROPAGATION_INH_MIXED, 20.0), 0.2114969, 1e-6);
    within(propagation_los_probability(PROPAGATION_INH_MIXED, 6.4999), 0.3237902, 1e-4);
    assert_true(propagation_los_probability(PROPAGATION_INH_MIXED, 6.5) == 0.32);
    assert_true(propagation_los_probability(PROPAGATION_INH_OPEN, 5.0) == 1.0);
    /* e^(-15/70.8), then 0.54 e^(-51/211.7) */
    within(propagation_los_probability(PROPAGATION_INH_OPEN, 20.0), 0.8090744, 1e-6);
    within(propagation_los_probability(PROPAGATION_INH_OPEN, 100.0), 0.4243940, 1e-6);
}

/* Table 7.5-6 with the lowest frequencies that its notes allow: UMi log10(4.5), UMa 6 GHz, InH
 * log10(7). In ns: 50.5, 103; 93.3, 364; 19.9, 38.9. */
static void test_delay_spread(void **state)
{
    (void)state;
    within(propagation_delay_spread_s(&umi, true), 50.4927e-9, 1e-12);
    within(propagation_delay_spread_s(&umi, false), 103.0930e-9, 1e-12);
    within(propagation_delay_spread_s(&uma, true), 93.3392e-9, 1e-12);
    within(propagation_delay_spread_s(&uma, false), 364.1306e-9, 1e-12);
    within(propagation_delay_spread_s(&inh, true), 19.9319e-9, 1e-12);
    within(propagation_delay_spread_s(&inh, false), 38.9379e-9, 1e-12);
    struct propagation low = umi;
    low.carrier_ghz = 0.7;
    within(propagation_delay_spread_s(&low, true), pow(10.0, -7.14 - 0.24 * log10(3.0)), 1e-15);
}

/* --- Fields ----------------------------------------------------------------------------------- */

/* Fields and places per estimate. Places are further apart than the correlation reaches, fields are
 * independent; five standard errors of 60 000 values are 0.02 for a mean, 0.03 for a variance. */
enum { FIELDS = 600, PLACES = 100 };
#define DISTANCE 10.0

/* Mean of a(p) b(p + lag) over places and fields; lag < 0: of a(p). */
static double average(double lag, double angle, double power)
{
    double sum = 0.0;
    for (uint32_t i = 0; i < FIELDS; i++) {
        struct propagation_field f;
        propagation_field_init(&f, DISTANCE, 1, i, 0);
        for (int p = 0; p < PLACES; p++) {
            double x = 137.0 * (p % 10);
            double y = 149.0 * (p / 10);
            double here = propagation_field_at(&f, x, y);
            double there = propagation_field_at(&f, x + lag * cos(angle), y + lag * sin(angle));
            sum += lag < 0.0 ? pow(here, power) : here * there;
        }
    }
    return sum / (FIELDS * PLACES);
}

/* Moments of a standard normal: 0, 1, 3 (the sum of 64 waves has 3 - 1.5/64 = 2.98). */
static void test_field_is_normal(void **state)
{
    (void)state;
    within(average(-1.0, 0.0, 1.0), 0.0, 0.025);
    within(average(-1.0, 0.0, 2.0), 1.0, 0.035);
    within(average(-1.0, 0.0, 4.0), 2.98, 0.25);
}

/* exp(-lag / distance), in every direction (clause 7.4.4). */
static void test_field_correlation(void **state)
{
    (void)state;
    static const double lags[] = {1.0, 5.0, 10.0, 20.0, 40.0};
    for (size_t i = 0; i < sizeof lags / sizeof lags[0]; i++)
        for (int direction = 0; direction < 3; direction++)
            within(average(lags[i], direction * 1.1, 0.0), exp(-lags[i] / DISTANCE), 0.03);
}

/* The same field whoever asks, in whatever order; another one for another site or seed. */
static void test_field_is_random_access(void **state)
{
    (void)state;
    struct propagation_field f;
    struct propagation_field again;
    struct propagation_field other;
    propagation_field_init(&f, DISTANCE, 7, 3, 1);
    propagation_field_init(&other, DISTANCE, 7, 4, 1);
    propagation_field_init(&again, DISTANCE, 7, 3, 1);
    assert_memory_equal(&f, &again, sizeof f);
    assert_true(memcmp(&f, &other, sizeof f) != 0);
    double first = propagation_field_at(&f, 12.5, -3.0);
    for (int i = 0; i < 100; i++)
        propagation_field_at(&f, i, -i);
    assert_true(propagation_field_at(&f, 12.5, -3.0) == first);
}

/* --- Sites ------------------------------------------------------------------------------------ */

/* Over many sites: the share of places in sight is the table's, the deviation of the loss about the
 * table's mean is that of the state. */
static void test_site_statistics(void **state)
{
    (void)state;
    static const double distances[] = {30.0, 80.0, 150.0};
    enum { SITES = 4000 };
    for (size_t i = 0; i < 3; i++) {
        int n[2] = {0};
        double sum[2] = {0};
        double squares[2] = {0};
        for (uint32_t site = 0; site < SITES; site++) {
            struct propagation_site s;
            propagation_site_init(&s, &umi, 1, site);
            struct propagation_at at = propagation_at(&umi, &s, distances[i], 0.0);
            double shadow_db = at.loss_db - propagation_loss_db(&umi, distances[i], at.los);
            n[at.los]++;
            sum[at.los] += shadow_db;
            squares[at.los] += shadow_db * shadow_db;
        }
        double p = propagation_los_probability(PROPAGATION_UMI, distances[i]);
        within((double)n[1] / SITES, p, 5.0 * sqrt(p * (1.0 - p) / SITES));
        for (int los = 0; los < 2; los++) {
            double std_db = los ? 4.0 : 7.82;
            within(sum[los] / n[los], 0.0, 5.0 * std_db / sqrt(n[los]));
            within(sqrt(squares[los] / n[los]), std_db, 5.0 * std_db / sqrt(2.0 * n[los]));
        }
    }
}

/* Places a step apart nearly always share the state; 200 m apart they do not. */
static void test_los_state_is_consistent(void **state)
{
    (void)state;
    int near = 0;
    int far = 0;
    enum { SITES = 2000 };
    for (uint32_t site = 0; site < SITES; site++) {
        struct propagation_site s;
        propagation_site_init(&s, &umi, 2, site);
        bool here = propagation_at(&umi, &s, 50.0, 0.0).los;
        near += here != propagation_at(&umi, &s, 50.0, 0.5).los;
        far += here != propagation_at(&umi, &s, -50.0, 0.0).los;
    }
    assert_true(near < SITES / 10);
    assert_true(far > SITES / 3);
}

int test_propagation(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_umi_loss),          cmocka_unit_test(test_uma_loss),
        cmocka_unit_test(test_inh_loss),          cmocka_unit_test(test_los_probability),
        cmocka_unit_test(test_delay_spread),      cmocka_unit_test(test_field_is_normal),
        cmocka_unit_test(test_field_correlation), cmocka_unit_test(test_field_is_random_access),
        cmocka_unit_test(test_site_statistics),   cmocka_unit_test(test_los_state_is_consistent),
    };
    return cmocka_run_group_tests_name("propagation", tests, NULL, NULL);
}
