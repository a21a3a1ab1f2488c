/* Pins: every figure of a summary against numbers worked out by hand on a table of five requests;
 * LAREI and LSEQ and their options; runs that were killed; models that share a GPU; chains without
 * stamps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/datasets/summary_rows.h"

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
        cmocka_unit_test(test_percentiles_of_many),
        cmocka_unit_test(test_server_only),
    };
    return cmocka_run_group_tests_name("summary", tests, NULL, NULL);
}
