/* Pins: the bytes of an exported table; that they do not hang on the order of writing, on the clock
 * or on the run's start; what is said of incomplete runs and unknown tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "datasets/export.h"
#include "tests/datasets/rows.h"

/* Not inlined: gcc 12 then takes the stream's buffer for this function's local. */
__attribute__((noinline)) static char *export_text(struct store *s, const char *table,
                                                   enum export_format format,
                                                   struct export_result *result)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    struct err e = {0};
    if (export_table(s, table, format, out, result, &e) != 0) {
        fail_msg("%s", e.text);
    }
    fclose(out);
    return text;
}

static struct store *begin(const char *path, const char *started_at)
{
    struct store *s = NULL;
    struct err e = {0};
    int64_t id = 0;
    struct store_run run = rows_run("x");
    run.scenario_text = "{\"a\": 1,\n\"b\": 2}";
    run.started_at = started_at;
    assert_int_equal(store_open(path, STORE_CREATE, &s, &e), 0);
    assert_int_equal(store_begin_run(s, &run, &id, &e), 0);
    return s;
}

static void test_csv_bytes(void **state)
{
    (void)state;
    char folder[64], path[96];
    rows_folder(folder);
    struct store *s = begin(rows_path(path, folder, "a.sqlite"), "now");
    struct record_sink sink = store_sink(s);
    struct gpu_record gpu = {.server = "b, \"two\"", .gpu = "h200", .busy_ns = INT64_MIN + 1};
    assert_int_equal(sink.gpu(sink.self, &gpu), 0);
    gpu = (struct gpu_record){.server = "a\nb", .kv_pool_bytes = RECORD_NO_INT, .refused = 9};
    assert_int_equal(sink.gpu(sink.self, &gpu), 0);
    struct ue_record ue = {.request_id = 1,
                           .wireless_comm_time_ms = 0.1,
                           .total_comm_time_ms = 1.0 / 3,
                           .uplink_time_ms = 3,
                           .downlink_time_ms = 1e22,
                           .llm_model = ""};
    assert_int_equal(sink.ue(sink.self, &ue), 0);
    struct export_result result;
    char *text = export_text(s, "gpus", EXPORT_CSV, &result);
    assert_string_equal(text,
                        "run_id,server,gpu,llm_model,busy_ns,span_ns,steps,batch_sum,"
                        "prefill_tokens,decode_tokens,kv_pool_bytes,kv_peak_bytes,"
                        "preemptions,refused,cold_loads,warm_loads,load_ns,evictions,expiries,"
                        "prefix_hit_tokens,dropped_tokens,swapped_bytes,memory_bytes,"
                        "memory_peak_bytes\n"
                        "1,\"a\nb\",,,0,0,0,0,0,0,,0,0,9,0,0,0,0,0,0,0,0,0,0\n"
                        "1,\"b, \"\"two\"\"\",h200,,-9223372036854775807,0,0,0,0,0,0,0,0,0,"
                        "0,0,0,0,0,0,0,0,0,0\n");
    free(text);
    assert_int_equal(result.rows, 2);
    assert_int_equal(result.incomplete_runs, 1);
    text = export_text(s, "ue_records", EXPORT_CSV, &result);
    assert_non_null(strstr(text, "\n1,1,0,0.1,0.333333333333333"));
    assert_non_null(strstr(text, ",3,1e+22,"));
    double third;
    assert_int_equal(sscanf(strstr(text, "\n1,1,0,0.1,") + 11, "%lf", &third), 1);
    assert_true(third == 1.0 / 3);
    free(text);

    text = export_text(s, "gpus", EXPORT_TEXT, &result);
    const char *second = strchr(text, '\n') + 1; /* the columns stand under each other */
    const char *third_line = strchr(second, '\n') + 1;
    assert_int_equal(third_line - second, second - text);
    assert_int_equal(strlen(third_line), second - text);
    assert_non_null(strstr(second, "a?b "));
    free(text);
    store_close(s, NULL);
    rows_folder_remove(folder);
}

