/* Pins: every figure of a summary against numbers worked out by hand on a table of five requests;
 * LAREI and LSEQ and their options; runs that were killed, are empty, or share a file; that the
 * JSON is JSON with the promised keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "datasets/summary.h"
#include "tests/datasets/rows.h"

static void assert_near(double value, double wanted)
{
    if (!(fabs(value - wanted) <= 1e-9 * fmax(1, fabs(wanted)))) {
        fail_msg("%.17g is not %.17g", value, wanted);
    }
}

static void assert_stat(const struct summary_stat *s, int64_t n, double mean, double p50,
                        double p95, double p99, double max)
{
    assert_int_equal(s->n, n);
    assert_near(s->mean, mean);
    assert_near(s->p50, p50);
    assert_near(s->p95, p95);
    assert_near(s->p99, p99);
    assert_near(s->max, max);
}

static struct store *begin(const char *path, const char *scenario)
{
    struct store *s = NULL;
    struct err e = {0};
    int64_t id = 0;
    struct store_run run = rows_run(scenario);
    assert_int_equal(store_open(path, STORE_CREATE, &s, &e), 0);
    assert_int_equal(store_begin_run(s, &run, &id, &e), 0);
    return s;
}

/* Three completed requests, one that failed, one that is under way. Parts of e2e in ms:
 *      uplink  inference (queue)  downlink   e2e   tokens  slice  group
 *   1     100        140      10        60   300       10   1221     R1
 *   2     200        100       0       100   400        6   1222    R10
 *   3     300        120      20        80   500        1   1221     R2
 * sum    600        360                240  1200 */
static void put_requests(struct store *s)
{
    struct record_sink sink = store_sink(s);
    struct request_record q = rows_request(&(struct rows_times){1, 0, 100, 10, 40, 90, 60, 10});
    assert_int_equal(sink.request(sink.self, &q), 0);
    q = rows_request(&(struct rows_times){2, 1000, 200, 0, 50, 50, 100, 6});
    q.slice_id = "1222";
    q.resolution = "R10";
    q.ul_sched_bytes = 200000;
    q.ul_bler = 0.2;
    assert_int_equal(sink.request(sink.self, &q), 0);
    q = rows_request(&(struct rows_times){3, 2000, 300, 20, 100, 0, 80, 1});
    q.resolution = "R2";
    q.ul_sched_bytes = RECORD_NO_INT;
    q.ul_sched_prb = RECORD_NO_INT;
    q.ul_bler = NAN;
    assert_int_equal(sink.request(sink.self, &q), 0);
    q.request_id = 4;
    q.slice_id = "1222";
    q.status = "failed";
    q.done_ns = RECORD_NO_INT;
    assert_int_equal(sink.request(sink.self, &q), 0);
    q.request_id = 5;
    q.slice_id = NULL;
    q.status = "in_flight";
    assert_int_equal(sink.request(sink.self, &q), 0);
}

static void put_radio(struct store *s)
{
    struct record_sink sink = store_sink(s);
    struct cell_record c = {.cell = "gnb1",
                            .direction = "ul",
                            .opportunities = 100,
                            .prb_available = 10000,
                            .prb_used = 2500,
                            .blocks = 80,
                            .blocks_retx = 20,
                            .block_errors = 25,
                            .bytes_scheduled = 500000,
                            .bytes_retx = 100000,
                            .bytes_payload = 250000,
                            .bytes_padding = 50000,
                            .mcs_sum = 800};
    assert_int_equal(sink.cell(sink.self, &c), 0);
    c.direction = "dl";
    c.bytes_payload = 500000;
    c.block_errors = 10;
    assert_int_equal(sink.cell(sink.self, &c), 0);
    c = (struct cell_record){.cell = "gnb1",
                             .direction = "ul",
                             .slice_id = "1221",
                             .prb_used = 1000,
                             .blocks = 40,
                             .blocks_retx = 10,
                             .block_errors = 15,
                             .bytes_scheduled = 300000};
    assert_int_equal(sink.cell(sink.self, &c), 0);
    /* Two decisions with rows for two slices, and one while none asked. */
    struct decision_record d = {.cell = "gnb1", .direction = "ul", .solver_gap = 0};
    for (int i = 0; i < 6; i++) {
        d.time_ns = i / 2 * NS_PER_S;
        d.slice_id = i % 2 == 0 ? "1221" : NULL;
        d.gap = i < 2 ? 0.1 : i < 4 ? 0.4 : NAN;
        assert_int_equal(sink.decision(sink.self, &d), 0);
    }
    c.slice_id = "1223"; /* a slice that nobody asked in */
    c.prb_used = 0;
    c.blocks = c.blocks_retx = c.block_errors = c.bytes_scheduled = 0;
    assert_int_equal(sink.cell(sink.self, &c), 0);
}

