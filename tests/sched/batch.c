/* batch.c - pins the invariants B1 to B7 of sched/batch.h for every policy over random workloads,
 * and how near continuous batching comes to a measured run of vLLM. Small cases are
 * batch_decide.c's; how long a step takes is tests/models/llm.c's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/sched/batch_serve.h"

static void test_fifo_keeps_the_invariants(void **state)
{
    (void)state;
    struct llm_cost cost = cost_of("rtx4090", "llava", LLM_Q4_0, LLM_OLLAMA);
    struct run run = {.policy = &batch_fifo, .cost = &cost, .kv_tokens = 4096};
    struct run out;
    check_policy(run, 2.0, 900, 250, &out);
    assert_int_equal(out.most_running, 1);
    assert_int_equal(out.stats.preemptions, 0);
    assert_int_equal(out.stats.refused, 0);
}

static void test_static_keeps_the_invariants(void **state)
{
    (void)state;
    struct llm_cost cost = cost_of("rtx4090", "llama-3.1-8b", LLM_AWQ, LLM_VLLM);
    struct run run = {.policy = &batch_static, .cost = &cost, .kv_tokens = 8192};
    struct run out;
    check_policy(run, 8.0, 900, 250, &out);
    assert_int_equal(out.most_running, 8);
    assert_int_equal(out.stats.preemptions, 0);
}

struct slots_options {
    int64_t num_parallel, max_queue, n_batch;
};

static void test_parallel_slots_keep_the_invariants(void **state)
{
    (void)state;
    struct llm_cost cost = cost_of("rtx4090", "llava", LLM_Q4_0, LLM_OLLAMA);
    struct slots_options options = {4, 6, 512};
    struct run run = {.policy = &batch_parallel_slots,
                      .options = &options,
                      .cost = &cost,
                      .kv_tokens = 3200,
                      .step_tokens = 512,
                      .max_queue = 6};
    struct run out;
    check_policy(run, 6.0, 1500, 250, &out);
    assert_int_equal(out.most_running, 4);
    assert_int_equal(out.stats.preemptions, 0);
    assert_in_range(out.stats.refused, 100, 9000);
}

static void test_continuous_keeps_the_invariants(void **state)
{
    (void)state;
    struct llm_cost cost = cost_of("rtx4090", "llama-3.1-8b", LLM_BF16, LLM_VLLM);
    struct batch_continuous options = {.max_num_batched_tokens = 256, .max_num_seqs = 24};
    struct run run = {.policy = &batch_continuous,
                      .options = &options,
                      .cost = &cost,
                      .kv_tokens = 6400,
                      .step_tokens = 256};
    struct run out;
    check_policy(run, 9.0, 1200, 300, &out);
    assert_int_equal(out.most_running, 24);
    assert_true(out.stats.preemptions > 100);
    assert_true(out.stats.dropped_tokens > 0);
    assert_true(out.kv_peak >= 390); /* the pool of 400 blocks is really short */
}

/* What the four variants of continuous batching below have in common: too little memory. */
static struct run short_run(const struct llm_cost *cost, const struct batch_continuous *options)
{
    return (struct run){.policy = &batch_continuous,
                        .options = options,
                        .cost = cost,
                        .kv_tokens = 6400,
                        .step_tokens = 256};
}

static void test_swapped_kv_is_not_lost(void **state)
{
    (void)state;
    struct llm_cost cost = cost_of("rtx4090", "llama-3.1-8b", LLM_BF16, LLM_VLLM);
    struct batch_continuous options = {
        .max_num_batched_tokens = 256, .max_num_seqs = 24, .preemption = 1};
    struct run out;
    struct run run = short_run(&cost, &options);
    run.host_tokens = 1 << 20;
    check_policy(run, 9.0, 1200, 300, &out);
    assert_true(out.stats.preemptions > 100);
    assert_int_equal(out.stats.dropped_tokens, 0);
    assert_true(out.stats.swapped_blocks > 100);
    run.host_tokens = 1600; /* too little: some are computed again */
    check_policy(run, 9.0, 1200, 300, &out);
    assert_true(out.stats.swapped_blocks > 100);
    assert_true(out.stats.dropped_tokens > 0);
}

