/* Pins: that the JSON of a summary is JSON with the promised keys, of an empty run too; groups by
 * one key and by two, over runs that share a file; the tables that are printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "tests/datasets/summary_rows.h"

static cJSON *json_of(const struct summary *sum, const struct summary_groups *g)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (sum != NULL) {
        summary_print_json(sum, out);
    } else {
        summary_groups_print_json(g, out);
    }
    fclose(out);
    const char *end = NULL;
    cJSON *root = cJSON_ParseWithOpts(text, &end, false);
    if (root == NULL || strcmp(end, "\n") != 0) {
        fail_msg("not one JSON object and a line break: %s", text);
    }
    free(text);
    return root;
}

/* The node at a path such as "latency_ms.e2e.p99" or "groups.0.key". */
static const cJSON *at(const cJSON *node, const char *path)
{
    char copy[128], *rest = copy, *key;
    strcpy(copy, path);
    while ((key = strsep(&rest, ".")) != NULL) {
        node = cJSON_IsArray(node) ? cJSON_GetArrayItem(node, atoi(key))
                                   : cJSON_GetObjectItemCaseSensitive(node, key);
        if (node == NULL) {
            fail_msg("no %s", path);
        }
    }
    return node;
}

/* CLI.md, `run --json`. */
static const char *const promised_numbers[] = {"seed",
                                               "engine.events",
                                               "engine.slots_visited",
                                               "engine.sim_s",
                                               "requests.arrived",
                                               "requests.completed",
                                               "requests.failed",
                                               "requests.in_flight"};
static const char *const promised[] = {"engine.wall_s",
                                       "latency_ms.e2e.mean",
                                       "latency_ms.uplink.p50",
                                       "latency_ms.downlink.p95",
                                       "latency_ms.inference.p99",
                                       "latency_ms.queue.max",
                                       "latency_ms.transport.mean",
                                       "share_pct.uplink",
                                       "share_pct.downlink",
                                       "share_pct.inference",
                                       "tokens.ttft_ms.mean",
                                       "tokens.tpot_ms.p99",
                                       "tokens.ue_ttft_ms.p50",
                                       "tokens.output_per_s",
                                       "radio.ul.mbps",
                                       "radio.ul.bler",
                                       "radio.ul.prb_share",
                                       "radio.ul.mean_mcs",
                                       "radio.ul.retx_share",
                                       "radio.ul.padding_share",
                                       "radio.dl.mbps",
                                       "radio.separated_gap",
                                       "metrics.larei.mean",
                                       "metrics.larei.p50",
                                       "metrics.lseq.mean"};
static const char *const promised_in_lists[] = {"slices.0.id",
                                                "slices.0.requests",
                                                "slices.0.e2e_ms.p95",
                                                "slices.0.share_pct.uplink",
                                                "slices.0.prb_share",
                                                "slices.0.ul_bler",
                                                "slices.0.sched_ul_bytes",
                                                "slices.0.larei",
                                                "slices.0.lseq",
                                                "groups.0.by",
                                                "groups.0.key",
                                                "groups.0.n",
                                                "groups.0.latency_ms.e2e.max",
                                                "groups.0.share_pct.inference",
                                                "gpus.0.id",
                                                "gpus.0.utilization",
                                                "gpus.0.kv_peak_bytes",
                                                "gpus.0.preemptions",
                                                "gpus.0.mean_batch"};

static void test_json(void **state)
{
    (void)state;
    char folder[64], path[96];
    rows_folder(folder);
    struct store *s = begin(rows_path(path, folder, "a.sqlite"), "na\"me\n");
    put_requests(s);
    put_radio(s);
    put_gpu(s);
    end_run(s);
    struct summary_options o = summary_defaults();
    struct summary sum = summary_of(s, &o);
    cJSON *root = json_of(&sum, NULL);
    for (size_t i = 0; i < sizeof promised_numbers / sizeof promised_numbers[0]; i++) {
        assert_true(cJSON_IsNumber(at(root, promised_numbers[i])));
    }
    for (size_t i = 0; i < sizeof promised / sizeof promised[0]; i++) {
        assert_true(cJSON_IsNumber(at(root, promised[i])));
    }
    for (size_t i = 0; i < sizeof promised_in_lists / sizeof promised_in_lists[0]; i++) {
        at(root, promised_in_lists[i]);
    }
    assert_string_equal(at(root, "scenario")->valuestring, "na\"me\n");
    assert_true(cJSON_IsTrue(at(root, "complete")));
    assert_true(cJSON_IsString(at(root, "version")));
    assert_true(cJSON_IsString(at(root, "metrics.definition")));
    assert_near(at(root, "latency_ms.e2e.p99")->valuedouble, 498);
    assert_near(at(root, "share_pct.uplink")->valuedouble, 50);
    assert_string_equal(at(root, "groups.2.key")->valuestring, "R10");
    assert_string_equal(at(root, "groups.0.by")->valuestring, "resolution");
    cJSON_Delete(root);

    /* the table: as many slices, groups and servers, and no figure missing */
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    summary_print_table(&sum, out);
    fclose(out);
    static const char *const shown[] = {"R10", "1223", "edge", "LAREI", "LSEQ", "300.0", "50.0"};
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
        assert_non_null(strstr(text, shown[i]));
    }
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "INCOMPLETE"));
    free(text);
    summary_free(&sum);
    assert_int_equal(store_close(s, NULL), 0);
    rows_folder_remove(folder);
}

