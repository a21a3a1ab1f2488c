/* summary_rows.h - the run of five requests that tests/datasets/summary.c and summary_print.c
 * summarize. */
#ifndef TESTS_DATASETS_SUMMARY_ROWS_H
#define TESTS_DATASETS_SUMMARY_ROWS_H

#include "datasets/summary.h"
#include "tests/datasets/rows.h"

static inline void assert_near(double value, double wanted)
{
    if (!(fabs(value - wanted) <= 1e-9 * fmax(1, fabs(wanted)))) {
        fail_msg("%.17g is not %.17g", value, wanted);
    }
}

static inline struct store *begin(const char *path, const char *scenario)
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
static inline void put_requests(struct store *s)
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

static inline void put_radio(struct store *s)
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

static inline void put_gpu(struct store *s)
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

static inline void end_run(struct store *s)
{
    struct store_run_totals t = {true, 1234, 99, 56, 10 * NS_PER_S, 5, 3, 1, 1, 0.5};
    struct err e = {0};
    assert_int_equal(store_end_run(s, &t, &e), 0);
}

static inline struct summary summary_of(struct store *s, const struct summary_options *o)
{
    struct summary sum;
    struct err e = {0};
    if (summary_compute(s, o, &sum, &e) != 0) {
        fail_msg("%s", e.text);
    }
    return sum;
}

#endif
