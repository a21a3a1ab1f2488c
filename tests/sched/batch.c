/* batch.c - pins the invariants B1 to B7 of sched/batch.h for every policy over random workloads,
 * what each policy decides in small cases, and how near continuous batching comes to a measured
 * run of vLLM. It does not pin how long a step takes (tests/models/llm.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>
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
    int64_t kv_peak, end_ns, longest_run, most_running, tokens_run;
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
    if (llm_card_load(NULL, model, &a, &card, &e) != 0 ||
        gpu_profile_load(NULL, gpu, &a, &setup.gpu, &e) != 0 ||
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

static uint32_t add(struct batch *b, int64_t prompt, int64_t output, int64_t passes)
{
    struct batch_request r = {.prompt_tokens = prompt, .output_tokens = output};
    r.vision_passes = passes;
    uint32_t handle;
    assert_int_equal(batch_arrive(b, 0, &r, &handle), BATCH_ACCEPTED);
    return handle;
}

static void start(struct batch *b, const struct batch_policy *policy, const void *options,
                  int64_t kv_tokens)
{
    struct err e = {0};
    assert_int_equal(batch_init(b, policy, options, kv_tokens, 16, &e), 0);
}

static const struct batch_action *decide(struct batch *b, int32_t n_work, int64_t steps)
{
    const struct batch_action *a = batch_decide(b, 0);
    assert_non_null(a);
    assert_int_equal(a->n_work, n_work);
    assert_int_equal(a->steps, steps);
    return a;
}

static void test_continuous_chunks_prompts_behind_decodes(void **state)
{
    (void)state;
    struct batch b;
    start(&b, &batch_continuous, NULL, 65536); /* 2048 tokens a step */
    uint32_t first = add(&b, 100, 50, 0);
    uint32_t second = add(&b, 5000, 2, 3);
    const struct batch_action *a = decide(&b, 2, 1);
    assert_int_equal(a->work[0].request, first);
    assert_int_equal(a->work[0].tokens, 100);
    assert_int_equal(a->work[1].request, second);
    assert_int_equal(a->work[1].tokens, 1948);
    assert_int_equal(b.vision_passes, 3);
    assert_int_equal(b.n_chunks, 2);
    assert_int_equal(b.kv.used, 7 + 122);
    batch_advance(&b, 1);
    assert_int_equal(batch_at(&b, first)->generated, 1);
    assert_int_equal(batch_at(&b, second)->generated, 0);

    a = decide(&b, 2, 1); /* one token of the first, the rest for the second's prompt */
    assert_int_equal(a->work[0].tokens, 1);
    assert_int_equal(a->work[1].tokens, 2047);
    assert_int_equal(b.vision_passes, 0);
    assert_int_equal(b.n_decode, 1);
    assert_int_equal(b.context_tokens, 101);
    assert_int_equal(b.chunks[0].past, 1948);
    batch_advance(&b, 1);
    a = decide(&b, 2, 1);
    assert_int_equal(a->work[1].tokens, 5000 - 1948 - 2047);
    batch_advance(&b, 1);
    assert_int_equal(batch_at(&b, second)->generated, 1);

    a = decide(&b, 2, 1); /* both decode; the second ends after this step */
    assert_int_equal(b.n_decode, 2);
    batch_advance(&b, 1);
    assert_int_equal(b.n_finished, 1);
    assert_int_equal(b.finished[0], second);
    decide(&b, 1, 46);
    batch_advance(&b, 46);
    assert_int_equal(b.n_finished, 1);
    assert_null(batch_decide(&b, 0));
    assert_int_equal(b.requests.live, 0);
    batch_free(&b);
}