/* Nothing happened: every figure is null and the object is whole. */
static void test_empty_run(void **state)
{
    (void)state;
    char folder[64], path[96];
    rows_folder(folder);
    struct store *s = begin(rows_path(path, folder, "a.sqlite"), "empty");
    struct store_run_totals t = {.complete = true};
    assert_int_equal(store_end_run(s, &t, NULL), 0);
    struct summary_options o = summary_defaults();
    struct summary sum = summary_of(s, &o);
    assert_true(sum.complete);
    assert_false(sum.has_radio);
    cJSON *root = json_of(&sum, NULL);
    for (size_t i = 0; i < sizeof promised_numbers / sizeof promised_numbers[0]; i++) {
        assert_true(cJSON_IsNumber(at(root, promised_numbers[i])));
    }
    for (size_t i = 1; i < sizeof promised / sizeof promised[0]; i++) { /* all but wall_s */
        assert_true(cJSON_IsNull(at(root, promised[i])));
    }
    assert_int_equal(cJSON_GetArraySize(at(root, "slices")), 0);
    assert_int_equal(cJSON_GetArraySize(at(root, "groups")), 0);
    assert_int_equal(cJSON_GetArraySize(at(root, "gpus")), 0);
    cJSON_Delete(root);
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    summary_print_table(&sum, out);
    fclose(out);
    assert_null(strstr(text, "nan"));
    free(text);
    summary_free(&sum);

    o.run_id = 8;
    struct err e = {0};
    assert_int_equal(summary_compute(s, &o, &sum, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "no run 8"));
    assert_int_equal(store_close(s, NULL), 0);
    rows_folder_remove(folder);
}