/* Long text is cut in the aligned form and whole in the CSV; UTF-8 is not cut in two. */
static void test_text_is_cut(void **state)
{
    (void)state;
    char folder[64], path[96];
    rows_folder(folder);
    struct store *s = begin(rows_path(path, folder, "a.sqlite"), "now");
    struct record_sink sink = store_sink(s);
    char name[201] = "";
    for (int i = 0; i < 100; i++) {
        strcat(name, "\xc3\xa9");
    }
    struct gpu_record gpu = {.server = name};
    assert_int_equal(sink.gpu(sink.self, &gpu), 0);
    struct export_result result;
    char *text = export_text(s, "gpus", EXPORT_CSV, &result);
    assert_non_null(strstr(text, name));
    free(text);
    text = export_text(s, "gpus", EXPORT_TEXT, &result);
    assert_null(strstr(text, name));
    assert_non_null(strstr(text, "\xc3\xa9..."));
    free(text);
    store_close(s, NULL);
    rows_folder_remove(folder);
}

/* The same rows in another order, at another time, in other transactions: the same bytes. */
static void test_same_rows_same_bytes(void **state)
{
    (void)state;
    enum { N = 500 };
    static const char *const tables[] = {"runs", "requests", "ran_records"};
    char folder[64], path[96], *texts[2][3];
    rows_folder(folder);
    for (int round = 0; round < 2; round++) {
        struct store *s =
            begin(rows_path(path, folder, "a.sqlite"), round == 0 ? "today" : "tomorrow");
        struct record_sink sink = store_sink(s);
        for (int i = 0; i < N; i++) {
            int at = round == 0 ? i : (i * 7 + 3) % N;
            struct request_record q = rows_request(
                &(struct rows_times){((int64_t)(at % 10) << 32) + at, at, 0.1 * at, 1, 2, 3, 4, 5});
            struct ran_record ran = rows_ran(at / 3); /* frame, slot and RNTI tie */
            ran.rnti = at % 3;
            assert_int_equal(sink.request(sink.self, &q), 0);
            assert_int_equal(sink.ran(sink.self, &ran), 0);
            if (round == 1 && i % 100 == 0) {
                assert_int_equal(store_flush(s, NULL), 0);
            }
        }
        struct store_run_totals totals = {.complete = true, .wall_s = 1.5 * round};
        assert_int_equal(store_end_run(s, &totals, NULL), 0);
        for (int t = 0; t < 3; t++) {
            struct export_result result;
            texts[round][t] = export_text(s, tables[t], EXPORT_CSV, &result);
            assert_int_equal(result.rows, t == 0 ? 1 : N);
            assert_int_equal(result.incomplete_runs, 0);
        }
        store_close(s, NULL);
    }
    for (int t = 0; t < 3; t++) {
        assert_string_equal(texts[0][t], texts[1][t]);
        assert_null(strstr(texts[0][t], "wall_s"));
        assert_null(strstr(texts[0][t], "started_at"));
        free(texts[0][t]);
        free(texts[1][t]);
    }
    rows_folder_remove(folder);
}

static void test_unknown_table(void **state)
{
    (void)state;
    char folder[64], path[96];
    rows_folder(folder);
    struct store *s = begin(rows_path(path, folder, "a.sqlite"), "now");
    struct export_result result;
    struct err e = {0};
    assert_int_equal(export_table(s, "request", EXPORT_CSV, stdout, &result, &e), ERR_INPUT);
    assert_string_equal(e.text, "no table 'request'; use 'requests'");
    assert_int_equal(export_table(s, "zzzzzzzzz", EXPORT_CSV, stdout, &result, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "ran_records"));
    store_close(s, NULL);
    rows_folder_remove(folder);
}

static void test_output_that_fails(void **state)
{
    (void)state;
    char folder[64], path[96];
    rows_folder(folder);
    struct store *s = begin(rows_path(path, folder, "a.sqlite"), "now");
    FILE *full = fopen("/dev/full", "w");
    if (full == NULL) {
        skip();
    }
    struct export_result result;
    struct err e = {0};
    assert_int_equal(export_table(s, "runs", EXPORT_CSV, full, &result, &e), ERR_WORK);
    assert_non_null(strstr(e.text, "No space"));
    fclose(full);
    store_close(s, NULL);
    rows_folder_remove(folder);
}

int test_export(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv_bytes),
        cmocka_unit_test(test_text_is_cut),
        cmocka_unit_test(test_same_rows_same_bytes),
        cmocka_unit_test(test_unknown_table),
        cmocka_unit_test(test_output_that_fails),
    };
    return cmocka_run_group_tests_name("export", tests, NULL, NULL);
}