static void put_gpu(struct store *s)
{
    struct record_sink sink = store_sink(s);
    struct gpu_record g = {.server = "edge",
                           .gpu = "rtx4090",
                           .llm_model = "llava",
                           .busy_ns = 2 * NS_PER_S,
                           .span_ns = 10 * NS_PER_S,
                           .steps = 100,
                           .batch_sum = 250,
                           .kv_pool_bytes = 1000,
                           .kv_peak_bytes = 777,
                           .preemptions = 3,
                           .refused = 1};
    assert_int_equal(sink.gpu(sink.self, &g), 0);
}

/* A second model that shares the GPU. */
static void put_second_model(struct store *s)
{
    struct record_sink sink = store_sink(s);
    struct gpu_record g = {.server = "edge",
                           .gpu = "rtx4090",
                           .llm_model = "llama3.2",
                           .busy_ns = 3 * NS_PER_S,
                           .span_ns = 10 * NS_PER_S,
                           .steps = 100,
                           .batch_sum = 150,
                           .kv_pool_bytes = 500,
                           .kv_peak_bytes = 23,
                           .preemptions = 4,
                           .cold_loads = 1,
                           .warm_loads = 5,
                           .load_ns = 6 * NS_PER_S,
                           .evictions = 7,
                           .expiries = 8,
                           .prefix_hit_tokens = 9,
                           .swapped_bytes = 11};
    assert_int_equal(sink.gpu(sink.self, &g), 0);
}

static void end_run(struct store *s)
{
    struct store_run_totals t = {true, 1234, 99, 56, 10 * NS_PER_S, 5, 3, 1, 1, 0.5};
    struct err e = {0};
    assert_int_equal(store_end_run(s, &t, &e), 0);
}

static struct summary summary_of(struct store *s, const struct summary_options *o)
{
    struct summary sum;
    struct err e = {0};
    if (summary_compute(s, o, &sum, &e) != 0) {
        fail_msg("%s", e.text);
    }
    return sum;
}

