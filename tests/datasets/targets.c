/* Pins: every kind of target judged on a table whose values are known by hand, on both sides of its
 * bound; what is left out and what cannot be compared, with the reason; statistics of a column;
 * that the shipped targets can be read, have a source, and name every published number once. Does
 * not pin which of them the simulator meets (docs/validation.md). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>

#include "datasets/targets.h"
#include "tests/datasets/rows.h"

static void near_to(double value, double wanted)
{
    if (!(fabs(value - wanted) <= 1e-9 * fmax(1, fabs(wanted)))) {
        fail_msg("%.17g is not %.17g", value, wanted);
    }
}

/* --- A table ---------------------------------------------------------------------------------- */

/* Requests of 100 ms, ten in each of three slices and resolutions:
 *            uplink downlink inference  %
 *   a, R1       20      10       70
 *   b, R2       40      10       50
 *   c, R10      60      10       30
 * and 100 radio records of slice a whose SNR is 100, 105, ... 595, every fourth one more. */
static void put_rows(struct store *s)
{
    static const char *const slices[] = {"a", "b", "c"}, *const sizes[] = {"R1", "R2", "R10"};
    struct record_sink sink = store_sink(s);
    for (int i = 0; i < 30; i++) {
        int group = i % 3;
        double up = 20.0 * (group + 1);
        struct request_record q =
            rows_request(&(struct rows_times){i + 1, 1000.0 * i, up, 0, 10, 80 - up, 10, 11});
        q.slice_id = slices[group];
        q.resolution = sizes[group];
        q.mode = i < 15 ? "image_request" : "text_request";
        assert_int_equal(sink.request(sink.self, &q), 0);
    }
    for (int64_t i = 0; i < 100; i++) {
        struct ran_record r = rows_ran(i);
        r.pusch_snr_x10 = 100 + 5 * i + (i % 4 == 0);
        r.slice_id = "a";
        r.secondary_slice_max_pct = i < 40 ? 30 : 60;
        assert_int_equal(sink.ran(sink.self, &r), 0);
    }
}

struct room {
    char folder[64], store[96], file[96];
    struct store *s;
};

static int setup(void **state)
{
    static struct room room;
    struct err e = {0};
    int64_t id = 0;
    struct store_run run = rows_run("targets-of-mine");
    rows_folder(room.folder);
    rows_path(room.file, room.folder, "targets.json");
    assert_int_equal(
        store_open(rows_path(room.store, room.folder, "t.sqlite"), STORE_CREATE, &room.s, &e), 0);
    assert_int_equal(store_begin_run(room.s, &run, &id, &e), 0);
    put_rows(room.s);
    struct store_run_totals totals = {.complete = true};
    assert_int_equal(store_end_run(room.s, &totals, &e), 0);
    *state = &room;
    return 0;
}

static int teardown(void **state)
{
    struct room *room = *state;
    store_close(room->s, NULL);
    rows_folder_remove(room->folder);
    return 0;
}

/* Judges one target whose applies_to, measure and expect are given as JSON. */
static struct target_result judge(struct room *room, const char *applies, const char *measure,
                                  const char *expect, struct targets *t, struct targets_report *r)
{
    FILE *out = fopen(room->file, "w");
    assert_non_null(out);
    fprintf(out,
            "{\"name\": \"own\", \"targets\": [{\"id\": \"x\", \"what\": \"w\", \"applies_to\": "
            "%s, \"measure\": %s, \"expect\": %s, \"unit\": \"u\", \"source\": \"here\", "
            "\"how_read\": \"made\"}]}",
            applies, measure, expect);
    fclose(out);
    struct err e = {0};
    if (targets_load(room->file, t, &e) != 0 || targets_judge(room->s, t, NULL, r, &e) != 0) {
        fail_msg("%s", e.text);
    }
    assert_int_equal(r->n, 1);
    assert_int_equal(r->counts[r->items[0].verdict], 1);
    return r->items[0];
}

/* The verdict alone, and by how much it misses. */
static void verdict(struct room *room, const char *applies, const char *measure, const char *expect,
                    enum target_verdict wanted, double misses_by, const char *text)
{
    struct targets t;
    struct targets_report r;
    struct target_result result = judge(room, applies, measure, expect, &t, &r);
    if (result.verdict != wanted) {
        fail_msg("%s %s %s: %s", measure, expect, target_verdict_words[result.verdict], result.why);
    }
    near_to(result.misses_by, misses_by);
    if (text != NULL && wanted == TARGET_NOT_COMPARABLE) {
        assert_string_equal(result.why, text);
    } else if (text != NULL) {
        assert_string_equal(result.worst, text);
    }
    targets_report_free(&r);
    targets_free(&t);
}