static void test_the_urgent_wait_less(void **state)
{
    (void)state;
    struct llm_cost cost = cost_of("rtx4090", "llama-3.1-8b", LLM_BF16, LLM_VLLM);
    struct batch_continuous options = {
        .max_num_batched_tokens = 256, .max_num_seqs = 24, .order = BATCH_BY_PRIORITY};
    struct run out;
    check_policy(short_run(&cost, &options), 9.0, 1200, 300, &out);
    assert_true(out.stats.preemptions > 100);
    for (int s = 0; s < SLICES; s++) { /* slice s has priority 1 + s */
        assert_true(out.wait_s[s + 1] < out.wait_s[s]);
    }
}

static void test_slices_keep_to_their_shares(void **state)
{
    (void)state;
    struct llm_cost cost = cost_of("rtx4090", "llama-3.1-8b", LLM_BF16, LLM_VLLM);
    struct batch_continuous options = {.max_num_batched_tokens = 256, .max_num_seqs = 24};
    /* Of 400 blocks: half for the first slice alone; the second has a tenth at most. */
    static const struct batch_share shares[SLICES] = {
        {.min_blocks = 200, .max_blocks = 400, .min_running = 12, .max_running = 24},
        {.min_blocks = 0, .max_blocks = 90, .min_running = 0, .max_running = 4},
        {.min_blocks = 20, .max_blocks = 200, .min_running = 1, .max_running = 12},
    };
    struct run run = short_run(&cost, &options);
    struct run out;
    run.shares = shares;
    check_policy(run, 4.0, 1000, 250, &out);
    assert_true(out.stats.preemptions > 10);
    assert_true(out.wait_s[1] < out.wait_s[0] / 4.0);
    assert_true(out.wait_s[2] > out.wait_s[1] * 4.0);
    for (int order = BATCH_BY_PRIORITY; order <= BATCH_BY_BACKLOG; order++) {
        options.order = order;
        check_policy(run, 3.0, 1000, 250, &out);
    }
    /* The same with a prefix cache: less is run, and nobody has more than its share for that. */
    int64_t ran = 0;
    for (int64_t prefix_tokens = 0; prefix_tokens <= 64; prefix_tokens += 64) {
        for (int swap = 0; swap <= 1; swap++) {
            options = (struct batch_continuous){.max_num_batched_tokens = 256,
                                                .max_num_seqs = 24,
                                                .preemption = swap,
                                                .prefix_caching = true};
            run.prefix_tokens = prefix_tokens;
            run.host_tokens = 8000;
            check_policy(run, 4.0, 1000, 250, &out);
            assert_true(out.stats.preemptions > 10);
            assert_int_equal(out.stats.hit_tokens > 10000, prefix_tokens > 0);
            assert_true(prefix_tokens == 0 || out.tokens_run < ran);
            ran = prefix_tokens == 0 && swap == 0 ? out.tokens_run : ran;
            assert_true(out.wait_s[1] < out.wait_s[0] / 4.0);
        }
    }
}

/* What is found in the cache is not run, and counts as found, not as work done: under preemption a
 * request may find its own prompt again, and tokens found plus run are still those asked for and
 * those dropped (check_totals). */
static void test_cached_prefixes_are_not_run_again(void **state)
{
    (void)state;
    struct llm_cost cost = cost_of("rtx4090", "llama-3.1-8b", LLM_BF16, LLM_VLLM);
    struct batch_continuous options = {
        .max_num_batched_tokens = 256, .max_num_seqs = 24, .prefix_caching = true};
    struct run run = short_run(&cost, &options);
    struct run out;
    run.prefix_tokens = 64;
    check_policy(run, 11.0, 1200, 300, &out);
    assert_true(out.stats.preemptions > 100);
    assert_true(out.stats.hit_tokens > 100000);
    struct run without = run;
    options.prefix_caching = false;
    check_policy(without, 11.0, 1200, 300, &without);
    assert_int_equal(without.stats.hit_tokens, 0);
    assert_true(out.stats.prefill_tokens < without.stats.prefill_tokens);
    assert_true(out.end_ns <= without.end_ns);
    assert_int_equal(out.stats.decode_tokens, without.stats.decode_tokens);
    options.prefix_caching = true;
    options.preemption = 1;
    run.host_tokens = 3200;
    check_policy(run, 11.0, 1200, 300, &out);
    assert_true(out.stats.swapped_blocks > 0);
}