static void test_by_hand(void **state)
{
    (void)state;
    char folder[64], path[96];
    rows_folder(folder);
    struct store *s = begin(rows_path(path, folder, "a.sqlite"), "five");
    put_requests(s);
    put_radio(s);
    put_gpu(s);
    end_run(s);
    struct summary_options o = summary_defaults();
    struct summary sum = summary_of(s, &o);

    assert_string_equal(sum.scenario, "five");
    assert_true(sum.complete);
    assert_int_equal(sum.seed, 7);
    assert_int_equal(sum.events, 1234);
    assert_int_equal(sum.slots_visited, 56);
    assert_near(sum.sim_s, 10);
    assert_int_equal(sum.arrived, 5);
    assert_int_equal(sum.completed, 3);
    assert_int_equal(sum.failed, 1);
    assert_int_equal(sum.in_flight, 1);
    assert_stat(&sum.latency_ms.e2e, 3, 400, 400, 490, 498, 500);
    assert_stat(&sum.latency_ms.uplink, 3, 200, 200, 290, 298, 300);
    assert_stat(&sum.latency_ms.inference, 3, 120, 120, 138, 139.6, 140);
    assert_stat(&sum.latency_ms.downlink, 3, 80, 80, 98, 99.6, 100);
    assert_stat(&sum.latency_ms.queue, 3, 10, 10, 19, 19.8, 20);
    assert_stat(&sum.latency_ms.transport, 3, 5, 5, 5, 5, 5); /* 2 + 1 up, 0.5 + 1.5 down */
    assert_near(sum.share_pct.uplink, 50);
    assert_near(sum.share_pct.inference, 30);
    assert_near(sum.share_pct.downlink, 20);
    assert_stat(&sum.ttft_ms, 3, 220.0 / 3, 50, 113, 118.6, 120);
    assert_stat(&sum.ue_ttft_ms, 3, 399, 399, 489, 497, 499);
    assert_stat(&sum.tpot_ms, 2, 10, 10, 10, 10, 10); /* 90/9 and 50/5; one token has none */
    assert_near(sum.output_per_s, 1.7);

    assert_true(sum.has_radio);
    assert_near(sum.ul.mbps, 0.2);
    assert_near(sum.dl.mbps, 0.4);
    assert_near(sum.ul.bler, 0.25);
    assert_near(sum.dl.bler, 0.1);
    assert_near(sum.ul.prb_share, 0.25);
    assert_near(sum.ul.mean_mcs, 10);
    assert_near(sum.ul.retx_share, 0.2);
    assert_near(sum.ul.padding_share, 0.1);
    assert_near(sum.separated_gap, 0.25);

    /* LAREI: 100000 ln 8 / (160000 0.3) and 100000 ln 8 / (200000 0.4); LSEQ: 100000 0.9 sqrt 7 /
     * 160000 and 100000 0.8 sqrt 7 / 200000; the third has no grants. */
    double larei[] = {4.332169878499658, 2.599301927099795};
    double lseq[] = {1.488235112473832, 1.058300524425836};
    assert_int_equal(sum.larei.n, 2);
    assert_near(sum.larei.mean, (larei[0] + larei[1]) / 2);
    assert_near(sum.lseq.p50, (lseq[0] + lseq[1]) / 2);
    assert_near(sum.lseq.max, lseq[0]);

    assert_int_equal(sum.n_slices, 3);
    assert_string_equal(sum.slices[0].id, "1221");
    assert_int_equal(sum.slices[0].requests, 2);
    assert_stat(&sum.slices[0].e2e_ms, 2, 400, 400, 490, 498, 500);
    assert_near(sum.slices[0].share_pct.uplink, 50);
    assert_near(sum.slices[0].prb_share, 0.1);
    assert_near(sum.slices[0].ul_bler, 0.3);
    assert_near(sum.slices[0].sched_ul_bytes, 300000);
    assert_near(sum.slices[0].larei, larei[0]);
    assert_near(sum.slices[0].lseq, lseq[0]);
    assert_int_equal(sum.slices[1].requests, 2); /* one of them failed */
    assert_int_equal(sum.slices[1].e2e_ms.n, 1);
    assert_near(sum.slices[1].larei, larei[1]);
    assert_true(isnan(sum.slices[1].ul_bler));
    assert_string_equal(sum.slices[2].id, "1223");
    assert_int_equal(sum.slices[2].requests, 0);
    assert_true(isnan(sum.slices[2].larei));

    assert_int_equal(sum.n_groups, 3);
    assert_string_equal(sum.groups[0].key, "R1");
    assert_string_equal(sum.groups[1].key, "R2");
    assert_string_equal(sum.groups[2].key, "R10");
    assert_int_equal(sum.groups[2].n, 1);
    assert_near(sum.groups[2].latency_ms.downlink.p99, 100);
    assert_near(sum.groups[2].share_pct.uplink, 50);
    assert_near(sum.groups[1].share_pct.inference, 24);
    assert_int_equal(sum.groups[1].tpot_ms.n, 0);

    assert_int_equal(sum.n_gpus, 1);
    assert_string_equal(sum.gpus[0].id, "edge");
    assert_near(sum.gpus[0].utilization, 0.2);
    assert_near(sum.gpus[0].mean_batch, 2.5);
    assert_int_equal(sum.gpus[0].kv_peak_bytes, 777);
    assert_int_equal(sum.gpus[0].preemptions, 3);
    summary_free(&sum);
    assert_int_equal(store_close(s, NULL), 0);
    rows_folder_remove(folder);
}

