/* Pins invariants C1 to C3 of datasets/thin.h against a naive reduction: points of many columns,
 * forwards, backwards and shuffled, around time 0 and in 2025, as ranges and as levels; mean and
 * deviation; a single point. Does not pin what pictures make of them (tests/tools/figures.test.sh).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "datasets/thin.h"

enum { POINTS = 50000 };

struct point {
    int64_t t_ms;
    double value;
};

static uint64_t next(uint64_t *state) /* Knuth's MMIX generator */
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static struct point *points_make(int64_t from_ms, int64_t span_ms)
{
    struct point *p = malloc(POINTS * sizeof *p);
    uint64_t state = 1;
    assert_non_null(p);
    for (int i = 0; i < POINTS; i++) {
        p[i].t_ms = from_ms + span_ms * i / POINTS;
        p[i].value = (double)(next(&state) % 1000);
    }
    return p;
}

static void shuffle(struct point *p)
{
    uint64_t state = 2;
    for (size_t i = POINTS - 1; i > 0; i--) {
        size_t j = next(&state) % (i + 1);
        struct point keep = p[i];
        p[i] = p[j];
        p[j] = keep;
    }
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return (int64_t)floor((double)a / (double)b);
}

/* C2 and C3: every column is what its points say. */
static void assert_reduced(const struct thin *s, const struct point *p)
{
    double min[THIN_COLUMNS], max[THIN_COLUMNS];
    assert_true(s->last - s->first < THIN_COLUMNS);
    /* The next narrower would not do. */
    assert_true(floor_div(s->to_ms, s->width_ms / 2) - floor_div(s->from_ms, s->width_ms / 2) >=
                THIN_COLUMNS);
    for (int i = 0; i < THIN_COLUMNS; i++) {
        min[i] = INFINITY;
        max[i] = -INFINITY;
    }
    for (int i = 0; i < POINTS; i++) {
        int64_t c = floor_div(p[i].t_ms, s->width_ms) - s->first;
        assert_in_range(c, 0, THIN_COLUMNS - 1);
        min[c] = fmin(min[c], p[i].value);
        max[c] = fmax(max[c], p[i].value);
    }
    for (int64_t c = s->first; c <= s->last; c++) {
        const struct thin_column *column = thin_at(s, c);
        assert_int_equal(column->occupied, isfinite(min[c - s->first]));
        if (column->occupied) {
            assert_true(column->min == min[c - s->first]);
            assert_true(column->max == max[c - s->first]);
        }
    }
}

static void fill(struct thin *s, const struct point *p, bool levels)
{
    assert_true(thin_make(s, levels, 1));
    for (int i = 0; i < POINTS; i++) {
        thin_add(s, p[i].t_ms, p[i].value);
    }
}

static void test_ranges(void **state)
{
    (void)state;
    static const int64_t from[] = {0, -123456, 1741189675147};
    for (size_t i = 0; i < sizeof from / sizeof from[0]; i++) {
        struct point *p = points_make(from[i], 3000000);
        struct thin forwards, shuffled;
        fill(&forwards, p, false);
        assert_reduced(&forwards, p);
        shuffle(p);
        fill(&shuffled, p, false);
        assert_reduced(&shuffled, p);
        assert_int_equal(forwards.width_ms, shuffled.width_ms);
        assert_int_equal(forwards.width_ms, 4096); /* 3000 s / 1024, up to a power of two */
        assert_int_equal(forwards.first, shuffled.first);
        assert_int_equal(forwards.n, POINTS);
        assert_int_equal(shuffled.from_ms, from[i]);
        thin_free(&forwards);
        thin_free(&shuffled);
        free(p);
    }
}

/* Which levels of which columns have points, and that what they show was one of them. */
static void test_levels(void **state)
{
    (void)state;
    struct point *p = points_make(1741189675147, 3000000);
    struct thin s, shuffled;
    fill(&s, p, true);
    assert_true(s.level_height == 8); /* values up to 999 in 128 levels */
    static double most[THIN_COLUMNS][THIN_LEVELS];
    for (int i = 0; i < POINTS; i++) {
        int64_t c = floor_div(p[i].t_ms, s.width_ms) - s.first;
        double *cell = &most[c][(int)(p[i].value / 8)];
        *cell = fmax(*cell, p[i].value + 1); /* 0: none */
    }
    shuffle(p);
    fill(&shuffled, p, true);
    int occupied = 0;
    for (int64_t c = s.first; c <= s.last; c++) {
        for (int level = 0; level < THIN_LEVELS; level++) {
            double shown = thin_level(&s, c, level), again = thin_level(&shuffled, c, level);
            double wanted = most[c - s.first][level];
            assert_true(wanted > 0 ? shown == wanted - 1 : isnan(shown));
            assert_true(isnan(shown) ? isnan(again) : shown == again);
            occupied += wanted > 0;
        }
    }
    assert_true(occupied > 10000);
    thin_free(&s);
    thin_free(&shuffled);
    free(p);
}

static void test_statistics(void **state)
{
    (void)state;
    struct thin s;
    assert_true(thin_make(&s, true, 1));
    assert_true(isnan(thin_std(&s)));
    thin_add(&s, 7, 4);
    assert_true(s.mean == 4 && thin_std(&s) == 0);
    assert_true(s.first == 7 && s.last == 7 && s.width_ms == 1);
    thin_add(&s, 8, 8);
    assert_true(s.mean == 6 && thin_std(&s) == 2 && s.min == 4 && s.max == 8);
    thin_add(&s, 9, -3); /* a level below 0 is level 0 */
    assert_true(thin_level(&s, 9, 0) == 0 && s.min == -3);
    thin_free(&s);
}

int test_thin(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_statistics),
    };
    return cmocka_run_group_tests_name("thin", tests, NULL, NULL);
}
