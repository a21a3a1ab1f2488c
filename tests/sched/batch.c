/* batch.c - pins the invariants B1 to B7 of sched/batch.h for every policy over random workloads,
 * and how near continuous batching comes to a measured run of vLLM. Small cases are
 * batch_decide.c's; how long a step takes is tests/models/llm.c's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/draw.h"
#include "base/units.h"
#include "sched/batch.h"

enum { REQUESTS = 10000 };

struct job {
    int64_t arrival_ns, prompt, output, passes;
    /* what came of it */
    enum batch_verdict verdict;
    int64_t first_ns, done_ns, preemptions;
};

struct run {
    const struct batch_policy *policy;
    const void *options;
    const struct llm_cost *cost;
    int64_t kv_tokens;
    int64_t step_tokens; /* most tokens of a step; 0: no limit */
    int64_t max_queue;   /* most that wait; 0: no limit */
    bool step_by_step;
    /* filled */
    struct batch_stats stats;
    int64_t kv_peak, end_ns, longest_run, most_running, tokens_run, steps_run, sequences_run;
};

static struct llm_cost cost_of(const char *gpu, const char *model, enum llm_quant quant,
                               enum llm_engine engine)
{
    struct arena a = {0};
    struct err e = {0};
    struct llm_card card;
    struct llm_cost cost;
    struct llm_setup setup = {.card = &card, .quant = quant, .engine = engine};
    setup.tensor_parallel = 1;
    if (llm_card_load("models/cards", model, &a, &card, &e) != 0 ||
        gpu_profile_load("bench/profiles", gpu, &a, &setup.gpu, &e) != 0 ||
        llm_cost_make(&setup, &cost, &e) != 0) {
        fail_msg("%s", e.text);
    }
    arena_free(&a);
    cost.source = NULL; /* it was the arena's */
    return cost;
}

/* B1, B4, B6 as seen after a decision. */
static void check_state(struct run *run, const struct batch *b, bool queues_too)
{
    int64_t held = 0;
    for (int32_t i = 0; i < b->n_running; i++) {
        const struct batch_request *r = batch_at(b, b->running[i]);
        assert_int_equal(r->state, BATCH_RUNNING);
        assert_true(r->generated < r->output_tokens);
        held += r->kv_blocks;
    }
    assert_int_equal(held, b->kv.used);
    assert_true(b->kv.used <= b->kv.total);
    assert_true(b->n_running <= b->max_running);
    assert_int_equal(b->n_running + b->n_waiting + b->n_finished, (int64_t)b->requests.live);
    int64_t tokens = 0;
    for (int32_t i = 0; i < b->action.n_work; i++) {
        tokens += b->action.work[i].tokens;
    }
    assert_true(run->step_tokens == 0 || tokens <= run->step_tokens);
    for (int32_t i = 0; queues_too && i < b->n_waiting; i++) {
        const struct batch_request *r = batch_at(b, b->waiting[b->head + i]);
        assert_int_equal(r->state, BATCH_WAITING);
        assert_int_equal(r->kv_blocks, 0);
        assert_int_equal(r->computed, 0);
    }
}

/* Notes first tokens and ends. */
static void note_progress(const struct batch *b, struct job *jobs, int64_t now)
{
    for (int32_t i = 0; i < b->action.n_work; i++) {
        const struct batch_request *r = batch_at(b, b->action.work[i].request);
        struct job *job = &jobs[r->owner];
        if (r->generated > 0 && job->first_ns < 0) {
            job->first_ns = now;
        }
    }
    for (int32_t i = 0; i < b->n_finished; i++) {
        const struct batch_request *r = batch_at(b, b->finished[i]);
        struct job *job = &jobs[r->owner];
        assert_int_equal(r->state, BATCH_DONE);
        assert_int_equal(r->generated, job->output); /* B2 */
        assert_int_equal(r->computed, job->prompt + job->output - 1);
        assert_true(job->done_ns < 0); /* once */
        job->done_ns = now;
        job->preemptions = r->preemptions;
    }
}

static void arrive(struct run *run, struct batch *b, struct job *jobs, int i)
{
    struct job *job = &jobs[i];
    struct batch_request r = {.owner = (uint64_t)i, .arrived_ns = job->arrival_ns, .slice = -1};
    r.priority = 1.0;
    r.prompt_tokens = job->prompt;
    r.output_tokens = job->output;
    r.vision_passes = job->passes;
    uint32_t handle;
    int32_t before = b->n_waiting;
    job->first_ns = job->done_ns = -1;
    job->verdict = batch_arrive(b, job->arrival_ns, &r, &handle);
    assert_true(job->verdict != BATCH_NO_MEMORY);
    assert_int_equal(handle == POOL_NONE, job->verdict != BATCH_ACCEPTED);
    bool too_long = kv_pool_blocks(&b->kv, job->prompt + job->output - 1) > b->kv.total;
    assert_int_equal(job->verdict == BATCH_TOO_LONG, too_long);
    bool full = run->max_queue > 0 && before >= run->max_queue;
    assert_int_equal(job->verdict == BATCH_QUEUE_FULL, full && !too_long);
}