static void test_options_of_the_indices(void **state)
{
    (void)state;
    char folder[64], path[96];
    rows_folder(folder);
    struct store *s = begin(rows_path(path, folder, "a.sqlite"), "five");
    put_requests(s);
    put_radio(s);
    end_run(s);
    struct summary_options o = summary_defaults();
    o.log = SUMMARY_LOG2;
    o.resources = SUMMARY_PRB;
    o.error_rate = SUMMARY_ERR_SLICE;
    o.omega = 2;
    o.delta = 0.5;
    struct summary sum = summary_of(s, &o);
    /* 2 x 100000 log2 8 / (4000 0.3) and the same over 0.4 s */
    assert_near(sum.larei.max, 500);
    assert_near(sum.larei.mean, 437.5);
    /* 0.5 x 100000 (1 - 15/50) sqrt 7 / 4000; slice 1222 sent nothing, so it has no error rate */
    assert_int_equal(sum.lseq.n, 1);
    assert_near(sum.lseq.mean, 0.5 * 25 * 0.7 * sqrt(7));
    assert_non_null(strstr(sum.definition, "log2(1+P)"));
    assert_non_null(strstr(sum.definition, "ul_sched_prb"));
    assert_non_null(strstr(sum.definition, "omega = 2, delta = 0.5"));
    summary_free(&sum);

    o = summary_defaults();
    o.log = SUMMARY_LOG10;
    sum = summary_of(s, &o);
    assert_near(sum.larei.max, 0.625 * log10(8) / 0.3);
    assert_non_null(strstr(sum.definition, "over those where it is defined")); /* not cut */
    summary_free(&sum);
    assert_int_equal(store_close(s, NULL), 0);
    rows_folder_remove(folder);
}

/* A killed run has no totals: rows are counted, and the last completed request ends its time. */
static void test_killed_run(void **state)
{
    (void)state;
    char folder[64], path[96];
    rows_folder(folder);
    struct store *s = begin(rows_path(path, folder, "a.sqlite"), "five");
    put_requests(s);
    assert_int_equal(store_flush(s, NULL), 0);
    struct summary_options o = summary_defaults();
    struct summary sum = summary_of(s, &o);
    assert_false(sum.complete);
    assert_int_equal(sum.incomplete_runs, 1);
    assert_int_equal(sum.arrived, 5);
    assert_int_equal(sum.completed, 3);
    assert_int_equal(sum.in_flight, 1);
    assert_near(sum.sim_s, 2.5);
    assert_true(isnan(sum.wall_s));
    assert_near(sum.output_per_s, 17 / 2.5);
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    summary_print_table(&sum, out);
    fclose(out);
    assert_non_null(strstr(text, "INCOMPLETE: 1 of 1 runs"));
    free(text);
    summary_free(&sum);
    assert_int_equal(store_close(s, NULL), 0);
    rows_folder_remove(folder);
}

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