/* 300 requests that vLLM 0.19 served on an RTX PRO 6000 (LLMServingSim's measurement). */
static int measured_read(struct job *jobs, double *ttft_s, double *tpot_s, int room)
{
    const char *data = getenv("WILLMSIM_DATA");
    char path[512];
    snprintf(path, sizeof path, "%s/inference/serving_rtxpro6000_llama31_8b_measured.csv",
             data != NULL ? data : "../shared/data");
    FILE *f = fopen(path, "r");
    if (f == NULL) {
        return 0;
    }
    int n = 0;
    char line[256];
    while (n < room && fgets(line, sizeof line, f) != NULL) {
        double arrival;
        double queue;
        long prompt;
        long output;
        if (sscanf(line, "%*[^,],%lf,%ld,%ld,%lf,%lf,%lf", &arrival, &prompt, &output, &queue,
                   &ttft_s[n], &tpot_s[n]) == 6) {
            jobs[n++] =
                (struct job){.arrival_ns = ns_of_s(arrival), .prompt = prompt, .output = output};
        }
    }
    fclose(f);
    return n;
}

static void test_continuous_serves_as_vllm_did(void **state)
{
    (void)state;
    struct job jobs[300];
    double ttft[300];
    double tpot[300];
    int n = measured_read(jobs, ttft, tpot, 300);
    if (n == 0) {
        skip();
    }
    assert_int_equal(n, 300);
    struct llm_cost cost = cost_of("rtxpro6000", "llama-3.1-8b", LLM_BF16, LLM_VLLM);
    struct batch_continuous options = {.max_num_batched_tokens = 2048, .max_num_seqs = 128};
    struct run run = {.policy = &batch_continuous,
                      .options = &options,
                      .cost = &cost,
                      .kv_tokens = llm_kv_tokens(&cost, 0.0),
                      .step_tokens = 2048};
    serve(&run, jobs, n);
    /* The profile's sequence_s was fitted to the requests with an even number; these are the
     * odd ones. */
    double ttft_sum[2] = {0};
    double tpot_sum[2] = {0};
    double tpot_error = 0.0;
    for (int i = 1; i < n; i += 2) {
        double each = s_of_ns(jobs[i].done_ns - jobs[i].first_ns) / (double)(jobs[i].output - 1);
        ttft_sum[0] += ttft[i];
        ttft_sum[1] += s_of_ns(jobs[i].first_ns - jobs[i].arrival_ns);
        tpot_sum[0] += tpot[i];
        tpot_sum[1] += each;
        tpot_error += fabs(each / tpot[i] - 1.0) / (n / 2);
    }
    double ttft_ratio = ttft_sum[1] / ttft_sum[0];
    double tpot_ratio = tpot_sum[1] / tpot_sum[0];
    if (!(fabs(ttft_ratio - 1.0) < 0.05 && fabs(tpot_ratio - 1.0) < 0.05 && tpot_error < 0.05)) {
        fail_msg("mean TTFT x %.3f, mean TPOT x %.3f, mean error of TPOT %.3f", ttft_ratio,
                 tpot_ratio, tpot_error);
    }
}

int test_batch(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fifo_keeps_the_invariants),
        cmocka_unit_test(test_static_keeps_the_invariants),
        cmocka_unit_test(test_parallel_slots_keep_the_invariants),
        cmocka_unit_test(test_continuous_keeps_the_invariants),
        cmocka_unit_test(test_swapped_kv_is_not_lost),
        cmocka_unit_test(test_the_urgent_wait_less),
        cmocka_unit_test(test_slices_keep_to_their_shares),
        cmocka_unit_test(test_cached_prefixes_are_not_run_again),
        cmocka_unit_test(test_continuous_serves_as_vllm_did),
    };
    return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
