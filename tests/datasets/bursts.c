/* Pins: the published medians and quartiles of WiLLM figure 19 from the published series, run
 * without slices and smallest fruit slice; every figure of a series whose bursts are known exactly;
 * holes; series too short for an answer; that a store's series are told apart by run, UE and slice.
 * Does not pin what the simulator makes of figure 19 (docs/validation.md). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>

#include "datasets/bursts.h"
#include "tests/datasets/rows.h"

enum { MOST = 20000 };

static void within(double value, double wanted, double error)
{
    if (!(fabs(value - wanted) <= error)) {
        fail_msg("%.17g is not within %g of %.17g", value, error, wanted);
    }
}

static struct bursts find(const struct bursts_point *points, size_t n, struct arena *arena)
{
    struct bursts b;
    struct bursts_options o = bursts_defaults();
    assert_int_equal(bursts_find(points, n, &o, arena, &b, NULL), 0);
    return b;
}

/* --- The published series --------------------------------------------------------------------- */

/* Columns: something, seconds from the start, UL_THR. Returns 0 when the file is not there. */
static size_t read_published(const char *name, struct bursts_point *points)
{
    const char *data = getenv("WILLMSIM_DATA");
    char path[512];
    snprintf(path, sizeof path, "%s/willm/%s", data != NULL ? data : "../shared/data", name);
    FILE *in = fopen(path, "r");
    if (in == NULL) {
        return 0;
    }
    char line[128];
    size_t n = 0;
    assert_non_null(fgets(line, sizeof line, in));
    while (fgets(line, sizeof line, in) != NULL) {
        assert_true(n < MOST);
        assert_int_equal(sscanf(line, "%*f,%lf,%lf", &points[n].t_s, &points[n].value), 2);
        n++;
    }
    fclose(in);
    return n;
}

/* published_targets.csv, lines 76, 78, 79 and 80: 105 bursts. */
static void test_published_run_without_slices(void **state)
{
    (void)state;
    static struct bursts_point points[MOST];
    size_t n = read_published("fig_ul_thr_normal.csv", points);
    if (n == 0) {
        skip();
    }
    struct arena arena = {0};
    struct bursts b = find(points, n, &arena);
    assert_int_equal(b.n_pieces, 1);
    assert_int_equal(b.n, 105);
    within(b.rise_s.q1, 0.276, 0.0005);
    within(b.rise_s.median, 0.315, 0.0005);
    within(b.rise_s.q3, 0.554, 0.0005);
    within(b.jump.q1, 61.5, 0.05);
    within(b.jump.median, 69.0, 0.05);
    within(b.jump.q3, 91.8, 0.05);
    within(b.period_s.q1, 4.97, 0.005);
    within(b.period_s.median, 5.0, 0.005);
    within(b.period_s.q3, 5.05, 0.005);
    within(b.trough.median, 156.7, 0.05);
    within(b.peak.median, 228.2, 0.05);
    within(b.autocorrelation_s, 5.0, 0.2);
    within(b.tau_s, 3.2, 0.3);
    within(b.floor.median, 129.0, 2.0);
    assert_true(b.n_decays > 40);
    arena_free(&arena);
}

/* Lines 81 and 82: published over whole bursts, also where a dwell of 30 s in the slice begins or
 * ends in one; this file has only what lies within. So the medians are met, not the quartiles. */
static void test_published_smallest_slice(void **state)
{
    (void)state;
    static struct bursts_point points[MOST];
    size_t n = read_published("fig_ul_thr_slice_1221.csv", points);
    if (n == 0) {
        skip();
    }
    struct arena arena = {0};
    struct bursts b = find(points, n, &arena);
    assert_int_equal(b.n_pieces, 9);
    within(b.rise_s.median, 0.405, 0.0005);
    within(b.jump.median, 104.2, 0.2);
    within(b.rise_s.q1, 0.343, 0.002);
    within(b.jump.q1, 71.2, 2.0);
    within(b.jump.q3, 121.8, 1.0);
    within(b.autocorrelation_s, 5.0, 0.2);
    within(b.tau_s, 2.8, 0.3);
    arena_free(&arena);
}

/* --- A series with known answers -------------------------------------------------------------- */

enum { PERIOD_MS = 4000, RISE_MS = 250, BURSTS = 40 };
#define FLOOR 120.0
#define JUMP  100.0
#define TAU_S 2.5