static void test_models_of_a_gpu(void **state)
{
    (void)state;
    char folder[64], path[96];
    rows_folder(folder);
    struct store *s = begin(rows_path(path, folder, "a.sqlite"), "two-models");
    put_gpu(s);
    put_second_model(s);
    end_run(s);
    struct summary_options o = summary_defaults();
    struct summary sum = summary_of(s, &o);
    assert_int_equal(sum.n_gpus, 1);
    const struct summary_gpu *g = &sum.gpus[0];
    assert_string_equal(g->model, "llama3.2,llava");
    assert_near(g->utilization, 0.5);
    assert_near(g->mean_batch, 2.0);
    assert_int_equal(g->kv_pool_bytes, 1500);
    assert_int_equal(g->kv_peak_bytes, 800);
    assert_int_equal(g->preemptions, 7);
    assert_int_equal(g->n_models, 2);
    assert_string_equal(g->models[0].model, "llama3.2");
    assert_near(g->models[0].utilization, 0.3);
    assert_near(g->models[0].load_s, 6.0);
    assert_int_equal(g->models[0].cold_loads, 1);
    assert_int_equal(g->models[0].warm_loads, 5);
    assert_int_equal(g->models[0].evictions, 7);
    assert_int_equal(g->models[0].expiries, 8);
    assert_int_equal(g->models[0].prefix_hit_tokens, 9);
    assert_int_equal(g->models[0].swapped_bytes, 11);
    assert_int_equal(g->models[1].cold_loads, 0);
    assert_int_equal(g->models[1].kv_peak_bytes, 777);
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

/* Percentiles of many: 1000 requests that take 1 to 1000 ms, in another order; the p-th percentile
 * of 1..n is 1 + p (n - 1). */
static void test_percentiles_of_many(void **state)
{
    (void)state;
    enum { N = 1000 };
    char folder[64], path[96];
    rows_folder(folder);
    struct store *s = begin(rows_path(path, folder, "a.sqlite"), "many");
    struct record_sink sink = store_sink(s);
    for (int i = 0; i < N; i++) {
        double ms = 1 + i * 389 % N;
        struct request_record q = rows_request(&(struct rows_times){i, 0, ms, 0, 0, 0, 0, 1});
        q.server_in_ns -= 500 * NS_PER_MS; /* uplink -499 to 500 ms, as clocks that disagree say */
        assert_int_equal(sink.request(sink.self, &q), 0);
    }
    end_run(s);
    struct summary_options o = summary_defaults();
    struct summary sum = summary_of(s, &o);
    assert_stat(&sum.latency_ms.e2e, N, 500.5, 500.5, 950.05, 990.01, 1000);
    assert_stat(&sum.latency_ms.uplink, N, 0.5, 0.5, 450.05, 490.01, 500);
    assert_stat(&sum.latency_ms.inference, N, 500, 500, 500, 500, 500);
    summary_free(&sum);
    assert_int_equal(store_close(s, NULL), 0);
    rows_folder_remove(folder);
}

/* A chain without radio, links and core: no stamps there, no indices, and shares all the same. */
static void test_server_only(void **state)
{
    (void)state;
    char folder[64], path[96];
    rows_folder(folder);
    struct store *s = begin(rows_path(path, folder, "a.sqlite"), "server");
    struct record_sink sink = store_sink(s);
    struct request_record q = rows_request(&(struct rows_times){1, 0, 0, 0, 10, 20, 0, 3});
    q.slice_id = q.resolution = NULL;
    q.transport_ul_in_ns = q.transport_ul_out_ns = q.core_ul_in_ns = q.core_ul_out_ns =
        q.core_dl_in_ns = q.core_dl_out_ns = q.transport_dl_in_ns = q.transport_dl_out_ns =
            q.ul_sched_bytes = q.ul_sched_prb = q.uplink_bytes = RECORD_NO_INT;
    q.ul_bler = NAN;
    assert_int_equal(sink.request(sink.self, &q), 0);
    end_run(s);
    struct summary_options o = summary_defaults();
    struct summary sum = summary_of(s, &o);
    assert_near(sum.share_pct.inference, 100);
    assert_near(sum.share_pct.uplink, 0);
    assert_int_equal(sum.latency_ms.transport.n, 0);
    assert_int_equal(sum.larei.n, 0);
    assert_int_equal(sum.n_slices, 0);
    assert_int_equal(sum.n_groups, 0);
    assert_near(sum.tpot_ms.mean, 10);
    summary_free(&sum);
    assert_int_equal(store_close(s, NULL), 0);
    rows_folder_remove(folder);
}

int test_summary(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_options_of_the_indices),
        cmocka_unit_test(test_models_of_a_gpu),
        cmocka_unit_test(test_killed_run),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_empty_run),
        cmocka_unit_test(test_groups_of_two_runs),
        cmocka_unit_test(test_percentiles_of_many),
        cmocka_unit_test(test_server_only),
    };
    return cmocka_run_group_tests_name("summary", tests, NULL, NULL);
}
