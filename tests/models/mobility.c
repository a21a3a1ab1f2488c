/* mobility.c - pins M1 to M3 of mobility.h: positions are a function of time alone, stay in their
 * rectangle, and `moved_m` is the way made; speeds, pauses and starts are those asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "base/units.h"
#include "models/mobility.h"

static const struct mobility_area street = {-300.0, -10.0, 300.0, 10.0};

static void within(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.9g is not within %.3g of %.9g", value, tolerance, expected);
}

static struct mobility make(const struct mobility_config *c, uint32_t ue)
{
    struct mobility m;
    mobility_init(&m, c, 1, ue);
    return m;
}

static const struct mobility_config walk = {.kind = MOBILITY_WAYPOINT,
                                            .area = &street,
                                            .speed_min_mps = 1.0,
                                            .speed_max_mps = 3.0,
                                            .pause_s = 4.0};
static const struct mobility_config drive = {.kind = MOBILITY_LINE,
                                             .x_m = 40.0,
                                             .y_m = 0.0,
                                             .heading_deg = 30.0,
                                             .speed_mps = 14.0,
                                             .area = &street};

static void test_static(void **state)
{
    (void)state;
    struct mobility_config c = {.kind = MOBILITY_STATIC, .x_m = 5.0, .y_m = -7.0, .speed_mps = 9.0};
    struct mobility m = make(&c, 0);
    struct mobility_point p = mobility_at(&m, 1000 * NS_PER_S);
    assert_true(p.x_m == 5.0 && p.y_m == -7.0 && p.moved_m == 0.0);

    /* Uniform over the disc: half of the places within 1/sqrt(2) of its radius. */
    c.spread_m = 20.0;
    enum { N = 20000 };
    int inner = 0;
    for (uint32_t i = 0; i < N; i++) {
        m = make(&c, i);
        p = mobility_at(&m, 0);
        double r = hypot(p.x_m - 5.0, p.y_m + 7.0);
        assert_true(r <= 20.0);
        inner += r < 20.0 * M_SQRT1_2;
    }
    within((double)inner / N, 0.5, 5.0 * 0.5 / sqrt(N));
}

/* Without sides: exactly where speed and heading lead. */
static void test_straight(void **state)
{
    (void)state;
    struct mobility_config c = drive;
    c.area = NULL;
    struct mobility m = make(&c, 0);
    struct mobility_point p = mobility_at(&m, 100 * NS_PER_S);
    within(p.x_m, 40.0 + 1400.0 * cos(M_PI / 6.0), 1e-9);
    within(p.y_m, 700.0, 1e-9);
    within(p.moved_m, 1400.0, 1e-9);
}

/* The ball between the walls: 14 m/s x cos 30 degrees east for 30 s is 363.7 m, from 40 to 403.7,
 * which the wall at 300 turns into 196.3; 210 m north between -10 and 10: 10.5 widths of 20 m, of
 * which the first half ends at the wall: 0 + 210 -> 10, -10, ... = -10 + (220 mod 40 = 20) = 10. */
static void test_bounce(void **state)
{
    (void)state;
    struct mobility m = make(&drive, 0);
    struct mobility_point p = mobility_at(&m, 30 * NS_PER_S);
    within(p.x_m, 600.0 - (40.0 + 420.0 * cos(M_PI / 6.0)), 1e-9);
    within(p.y_m, 10.0, 1e-9);
    within(p.moved_m, 420.0, 1e-9);
}

static void test_headings_are_drawn(void **state)
{
    (void)state;
    struct mobility_config c = {.kind = MOBILITY_LINE, .heading_deg = -1.0, .speed_mps = 1.0};
    enum { N = 10000 };
    double x = 0.0;
    double y = 0.0;
    for (uint32_t i = 0; i < N; i++) {
        struct mobility m = make(&c, i);
        struct mobility_point p = mobility_at(&m, NS_PER_S);
        within(hypot(p.x_m, p.y_m), 1.0, 1e-9);
        x += p.x_m;
        y += p.y_m;
    }
    within(x / N, 0.0, 5.0 * M_SQRT1_2 / sqrt(N));
    within(y / N, 0.0, 5.0 * M_SQRT1_2 / sqrt(N));
}