static void test_continuous_preempts_the_latest_and_recomputes(void **state)
{
    (void)state;
    struct batch b;
    start(&b, &batch_continuous, NULL, 160); /* 10 blocks */
    uint32_t old = add(&b, 64, 40, 0);
    uint32_t young = add(&b, 80, 20, 1);
    decide(&b, 2, 1);
    assert_int_equal(b.vision_passes, 1);
    assert_int_equal(b.kv.used, 4 + 5);
    batch_advance(&b, 1);
    uint32_t late = add(&b, 16, 2, 0);
    /* The old one needs a 5th block and gets the last free one; then there is none left. */
    const struct batch_action *a = decide(&b, 1, 1);
    assert_int_equal(a->n_preempt, 1);
    assert_int_equal(a->work[0].request, old);
    assert_int_equal(batch_at(&b, young)->state, BATCH_WAITING);
    assert_int_equal(batch_at(&b, young)->computed, 0);
    assert_int_equal(batch_at(&b, young)->generated, 1); /* its answer so far is not lost */
    assert_int_equal(b.waiting[b.head], young);          /* before who came later */
    assert_int_equal(b.waiting[b.head + 1], late);
    assert_int_equal(b.kv.used, 5);
    assert_int_equal(b.stats.dropped_tokens, 80);
    batch_advance(&b, 1);
    /* 81 tokens need 6 blocks, 5 are free: it waits, and nobody overtakes it. */
    a = decide(&b, 1, 38);
    assert_int_equal(a->n_admit, 0);
    batch_advance(&b, 38);
    a = decide(&b, 2, 1); /* the old one is done */
    assert_int_equal(a->work[0].request, young);
    assert_int_equal(a->work[0].tokens, 81);
    assert_int_equal(a->work[1].request, late);
    assert_int_equal(b.vision_passes, 0); /* the image was seen before */
    batch_advance(&b, 1);
    assert_int_equal(batch_at(&b, young)->generated, 2);
    assert_int_equal(batch_at(&b, young)->preemptions, 1);
    while ((a = batch_decide(&b, 0)) != NULL) {
        batch_advance(&b, a->steps);
    }
    assert_int_equal(b.stats.finished, 3);
    assert_int_equal(b.stats.preemptions, 1);
    assert_int_equal(b.stats.prefill_tokens, 64 + 80 + 81 + 16);
    batch_free(&b);
}

static void test_slots_fill_batches_and_refuse(void **state)
{
    (void)state;
    struct slots_options options = {2, 1, 512};
    struct batch b;
    start(&b, &batch_parallel_slots, &options, 4096);
    uint32_t first = add(&b, 700, 10, 0);
    decide(&b, 1, 1);
    assert_int_equal(b.chunks[0].tokens, 512);
    assert_int_equal(b.kv.used, 45); /* 709 tokens, all at once */
    uint32_t second = add(&b, 400, 5, 0);
    struct batch_request r = {.prompt_tokens = 1, .output_tokens = 1};
    uint32_t handle;
    assert_int_equal(batch_arrive(&b, 0, &r, &handle), BATCH_QUEUE_FULL);
    assert_int_equal(handle, POOL_NONE);
    batch_advance(&b, 1);
    const struct batch_action *a = decide(&b, 2, 1); /* 188 of the first, 324 of the second */
    assert_int_equal(a->work[0].tokens, 188);
    assert_int_equal(a->work[1].request, second);
    assert_int_equal(a->work[1].tokens, 324);
    uint32_t third = add(&b, 30, 1, 0);
    batch_advance(&b, 1);
    assert_int_equal(batch_at(&b, first)->generated, 1);
    a = decide(&b, 2, 1); /* the third waits for a slot */
    assert_int_equal(b.n_decode, 1);
    assert_int_equal(a->work[1].tokens, 76);
    batch_advance(&b, 1);
    decide(&b, 2, 4); /* the second has 4 of 5 tokens to go */
    batch_advance(&b, 4);
    a = decide(&b, 2, 1);
    assert_int_equal(a->work[1].request, third);
    assert_int_equal(b.stats.refused, 1);
    batch_free(&b);
}

static void test_static_batches_start_and_end_together(void **state)
{
    (void)state;
    struct batch b;
    start(&b, &batch_static, NULL, 1024); /* 64 blocks, 8 requests */
    for (int i = 0; i < 10; i++) {
        add(&b, 100, 5 + i, 0);
    }
    decide(&b, 8, 1);
    assert_int_equal(b.n_chunks, 8);
    batch_advance(&b, 1);
    int64_t rest = 0;
    while (b.n_running > 0) {
        const struct batch_action *a = batch_decide(&b, 0);
        assert_int_equal(a->n_admit, 0); /* nobody joins */
        rest += a->steps;
        batch_advance(&b, a->steps);
    }
    assert_int_equal(rest, 11); /* the longest of the eight wants 12 tokens */
    decide(&b, 2, 1);
    batch_free(&b);

    start(&b, &batch_static, NULL, 256); /* 16 blocks: two requests of 7 */
    for (int i = 0; i < 3; i++) {
        add(&b, 100, 10, 0);
    }
    decide(&b, 2, 1);
    assert_int_equal(b.kv.used, 14);
    batch_free(&b);
}