/* The server's loop: an arrival at the very end of a step is in time for the next decision. */
static void serve(struct run *run, struct job *jobs, int n)
{
    struct batch b;
    struct err e = {0};
    assert_int_equal(batch_init(&b, run->policy, run->options, run->kv_tokens, 16, &e), 0);
    int next = 0;
    int64_t now = 0;
    int64_t decisions = 0;
    run->tokens_run = run->longest_run = run->most_running = 0;
    run->steps_run = run->sequences_run = 0;
    for (;;) {
        const struct batch_action *a = batch_decide(&b, now);
        if (a == NULL) {
            if (next == n) {
                break;
            }
            now = jobs[next].arrival_ns > now ? jobs[next].arrival_ns : now;
            arrive(run, &b, jobs, next++);
            continue;
        }
        check_state(run, &b, decisions++ % 101 == 0);
        int64_t steps = run->step_by_step ? 1 : a->steps;
        int64_t end = now + batch_run_ns(&b, run->cost, steps);
        while (next < n && jobs[next].arrival_ns <= end) {
            int64_t elapsed = jobs[next].arrival_ns - now;
            arrive(run, &b, jobs, next++);
            if (!run->step_by_step) {
                steps = batch_steps_until(&b, run->cost, elapsed);
                end = now + batch_run_ns(&b, run->cost, steps);
            }
        }
        for (int32_t i = 0; i < a->n_work; i++) {
            run->tokens_run += a->work[i].tokens * steps;
        }
        run->steps_run += steps;
        run->sequences_run += steps * a->n_work;
        run->most_running = b.n_running > run->most_running ? b.n_running : run->most_running;
        run->longest_run = steps > run->longest_run ? steps : run->longest_run;
        batch_advance(&b, steps);
        now = end;
        note_progress(&b, jobs, now);
    }
    assert_int_equal(b.kv.used, 0);
    assert_int_equal(b.requests.live, 0);
    run->stats = b.stats;
    run->kv_peak = b.kv.peak;
    run->end_ns = now;
    batch_free(&b);
}

static struct job *jobs_make(int n, double rate_hz, int64_t prompt_max, int64_t output_max)
{
    struct job *jobs = calloc((size_t)n, sizeof *jobs);
    assert_non_null(jobs);
    int64_t t = 0;
    for (int i = 0; i < n; i++) {
        uint64_t k = (uint64_t)i;
        t += ns_of_s(-log(draw_uniform(7, DRAW_ARRIVAL, 0, k)) / rate_hz);
        jobs[i].arrival_ns = t;
        double u = draw_uniform(7, DRAW_REQUEST, 0, k); /* many short, a few long */
        jobs[i].prompt = 1 + (int64_t)(u * u * (double)prompt_max);
        u = draw_uniform(7, DRAW_REQUEST, 1, k);
        jobs[i].output = 1 + (int64_t)(u * u * (double)output_max);
        jobs[i].passes = i % 5 == 0 ? 1 : 0;
    }
    return jobs;
}

/* B2 and B3 over the whole run. */
static void check_totals(const struct run *run, const struct job *jobs, int n)
{
    int64_t accepted = 0;
    int64_t tokens = 0;
    int64_t outputs = 0;
    for (int i = 0; i < n; i++) {
        if (jobs[i].verdict == BATCH_ACCEPTED) {
            accepted++;
            tokens += jobs[i].prompt + jobs[i].output - 1;
            outputs += jobs[i].output;
            assert_true(jobs[i].arrival_ns < jobs[i].first_ns);
            assert_true(jobs[i].first_ns <= jobs[i].done_ns);
        } else {
            assert_int_equal(jobs[i].done_ns, -1);
        }
    }
    assert_int_equal(run->stats.accepted, accepted);
    assert_int_equal(run->stats.finished, accepted);
    assert_int_equal(run->stats.accepted + run->stats.refused, n);
    assert_int_equal(run->stats.decode_tokens, outputs);
    assert_int_equal(run->tokens_run, tokens + run->stats.dropped_tokens);
    assert_int_equal(run->stats.steps, run->steps_run);
    assert_int_equal(run->stats.sequence_steps, run->sequences_run);
}

/* A policy over a random workload: fast, the same again (B7), and step by step (B5). */
static void check_policy(struct run run, double rate_hz, int64_t prompt_max, int64_t output_max,
                         struct run *out)
{
    struct job *jobs = jobs_make(REQUESTS, rate_hz, prompt_max, output_max);
    struct job *again = calloc(REQUESTS, sizeof *again);
    assert_non_null(again);
    memcpy(again, jobs, REQUESTS * sizeof *jobs);
    serve(&run, jobs, REQUESTS);
    check_totals(&run, jobs, REQUESTS);
    struct run second = run;
    serve(&second, again, REQUESTS);
    assert_memory_equal(again, jobs, REQUESTS * sizeof *jobs);
    second.step_by_step = true;
    serve(&second, again, REQUESTS);
    assert_memory_equal(again, jobs, REQUESTS * sizeof *jobs);
    assert_memory_equal(&second.stats, &run.stats, sizeof run.stats);
    assert_int_equal(second.kv_peak, run.kv_peak);
    assert_int_equal(second.end_ns, run.end_ns);
    assert_int_equal(second.longest_run, 1);
    assert_true(run.longest_run > 1);
    free(jobs);
    free(again);
    *out = run;
}

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

struct continuous_options {
    int64_t max_num_batched_tokens, max_num_seqs, max_queue;
};

static void test_continuous_keeps_the_invariants(void **state)
{
    (void)state;
    struct llm_cost cost = cost_of("rtx4090", "llama-3.1-8b", LLM_BF16, LLM_VLLM);
    struct continuous_options options = {256, 24, 0};
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
    struct continuous_options options = {2048, 128, 0};
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
        cmocka_unit_test(test_continuous_serves_as_vllm_did),
    };
    return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