/* Two runs in a file: one, both, and by scenario, slice, model and resolution. */
static void test_groups_of_two_runs(void **state)
{
    (void)state;
    char folder[64], path[96];
    rows_folder(folder);
    struct store *s = begin(rows_path(path, folder, "a.sqlite"), "first");
    put_requests(s);
    end_run(s);
    struct store_run run = rows_run("second");
    int64_t id = 0;
    assert_int_equal(store_begin_run(s, &run, &id, NULL), 0);
    struct record_sink sink = store_sink(s);
    struct request_record q = rows_request(&(struct rows_times){1, 0, 10, 0, 10, 20, 60, 3});
    q.llm_model = "llama3.2";
    q.resolution = "";
    assert_int_equal(sink.request(sink.self, &q), 0);
    assert_int_equal(store_flush(s, NULL), 0); /* the second run did not end */

    struct summary_options o = summary_defaults();
    o.run_id = 1;
    struct summary sum = summary_of(s, &o);
    assert_true(sum.complete);
    assert_int_equal(sum.latency_ms.e2e.n, 3);
    summary_free(&sum);
    o.run_id = 0;
    sum = summary_of(s, &o);
    assert_false(sum.complete);
    assert_string_equal(sum.scenario, "first,second");
    assert_int_equal(sum.arrived, 6);
    assert_int_equal(sum.latency_ms.e2e.n, 4);
    assert_near(sum.latency_ms.e2e.mean, 325);
    assert_near(sum.sim_s, 10.1);
    assert_false(sum.has_radio);
    summary_free(&sum);

    struct summary_groups g;
    struct err e = {0};
    assert_int_equal(summary_by(s, SUMMARY_BY_SCENARIO, &o, &g, &e), 0);
    assert_int_equal(g.n_groups, 2);
    assert_string_equal(g.groups[1].key, "second");
    assert_near(g.groups[1].share_pct.downlink, 60);
    assert_near(g.groups[0].latency_ms.e2e.mean, 400);
    cJSON *root = json_of(NULL, &g);
    assert_string_equal(at(root, "by")->valuestring, "scenario");
    assert_true(cJSON_IsFalse(at(root, "complete")));
    assert_near(at(root, "incomplete_runs")->valuedouble, 1);
    assert_near(at(root, "groups.1.share_pct.downlink")->valuedouble, 60);
    assert_true(cJSON_IsNumber(at(root, "groups.0.larei.mean")));
    assert_true(cJSON_IsString(at(root, "definition")));
    cJSON_Delete(root);
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    summary_groups_print_table(&g, out);
    fclose(out);
    assert_non_null(strstr(text, "INCOMPLETE: 1 of 2 runs"));
    assert_non_null(strstr(text, "second"));
    free(text);
    summary_groups_free(&g);

    assert_int_equal(summary_by(s, SUMMARY_BY_MODEL, &o, &g, &e), 0);
    assert_int_equal(g.n_groups, 2);
    assert_string_equal(g.groups[0].key, "llama3.2");
    summary_groups_free(&g);
    assert_int_equal(summary_by(s, SUMMARY_BY_SLICE, &o, &g, &e), 0);
    assert_int_equal(g.n_groups, 2);
    assert_int_equal(g.groups[0].n, 3);
    summary_groups_free(&g);
    assert_int_equal(summary_by(s, SUMMARY_BY_RESOLUTION, &o, &g, &e), 0);
    assert_int_equal(g.n_groups, 3); /* the second run's request has none */
    summary_groups_free(&g);
    assert_int_equal(summary_by(s, SUMMARY_BY_ALL, &o, &g, &e), 0);
    assert_int_equal(g.n_groups, 1);
    assert_int_equal(g.groups[0].n, 4);
    assert_string_equal(g.groups[0].key, "all");
    summary_groups_free(&g);

    /* By two keys at once: who lacks one is in no group. */
    const enum summary_by keys[] = {SUMMARY_BY_SLICE, SUMMARY_BY_RESOLUTION};
    assert_int_equal(summary_by_keys(s, keys, 2, &o, &g, &e), 0);
    assert_string_equal(g.by_text, "slice,resolution");
    assert_int_equal(g.n_groups, 3);
    assert_string_equal(g.groups[0].key, "1221,R1");
    assert_string_equal(g.groups[1].key, "1221,R2");
    assert_string_equal(g.groups[2].key, "1222,R10");
    assert_near(g.groups[1].latency_ms.e2e.mean, 500);
    assert_near(g.groups[2].share_pct.uplink, 50);
    root = json_of(NULL, &g);
    assert_string_equal(at(root, "by")->valuestring, "slice,resolution");
    assert_string_equal(at(root, "groups.2.by")->valuestring, "slice,resolution");
    cJSON_Delete(root);
    summary_groups_free(&g);

    /* Only some runs, only some requests. */
    o.scenario = "sec*";
    assert_int_equal(summary_by(s, SUMMARY_BY_ALL, &o, &g, &e), 0);
    assert_int_equal(g.groups[0].n, 1);
    assert_near(g.groups[0].share_pct.downlink, 60);
    assert_int_equal(g.runs, 1);
    summary_groups_free(&g);
    o.mode = "no such mode";
    assert_int_equal(summary_by(s, SUMMARY_BY_MODE, &o, &g, &e), 0);
    assert_int_equal(g.n_groups, 0);
    summary_groups_free(&g);
    o.scenario = NULL;
    o.mode = "image_request";
    assert_int_equal(summary_by(s, SUMMARY_BY_MODE, &o, &g, &e), 0);
    assert_int_equal(g.n_groups, 1);
    assert_string_equal(g.groups[0].key, "image_request");
    summary_groups_free(&g);
    o.mode = "it's";
    o.scenario = "it's";
    assert_int_equal(summary_by(s, SUMMARY_BY_ALL, &o, &g, &e), 0);
    assert_int_equal(g.n_groups, 0);
    summary_groups_free(&g);
    store_close(s, NULL);
    rows_folder_remove(folder);
}

int test_summary_print(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_empty_run),
        cmocka_unit_test(test_groups_of_two_runs),
    };
    return cmocka_run_group_tests_name("summary_print", tests, NULL, NULL);
}
