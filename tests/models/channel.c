/* channel.c - pins that the channel is a function of (seed, entity, time) alone, and the moments,
 * the correlation in time and the independence between entities that channel.h promises. Does not
 * pin which mean and deviation a scenario has (tests/sim/scenario.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "base/draw.h"
#include "base/units.h"
#include "models/channel.h"

/* The testbed's (WiLLM figure 17); knots as in the scenario's default. */
#define MEAN_DB 15.0
#define STD_DB  2.15
#define KNOT_NS (35 * NS_PER_MS)

/* Independent values per estimate; an estimate within five standard errors of it is right. */
enum { N = 40000 };
#define ERRORS 5.0

static struct channel testbed(uint32_t entity)
{
    struct channel c;
    channel_init(&c, CHANNEL_MODEL_GAUSSIAN, MEAN_DB, STD_DB, KNOT_NS, 1, entity);
    return c;
}

static void within(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.6g is not within %.3g of %.6g", value, tolerance, expected);
}

/* Standardised value at knot `k` and a part of the way to the next. */
static double at(struct channel *c, int64_t k, double part)
{
    return (channel_snr_db(c, k * KNOT_NS + llround(part * (double)KNOT_NS)) - MEAN_DB) / STD_DB;
}

/* Mean, deviation and the shares within one and two deviations, at knots and between them: the
 * process is as wide in the middle of two knots as at them. */
static void test_moments(void **state)
{
    (void)state;
    static const double parts[] = {0.0, 0.25, 0.5, 0.9};
    for (int p = 0; p < 4; p++) {
        struct channel c = testbed(6);
        double sum = 0.0;
        double squares = 0.0;
        int one = 0;
        int two = 0;
        for (int64_t k = 0; k < 2 * N; k += 2) { /* every second knot: independent values */
            double z = at(&c, k, parts[p]);
            sum += z;
            squares += z * z;
            one += fabs(z) < 1.0;
            two += fabs(z) < 2.0;
        }
        double mean = sum / N;
        within(mean, 0.0, ERRORS / sqrt(N));
        within(sqrt(squares / N - mean * mean), 1.0, ERRORS / sqrt(2.0 * N));
        within((double)one / N, 0.682689, ERRORS * sqrt(0.6827 * 0.3173 / N));
        within((double)two / N, 0.954500, ERRORS * sqrt(0.9545 * 0.0455 / N));
    }
}

/* A series as a slot loop sees it: dB, every 0.5 ms. */
static void test_series_of_slots(void **state)
{
    (void)state;
    struct channel c = testbed(0);
    const int64_t slots = (int64_t)N / 8 * KNOT_NS / (500 * NS_PER_US);
    double sum = 0.0;
    double squares = 0.0;
    for (int64_t n = 0; n < slots; n++) {
        double snr = channel_snr_db(&c, n * 500 * NS_PER_US);
        sum += snr;
        squares += snr * snr;
    }
    double mean = sum / (double)slots;
    within(mean, MEAN_DB, ERRORS * STD_DB / sqrt((double)N / 8));
    within(sqrt(squares / (double)slots - mean * mean), STD_DB,
           ERRORS * STD_DB / sqrt((double)N / 8));
}

static void test_any_order_gives_the_same(void **state)
{
    (void)state;
    enum { SLOTS = 2000 };
    static double forward[SLOTS];
    const int64_t slot_ns = 500 * NS_PER_US;
    struct channel c = testbed(3);
    for (int64_t n = 0; n < SLOTS; n++)
        forward[n] = channel_snr_db(&c, n * slot_ns);
    for (int64_t n = SLOTS - 1; n >= 0; n--)
        assert_true(channel_snr_db(&c, n * slot_ns) == forward[n]);
    struct channel jumps = testbed(3);
    for (int64_t i = 0; i < SLOTS; i++) {
        int64_t n = i * 1237 % SLOTS; /* coprime: every slot once */
        assert_true(channel_snr_db(&jumps, n * slot_ns) == forward[n]);
    }
    for (int64_t n = 0; n < SLOTS; n += 41) {
        struct channel fresh = testbed(3);
        assert_true(channel_snr_db(&fresh, n * slot_ns) == forward[n]);
    }
}