/* Every 4 s a straight rise by 100 in 0.25 s, then a decay to 120; a point every 10 ms. */
static size_t make(struct bursts_point *points, int n_bursts, double from_s)
{
    size_t n = 0;
    double start = FLOOR + 30.0;
    for (int k = 0; k < n_bursts; k++) {
        double peak = start + JUMP;
        double t = 0.0;
        for (int ms = 0; ms < PERIOD_MS; ms += 10) {
            double since = (ms - RISE_MS) / 1000.0;
            t = from_s + (k * PERIOD_MS + ms) / 1000.0;
            points[n++] = (struct bursts_point){t, ms <= RISE_MS ? start + JUMP * ms / RISE_MS
                                                                 : FLOOR + (peak - FLOOR) *
                                                                               exp(-since / TAU_S)};
        }
        start = FLOOR + (peak - FLOOR) * exp(-(PERIOD_MS - RISE_MS) / 1000.0 / TAU_S);
    }
    return n;
}

static void test_known_series(void **state)
{
    (void)state;
    static struct bursts_point points[MOST];
    size_t n = make(points, BURSTS, 1000.0);
    struct arena arena = {0};
    struct bursts b = find(points, n, &arena);
    assert_int_equal(b.n_points, n);
    assert_int_equal(b.n, BURSTS);
    within(b.rise_s.median, 0.25, 1e-9);
    within(b.rise_s.q1, 0.25, 0.0101);
    within(b.jump.median, JUMP, 1e-6);
    within(b.period_s.median, 4.0, 1e-9);
    within(b.period_s.q3, 4.0, 1e-9);
    within(b.autocorrelation_s, 4.0, 0.02);
    within(b.tau_s, TAU_S, 1e-3);
    within(b.floor.median, FLOOR, 0.05);
    assert_int_equal(b.n_decays, BURSTS - 1);
    for (size_t i = 1; i < b.n; i++) {
        within(b.items[i].start_s, 1000.0 + 4.0 * (double)i, 1e-9);
        within(b.items[i].peak_s - b.items[i].start_s, 0.25, 1e-9);
    }
    arena_free(&arena);
}

/* Three pieces a minute apart: as many bursts, but no period and no decay across a hole. */
static void test_holes(void **state)
{
    (void)state;
    static struct bursts_point points[MOST];
    size_t n = 0;
    for (int piece = 0; piece < 3; piece++) {
        n += make(&points[n], 4, 60.0 * piece);
    }
    struct arena arena = {0};
    struct bursts b = find(points, n, &arena);
    assert_int_equal(b.n_pieces, 3);
    assert_int_equal(b.n, 12);
    assert_int_equal(b.n_decays, 9);
    within(b.period_s.q1, 4.0, 1e-9);
    within(b.period_s.q3, 4.0, 1e-9);
    within(b.autocorrelation_s, 4.0, 0.03);
    arena_free(&arena);
}

/* A rise of the threshold is none; one that is still rising at the end is one. */
static void test_threshold_and_end(void **state)
{
    (void)state;
    struct bursts_point points[] = {{0, 10}, {1, 50}, {2, 10}, {3, 50.5}, {4, 60}};
    struct arena arena = {0};
    struct bursts b = find(points, 5, &arena);
    assert_int_equal(b.n, 1);
    assert_true(b.items[0].start_s == 2.0 && b.items[0].peak_s == 4.0);
    assert_true(b.items[0].trough == 10.0 && b.items[0].peak == 60.0);
    arena_free(&arena);
}

static void test_too_short(void **state)
{
    (void)state;
    struct bursts_point points[] = {{0, 10}, {0, 12}};
    struct arena arena = {0};
    for (size_t n = 0; n <= 2; n++) {
        struct bursts b = find(points, n, &arena);
        assert_int_equal(b.n, 0);
        assert_true(isnan(b.rise_s.median) && isnan(b.jump.q3) && isnan(b.period_s.q1));
        assert_true(isnan(b.autocorrelation_s) && isnan(b.tau_s) && isnan(b.floor.median));
        assert_true(n == 0 ? isnan(b.mean) : b.mean == (n == 1 ? 10.0 : 11.0));
    }
    arena_free(&arena);
}

/* --- A store ---------------------------------------------------------------------------------- */