static const char uplink[] = "{\"kind\": \"share\", \"part\": \"uplink\", \"by\": \"slice\"}";
static const char inference[] =
    "{\"kind\": \"share\", \"part\": \"inference\", \"by\": \"resolution\"}";

static void test_intervals(void **state)
{
    struct room *room = *state;
    verdict(room, "{}", uplink, "{\"kind\": \"range\", \"lo\": 20, \"hi\": 60}", TARGET_HOLDS, 0,
            NULL);
    verdict(room, "{}", uplink, "{\"kind\": \"range\", \"lo\": 21, \"hi\": 60}", TARGET_MISSES, 1,
            "a");
    verdict(room, "{}", uplink, "{\"kind\": \"range\", \"lo\": 21, \"hi\": 57}", TARGET_MISSES, 3,
            "c");
    verdict(room, "{}", uplink, "{\"kind\": \"range\", \"lo\": 21, \"hi\": 57, \"tolerance\": 3}",
            TARGET_HOLDS, 0, NULL);
    /* Within the tolerance of one bound and beyond that of the other: the whole distance. */
    verdict(room, "{}", uplink, "{\"kind\": \"range\", \"lo\": 21, \"hi\": 57, \"tolerance\": 2}",
            TARGET_MISSES, 3, "c");
    verdict(room, "{}", uplink, "{\"kind\": \"at-most\", \"value\": 60}", TARGET_HOLDS, 0, NULL);
    verdict(room, "{}", uplink, "{\"kind\": \"at-most\", \"value\": 35}", TARGET_MISSES, 25, "c");
    verdict(room, "{}", uplink, "{\"kind\": \"at-least\", \"value\": 35}", TARGET_MISSES, 15, "a");
    verdict(room, "{\"group\": \"b\"}", uplink, "{\"kind\": \"value\", \"value\": 40}",
            TARGET_HOLDS, 0, NULL);
    verdict(room, "{}", uplink, "{\"kind\": \"value\", \"value\": 40}", TARGET_MISSES, 20, "a");
    verdict(room, "{}", "{\"kind\": \"request\", \"quantity\": \"tpot\"}",
            "{\"kind\": \"value\", \"value\": 4}", TARGET_HOLDS, 0, NULL); /* (80 - 40) / 10 */
    verdict(room, "{}", "{\"kind\": \"request\", \"quantity\": \"uplink\", \"statistic\": \"max\"}",
            "{\"kind\": \"value\", \"value\": 60}", TARGET_HOLDS, 0, NULL);
}

static void test_orders(void **state)
{
    struct room *room = *state;
    verdict(room, "{}", uplink, "{\"kind\": \"rising\"}", TARGET_HOLDS, 0, NULL);
    verdict(room, "{}", uplink, "{\"kind\": \"rising\", \"strict\": true}", TARGET_HOLDS, 0, NULL);
    verdict(room, "{}", uplink, "{\"kind\": \"falling\"}", TARGET_MISSES, 1, NULL);
    verdict(room, "{}", uplink, "{\"kind\": \"falling\", \"strict\": true}", TARGET_MISSES, 20,
            "b");
    /* R1, R2, R10: as numbers, not as text. */
    verdict(room, "{}", inference, "{\"kind\": \"falling\", \"strict\": true}", TARGET_HOLDS, 0,
            NULL);
    verdict(room, "{}", "{\"kind\": \"share\", \"part\": \"downlink\", \"by\": \"slice\"}",
            "{\"kind\": \"rising\"}", TARGET_MISSES, 0, NULL); /* all alike */
    verdict(room, "{\"group\": \"a\"}", uplink, "{\"kind\": \"rising\"}", TARGET_NOT_COMPARABLE, 0,
            "one group has no order");
}

static void test_parts(void **state)
{
    struct room *room = *state;
    /* In c the uplink leads by 30 points. */
    verdict(room, "{}", inference, "{\"kind\": \"largest\"}", TARGET_MISSES, 30, "R10");
    verdict(room, "{\"group\": \"R2\"}", inference, "{\"kind\": \"largest\"}", TARGET_HOLDS, 0,
            NULL);
    verdict(room, "{}", uplink, "{\"kind\": \"flips\", \"against\": \"inference\"}", TARGET_HOLDS,
            0, NULL);
    /* The downlink's 10 lacks 10 to the uplink's 20 of a. */
    verdict(room, "{}", uplink, "{\"kind\": \"flips\", \"against\": \"downlink\"}", TARGET_MISSES,
            10, NULL);
}

