/* server_rows.h - what the tests of servers ask of every scenario's rows. */
#ifndef TESTS_SIM_SERVER_ROWS_H
#define TESTS_SIM_SERVER_ROWS_H

#include "tests/sim/rows.h"

/* V1, and the part of V2 that every scenario keeps. */
static inline void check_rows(const struct rows *r)
{
    assert_int_equal(r->result.in_flight, 0);
    assert_int_equal(r->result.completed + r->result.failed, r->result.arrived);
    assert_int_equal(r->n_requests, r->result.arrived);
    for (size_t i = 0; i < r->n_requests; i++) {
        const struct request_record *q = &r->requests[i];
        if (strcmp(q->status, "completed") != 0) {
            assert_string_equal(q->status, "failed");
            assert_non_null(q->failure);
            continue;
        }
        assert_true(q->server_in_ns <= q->server_start_ns);
        assert_true(q->server_start_ns < q->first_token_ns);
        assert_true(q->first_token_ns <= q->last_token_ns);
        assert_int_equal(q->server_out_ns >= q->last_token_ns, 1);
        assert_true(q->queue_ns >= 0 && q->queue_ns <= q->last_token_ns - q->server_in_ns);
    }
    int64_t decoded = 0;
    int64_t asked = 0;
    for (size_t i = 0; i < r->n_gpus; i++) {
        decoded += r->gpus[i].decode_tokens;
        assert_true(r->gpus[i].kv_peak_bytes <= r->gpus[i].kv_pool_bytes);
        assert_true(r->gpus[i].busy_ns <= r->gpus[i].span_ns);
        assert_true(r->gpus[i].memory_peak_bytes <= r->gpus[i].memory_bytes); /* V4 */
    }
    for (size_t i = 0; i < r->n_requests; i++) {
        bool done = strcmp(r->requests[i].status, "completed") == 0;
        asked += done ? r->requests[i].output_tokens : 0;
    }
    assert_int_equal(decoded, asked);
}

/* V3: the same rows with every decode step an event. Frees nothing: *fast is the caller's. */
static inline void check_both_ways(const char *json, const char *const *sets, int n_sets,
                                   const struct trace *trace, struct rows *fast)
{
    const char *with[8];
    for (int i = 0; i < n_sets; i++)
        with[i] = sets[i];
    struct scenario sc;
    struct rows each;
    rows_load(json, sets, n_sets, &sc);
    rows_run(&sc, trace, fast);
    scenario_free(&sc);
    with[n_sets] = "engine.fast_forward_decode=false";
    rows_load(json, with, n_sets + 1, &sc);
    rows_run(&sc, trace, &each);
    scenario_free(&sc);
    rows_same(fast, &each);
    assert_true(each.result.events > fast->result.events);
    rows_free(&each);
    check_rows(fast);
}

#endif