static void test_what_never_fits_is_refused(void **state)
{
    (void)state;
    for (int i = 0; batch_policies[i] != NULL; i++) {
        struct batch b;
        start(&b, batch_policies[i], NULL, 160);
        struct batch_request r = {.prompt_tokens = 150, .output_tokens = 12};
        uint32_t handle;
        assert_int_equal(batch_arrive(&b, 0, &r, &handle), BATCH_TOO_LONG);
        assert_null(batch_decide(&b, 0));
        r.output_tokens = 11; /* 160 tokens in the cache at the end: exactly the pool */
        assert_int_equal(batch_arrive(&b, 0, &r, &handle), BATCH_ACCEPTED);
        const struct batch_action *a;
        while ((a = batch_decide(&b, 0)) != NULL) {
            batch_advance(&b, a->steps);
        }
        assert_int_equal(b.stats.finished, 1);
        assert_int_equal(b.kv.peak, 10);
        batch_free(&b);
    }
}

/* A policy of the test's own: takes whoever waits last, out of the middle of the queue. */
static void last_decide(void *state, const struct batch_view *view, struct batch_action *action)
{
    (void)state;
    if (view->n_running > 0) {
        action->work[action->n_work++] = (struct batch_work){view->running[0], 1};
        return;
    }
    int32_t at = view->n_waiting > 1 ? view->n_waiting - 2 : 0;
    action->admit[action->n_admit++] = (struct batch_admit){at, 0};
    uint32_t request = view->waiting[at];
    action->work[action->n_work++] =
        (struct batch_work){request, batch_left(&view->requests[request])};
}

static void test_queues_can_be_entered_anywhere(void **state)
{
    (void)state;
    struct batch_policy last = batch_fifo;
    last.decide = last_decide;
    struct batch b;
    start(&b, &last, NULL, 4096);
    uint32_t handles[5];
    for (int i = 0; i < 5; i++) {
        handles[i] = add(&b, 10, 2, 0);
    }
    static const int order[] = {3, 2, 1, 0, 4};
    for (int i = 0; i < 5; i++) {
        const struct batch_action *a = decide(&b, 1, 1);
        assert_int_equal(a->work[0].request, handles[order[i]]);
        batch_advance(&b, 1);
        decide(&b, 1, 1);
        batch_advance(&b, 1);
    }
    assert_null(batch_decide(&b, 0));
    batch_free(&b);
}

static void test_options_come_from_tables(void **state)
{
    (void)state;
    int n = 0;
    for (; batch_policies[n] != NULL; n++) {
        const struct batch_policy *p = batch_policies[n];
        const struct json_variant *v = &batch_policy_variants[n];
        assert_ptr_equal(batch_policy_find(p->word), p);
        assert_string_equal(v->word, p->word);
        assert_ptr_equal(v->spec, p->options);
        /* All defaults, read or not, are the same. */
        struct arena a = {0};
        struct err e = {0};
        cJSON *empty = cJSON_Parse("{}");
        void *options = arena_alloc(&a, p->options->size);
        assert_int_equal(json_bind(empty, p->options, options, "test", "", &a, &e), 0);
        void *read = p->create(options);
        void *made = p->create(NULL);
        assert_memory_equal(read, made, p->options->size);
        p->destroy(read);
        p->destroy(made);
        cJSON_Delete(empty);
        arena_free(&a);
    }
    assert_null(batch_policy_variants[n].word);
    assert_int_equal(n, 4);
    assert_null(batch_policy_find("continuos"));
    struct err e = {0};
    struct continuous_options few = {16, 32, 0};
    assert_int_equal(batch_continuous_options.check(&few, "f", "p", &e), ERR_INPUT);
    struct slots_options many = {600, 512, 512};
    assert_int_equal(batch_parallel_slots_options.check(&many, "f", "p", &e), ERR_INPUT);
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
    print_message("odd requests: mean TTFT x %.3f, mean TPOT x %.3f, mean error of TPOT %.3f\n",
                  ttft_ratio, tpot_ratio, tpot_error);
}

int test_batch(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fifo_keeps_the_invariants),
        cmocka_unit_test(test_static_keeps_the_invariants),
        cmocka_unit_test(test_parallel_slots_keep_the_invariants),
        cmocka_unit_test(test_continuous_keeps_the_invariants),
        cmocka_unit_test(test_continuous_chunks_prompts_behind_decodes),
        cmocka_unit_test(test_continuous_preempts_the_latest_and_recomputes),
        cmocka_unit_test(test_slots_fill_batches_and_refuse),
        cmocka_unit_test(test_static_batches_start_and_end_together),
        cmocka_unit_test(test_what_never_fits_is_refused),
        cmocka_unit_test(test_queues_can_be_entered_anywhere),
        cmocka_unit_test(test_options_come_from_tables),
        cmocka_unit_test(test_continuous_serves_as_vllm_did),
    };
    return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