/* At a knot it is the draw of that knot. */
static void test_knots_are_draws(void **state)
{
    (void)state;
    struct channel c = testbed(11);
    for (int64_t k = 0; k < 100; k++)
        assert_true(channel_snr_db(&c, k * KNOT_NS) ==
                    MEAN_DB + STD_DB * draw_gaussian(1, DRAW_SNR, 11, (uint64_t)k));
}

/* No jump where one pair of knots gives way to the next. */
static void test_is_continuous(void **state)
{
    (void)state;
    struct channel c = testbed(2);
    for (int64_t k = 1; k < 2000; k++)
        within(channel_snr_db(&c, k * KNOT_NS - 1), channel_snr_db(&c, k * KNOT_NS), 1e-5);
}

/* Standard normals turned into one another along a quarter circle: from a knot the correlation
 * falls as a cosine to 0 at the next; from the middle it is 1/2 one knot on, 0 two knots on. */
static void test_correlation_in_time(void **state)
{
    (void)state;
    static const struct {
        double from, to, expected;
    } cases[] = {{0.0, 0.0, 1.0},      {0.0, 0.2, 0.951057},   {0.0, 0.5, 0.707107},
                 {0.0, 0.8, 0.309017}, {0.0, 1.0, 0.0},        {0.0, 1.5, 0.0},
                 {0.5, 1.5, 0.5},      {0.25, 0.75, 0.707107}, {0.5, 1.0, 0.707107},
                 {0.5, 2.5, 0.0},      {0.75, 1.25, 0.853553}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct channel c = testbed(4);
        double product = 0.0;
        for (int64_t k = 0; k < 3 * N; k += 3)
            product += at(&c, k, cases[i].from) * at(&c, k, cases[i].to);
        within(product / N, cases[i].expected, ERRORS * sqrt(2.0 / N));
    }
}

/* UE x 2 + direction: neighbours in that numbering, the two directions of a UE, another seed. */
static void test_entities_are_independent(void **state)
{
    (void)state;
    static const uint32_t others[] = {1, 2, 3, 64, 65536};
    for (int i = 0; i < 6; i++) {
        struct channel a = testbed(0);
        struct channel b = testbed(i < 5 ? others[i] : 0);
        if (i == 5)
            channel_init(&b, CHANNEL_MODEL_GAUSSIAN, MEAN_DB, STD_DB, KNOT_NS, 2, 0);
        double product = 0.0;
        double lagged = 0.0;
        for (int64_t k = 0; k < 2 * N; k += 2) {
            product += at(&a, k, 0.3) * at(&b, k, 0.3);
            lagged += at(&a, k, 0.3) * at(&b, k + 1, 0.3);
        }
        within(product / N, 0.0, ERRORS / sqrt(N));
        within(lagged / N, 0.0, ERRORS / sqrt(N));
    }
}

/* The same luck on another channel: mean and deviation scale it, so policies and channels can be
 * compared like with like. */
static void test_mean_and_deviation_only_scale(void **state)
{
    (void)state;
    struct channel a = testbed(5);
    struct channel b;
    channel_init(&b, CHANNEL_MODEL_GAUSSIAN, -3.0, 4.3, KNOT_NS, 1, 5);
    for (int64_t n = 0; n < 5000; n += 7) {
        int64_t t = n * 500 * NS_PER_US;
        within((channel_snr_db(&b, t) + 3.0) / 2.0, channel_snr_db(&a, t) - MEAN_DB, 1e-9);
    }
}

static void test_constant(void **state)
{
    (void)state;
    struct channel c;
    channel_init(&c, CHANNEL_MODEL_CONSTANT, 30.0, 5.0, 1, 1, 0);
    struct channel flat;
    channel_init(&flat, CHANNEL_MODEL_GAUSSIAN, 12.5, 0.0, KNOT_NS, 1, 0);
    for (int64_t t = 0; t < NS_PER_S; t += 7654321) {
        assert_true(channel_snr_db(&c, t) == 30.0);
        assert_true(channel_snr_db(&flat, t) == 12.5);
    }
}

int test_channel(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moments),
        cmocka_unit_test(test_series_of_slots),
        cmocka_unit_test(test_any_order_gives_the_same),
        cmocka_unit_test(test_knots_are_draws),
        cmocka_unit_test(test_is_continuous),
        cmocka_unit_test(test_correlation_in_time),
        cmocka_unit_test(test_entities_are_independent),
        cmocka_unit_test(test_mean_and_deviation_only_scale),
        cmocka_unit_test(test_constant),
    };
    return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