static void test_columns(void **state)
{
    struct room *room = *state;
    static const struct {
        const char *statistic;
        double value;
    } wanted[] = {
        {"mean", 347.75}, /* 100 + 5 x 49.5 + 1/4 */
        {"min", 101},     {"max", 595},    {"count", 100},
        {"p50", 347.5},   {"p05", 124.95}, /* at 4.95 of 121 (4th: 120 + 1), 125 */
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        char measure[256], expect[96];
        snprintf(measure, sizeof measure,
                 "{\"kind\": \"record\", \"table\": \"ran_records\", \"column\": "
                 "\"pusch_snr_x10\", \"statistic\": \"%s\"}",
                 wanted[i].statistic);
        snprintf(expect, sizeof expect,
                 "{\"kind\": \"value\", \"value\": %.17g, \"tolerance\": 1e-9}", wanted[i].value);
        struct targets t;
        struct targets_report r;
        struct target_result result = judge(room, "{}", measure, expect, &t, &r);
        if (i < 5) {
            near_to(result.value, wanted[i].value);
        } else {
            near_to(result.value, 121 + 0.95 * 4);
        }
        targets_report_free(&r);
        targets_free(&t);
    }
    const char *multiples = "{\"kind\": \"record\", \"table\": \"ran_records\", \"column\": "
                            "\"pusch_snr_x10\", \"statistic\": \"multiples\", \"of\": 5}";
    verdict(room, "{}", multiples, "{\"kind\": \"value\", \"value\": 100}", TARGET_MISSES, 25,
            "all");
    const char *some = "{\"kind\": \"record\", \"table\": \"ran_records\", \"column\": "
                       "\"pusch_snr_x10\", \"statistic\": \"max\", \"where\": {\"column\": "
                       "\"secondary_slice_max_pct\", \"equals\": 30}}";
    verdict(room, "{}", some, "{\"kind\": \"value\", \"value\": 295}", TARGET_HOLDS, 0, NULL);
    const char *by = "{\"kind\": \"record\", \"table\": \"ran_records\", \"column\": "
                     "\"pusch_snr_x10\", \"statistic\": \"count\", \"by\": "
                     "\"secondary_slice_max_pct\"}";
    verdict(room, "{}", by, "{\"kind\": \"rising\", \"strict\": true}", TARGET_HOLDS, 0, NULL);
    const char *std = "{\"kind\": \"record\", \"table\": \"requests\", \"column\": "
                      "\"output_tokens\", \"statistic\": \"std\"}";
    verdict(room, "{}", std, "{\"kind\": \"value\", \"value\": 0}", TARGET_HOLDS, 0, NULL);
}

static void test_not_comparable(void **state)
{
    struct room *room = *state;
    const char *any = "{\"kind\": \"range\", \"lo\": 0, \"hi\": 100}";
    verdict(room, "{\"scenario\": \"smart-*\"}", uplink, any, TARGET_NOT_COMPARABLE, 0,
            "no run of a scenario 'smart-*'");
    verdict(room, "{\"scenario\": \"targets-*\"}", uplink, any, TARGET_HOLDS, 0, NULL);
    verdict(room, "{\"mode\": \"voice\"}", uplink, any, TARGET_NOT_COMPARABLE, 0,
            "no completed request of mode voice");
    verdict(room, "{\"mode\": \"text_request\"}", uplink, any, TARGET_HOLDS, 0, NULL);
    verdict(room, "{\"min_groups\": 4}", uplink, any, TARGET_NOT_COMPARABLE, 0,
            "3 groups of at least 1, 4 needed");
    verdict(room, "{\"min_n\": 11}", uplink, any, TARGET_NOT_COMPARABLE, 0,
            "no group of at least 11 with a value");
    verdict(room, "{\"min_n\": 10}", uplink, any, TARGET_HOLDS, 0, NULL);
    verdict(room, "{\"group\": \"d\"}", uplink, any, TARGET_NOT_COMPARABLE, 0,
            "no group 'd' with a value");
    verdict(room, "{\"min_slices\": 2}", uplink, any, TARGET_NOT_COMPARABLE, 0,
            "speaks of at least 2 slices; ran_records name 1");
    verdict(room, "{\"max_slices\": 0}", uplink, any, TARGET_NOT_COMPARABLE, 0,
            "speaks of at most 0 slices; ran_records name 1");
    verdict(room, "{\"min_slices\": 1, \"max_slices\": 1}", uplink, any, TARGET_HOLDS, 0, NULL);
    verdict(room, "{\"tx_image\": \"640x480\"}", uplink, any, TARGET_NOT_COMPARABLE, 0,
            "30 pictures are not 640x480");
    verdict(room, "{\"tx_image\": \"320x240\"}", uplink, any, TARGET_HOLDS, 0, NULL);
    verdict(room, "{}", "{\"kind\": \"bursts\", \"figure\": \"jump\"}", any, TARGET_NOT_COMPARABLE,
            0, "no ul_throughput in ran_records");
    verdict(room, "{}",
            "{\"kind\": \"record\", \"table\": \"server_records\", \"column\": \"input_tokens\", "
            "\"statistic\": \"mean\"}",
            any, TARGET_NOT_COMPARABLE, 0, "no input_tokens in server_records");
}