/* M2, M3: small steps stay inside and their lengths sum to moved_m; a leg's speed is constant and
 * in range; each stop lasts the pause. */
static void test_waypoint(void **state)
{
    (void)state;
    const int64_t step_ns = 10 * NS_PER_MS;
    for (uint32_t ue = 0; ue < 5; ue++) {
        struct mobility m = make(&walk, ue);
        struct mobility_point last = mobility_at(&m, 0);
        double way = 0.0;
        int64_t still = 0;
        int stops = 0;
        for (int64_t t = step_ns; t <= 1800 * NS_PER_S; t += step_ns) {
            struct mobility_point p = mobility_at(&m, t);
            assert_true(p.x_m >= -300.0 && p.x_m <= 300.0 && p.y_m >= -10.0 && p.y_m <= 10.0);
            double moved = hypot(p.x_m - last.x_m, p.y_m - last.y_m);
            assert_true(moved <= 3.0 * 0.01 + 1e-9);
            within(p.moved_m - last.moved_m, moved, 0.02); /* a corner is cut */
            way += moved;
            if (moved == 0.0) {
                still++;
            } else {
                /* whole steps at rest: the pause less the two that it cuts */
                if (still > 0) {
                    stops++;
                    assert_in_range(still, 398, 400);
                }
                still = 0;
            }
            last = p;
        }
        assert_true(stops > 3);
        within(last.moved_m, way, 1e-3 * way);
    }
}

static void test_waypoint_speeds(void **state)
{
    (void)state;
    double least = HUGE_VAL;
    double most = 0.0;
    struct mobility_config c = walk;
    c.pause_s = 0.0;
    for (uint32_t ue = 0; ue < 2000; ue++) {
        struct mobility m = make(&c, ue);
        double mps = mobility_at(&m, NS_PER_MS).moved_m / 1e-3;
        least = fmin(least, mps);
        most = fmax(most, mps);
        assert_true(mps >= 1.0 - 1e-6 && mps <= 3.0 + 1e-6);
    }
    assert_true(least < 1.02 && most > 2.98);
}

/* M1. */
static void test_random_access(void **state)
{
    (void)state;
    const struct mobility_config *configs[] = {&walk, &drive};
    for (int k = 0; k < 2; k++) {
        enum { STEPS = 2000 };
        static struct mobility_point forward[STEPS];
        struct mobility m = make(configs[k], 3);
        for (int i = 0; i < STEPS; i++)
            forward[i] = mobility_at(&m, i * NS_PER_S);
        struct mobility other = make(configs[k], 3);
        for (int i = 0; i < STEPS; i++) {
            int at = (i * 787 + 1311) % STEPS;
            struct mobility_point p = mobility_at(&other, at * NS_PER_S);
            assert_memory_equal(&p, &forward[at], sizeof p);
        }
        /* A second back and forth over the beginning of a leg. */
        for (int i = 1; i < STEPS; i++) {
            struct mobility_point p = mobility_at(&m, i * NS_PER_S);
            assert_memory_equal(&p, &forward[i], sizeof p);
            p = mobility_at(&m, (i - 1) * NS_PER_S);
            assert_memory_equal(&p, &forward[i - 1], sizeof p);
        }
    }
}

int test_mobility(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_static),        cmocka_unit_test(test_straight),
        cmocka_unit_test(test_bounce),        cmocka_unit_test(test_headings_are_drawn),
        cmocka_unit_test(test_waypoint),      cmocka_unit_test(test_waypoint_speeds),
        cmocka_unit_test(test_random_access),
    };
    return cmocka_run_group_tests_name("mobility", tests, NULL, NULL);
}