/* Two runs; UE 1 in slice "a" and then "b", UE 2 in none; rows written latest first. */
static void put_run(struct store *s, double height)
{
    struct err e = {0};
    int64_t id = 0;
    struct store_run run = rows_run("bursts");
    assert_int_equal(store_begin_run(s, &run, &id, &e), 0);
    struct record_sink sink = store_sink(s);
    for (int64_t ms = 19990; ms >= 0; ms -= 10) {
        for (int64_t ue = 1; ue <= 2; ue++) {
            int64_t phase = ms % 5000;
            bool high = phase >= 1000 && phase < 3000;
            struct ran_record r = {.cell = "gnb1",
                                   .gnb_timestamp_ms = ms,
                                   .ue_id = ue,
                                   .ul_throughput = high ? height * (double)ue : 1.0,
                                   .slice_id = ue == 2      ? NULL
                                               : ms < 10000 ? "a"
                                                            : "b"};
            assert_int_equal(sink.ran(sink.self, &r), 0);
        }
    }
    struct store_run_totals totals = {.complete = true};
    assert_int_equal(store_end_run(s, &totals, &e), 0);
}

static void test_store(void **state)
{
    (void)state;
    char folder[64], path[96];
    rows_folder(folder);
    struct store *s = NULL;
    struct err e = {0};
    assert_int_equal(store_open(rows_path(path, folder, "b.sqlite"), STORE_CREATE, &s, &e), 0);
    put_run(s, 101.0);
    put_run(s, 201.0);
    assert_int_equal(store_close(s, &e), 0);
    assert_int_equal(store_open(path, STORE_READ, &s, &e), 0);
    struct bursts_options o = bursts_defaults();
    struct bursts_table t;
    assert_int_equal(bursts_of_store(s, false, &o, &t, &e), 0);
    assert_int_equal(t.n, 4);
    assert_int_equal(t.runs, 2);
    for (size_t i = 0; i < 4; i++) {
        const struct bursts_series *series = &t.items[i];
        assert_int_equal(series->run_id, 1 + i / 2);
        assert_int_equal(series->ue_id, 1 + i % 2);
        assert_null(series->slice_id);
        assert_int_equal(series->bursts.n_points, 2000);
        assert_int_equal(series->bursts.n, 4);
        within(series->bursts.jump.median, (i < 2 ? 101.0 : 201.0) * (double)(1 + i % 2) - 1.0,
               1e-9);
        within(series->bursts.period_s.median, 5.0, 1e-9);
    }
    bursts_table_free(&t);
    assert_int_equal(bursts_of_store(s, true, &o, &t, &e), 0);
    assert_int_equal(t.n, 6);
    static const char *const slices[] = {"a", "b", NULL};
    for (size_t i = 0; i < 6; i++) {
        const char *wanted = slices[i % 3];
        assert_int_equal(t.items[i].ue_id, wanted == NULL ? 2 : 1);
        assert_true(wanted == NULL ? t.items[i].slice_id == NULL
                                   : strcmp(t.items[i].slice_id, wanted) == 0);
        assert_int_equal(t.items[i].bursts.n, wanted == NULL ? 4 : 2);
    }
    bursts_table_free(&t);
    store_close(s, NULL);
    rows_folder_remove(folder);
}

static void test_store_without_records(void **state)
{
    (void)state;
    char folder[64], path[96];
    rows_folder(folder);
    struct store *s = NULL;
    struct err e = {0};
    assert_int_equal(store_open(rows_path(path, folder, "b.sqlite"), STORE_CREATE, &s, &e), 0);
    struct bursts_options o = bursts_defaults();
    struct bursts_table t;
    assert_int_equal(bursts_of_store(s, false, &o, &t, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "output.ran_records_ms"));
    bursts_table_free(&t);
    store_close(s, NULL);
    rows_folder_remove(folder);
}

int test_bursts(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_run_without_slices),
        cmocka_unit_test(test_published_smallest_slice),
        cmocka_unit_test(test_known_series),
        cmocka_unit_test(test_holes),
        cmocka_unit_test(test_threshold_and_end),
        cmocka_unit_test(test_too_short),
        cmocka_unit_test(test_store),
        cmocka_unit_test(test_store_without_records),
    };
    return cmocka_run_group_tests_name("bursts", tests, NULL, NULL);
}