/* A series with a record every 100 ms has bursts, but their rise cannot be seen. */
static void test_coarse_series(void **state)
{
    (void)state;
    struct room room;
    struct err e = {0};
    int64_t id = 0;
    rows_folder(room.folder);
    rows_path(room.file, room.folder, "targets.json");
    for (int64_t spacing = 10; spacing <= 100; spacing += 90) {
        struct store_run run = rows_run("bursts");
        assert_int_equal(
            store_open(rows_path(room.store, room.folder, "b.sqlite"), STORE_CREATE, &room.s, &e),
            0);
        assert_int_equal(store_begin_run(room.s, &run, &id, &e), 0);
        struct record_sink sink = store_sink(room.s);
        for (int64_t ms = 0; ms < 30000; ms += spacing) {
            struct ran_record r = rows_ran(ms);
            r.ul_throughput = ms % 5000 >= 1000 && ms % 5000 < 3000 ? 180 : 80;
            assert_int_equal(sink.ran(sink.self, &r), 0);
        }
        struct store_run_totals totals = {.complete = true};
        assert_int_equal(store_end_run(room.s, &totals, &e), 0);
        verdict(&room, "{\"min_n\": 5}", "{\"kind\": \"bursts\", \"figure\": \"jump\"}",
                "{\"kind\": \"value\", \"value\": 100}", TARGET_HOLDS, 0, NULL);
        verdict(&room, "{\"group\": \"1221\"}",
                "{\"kind\": \"bursts\", \"figure\": \"autocorrelation_s\", \"by_slice\": true}",
                "{\"kind\": \"value\", \"value\": 5, \"tolerance\": 0.11}", TARGET_HOLDS, 0, NULL);
        verdict(&room, "{\"min_n\": 7}", "{\"kind\": \"bursts\", \"figure\": \"jump\"}",
                "{\"kind\": \"value\", \"value\": 100}", TARGET_NOT_COMPARABLE, 0,
                "no series of at least 7 bursts");
        verdict(&room, "{}", "{\"kind\": \"bursts\", \"figure\": \"rise_s\"}",
                "{\"kind\": \"value\", \"value\": 2, \"tolerance\": 1e-6}",
                spacing == 10 ? TARGET_HOLDS : TARGET_NOT_COMPARABLE, 0,
                spacing == 10 ? NULL : "a record every 100 ms is too coarse for a rise");
        store_close(room.s, NULL);
    }
    rows_folder_remove(room.folder);
}

/* --- The shipped file ------------------------------------------------------------------------- */

static void test_published(void **state)
{
    struct room *room = *state;
    struct targets t;
    struct targets_report r;
    struct err e = {0};
    if (targets_load("datasets/published_targets.json", &t, &e) != 0) {
        fail_msg("%s", e.text);
    }
    assert_true(t.list.n >= 40);
    const struct target *items = t.list.items;
    for (size_t i = 0; i < t.list.n; i++) {
        assert_true(strlen(items[i].source) > 4 && strlen(items[i].how_read) >= 4);
    }
    assert_int_equal(targets_judge(room->s, &t, NULL, &r, &e), 0);
    assert_int_equal(r.counts[0] + r.counts[1] + r.counts[2], t.list.n);
    targets_report_free(&r);
    targets_free(&t);
}

int test_targets(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_intervals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_orders, setup, teardown),
        cmocka_unit_test_setup_teardown(test_parts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_columns, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_comparable, setup, teardown),
        cmocka_unit_test(test_coarse_series),
        cmocka_unit_test_setup_teardown(test_published, setup, teardown),
    };
    return cmocka_run_group_tests_name("targets", tests, NULL, NULL);
}
