/* batch_serve.h - the server's loop for tests/sched/batch.c: it serves a workload under a policy
 * and checks the invariants of sched/batch.h as it goes. */
#ifndef TESTS_SCHED_BATCH_SERVE_H
#define TESTS_SCHED_BATCH_SERVE_H

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
    int32_t slice; /* from 1; 0: none */
    const int64_t *prefix;
    int32_t n_prefix;
    /* what came of it */
    enum batch_verdict verdict;
    int64_t first_ns, done_ns, preemptions;
};

enum { SLICES = 3 };

struct run {
    const struct batch_policy *policy;
    const void *options;
    const struct llm_cost *cost;
    int64_t kv_tokens;
    int64_t step_tokens; /* most tokens of a step; 0: no limit */
    int64_t max_queue;   /* most that wait; 0: no limit */
    bool step_by_step;
    int64_t host_tokens, prefix_tokens;
    const struct batch_share *shares; /* of SLICES slices */
    /* filled */
    struct batch_stats stats;
    double wait_s[SLICES + 1]; /* mean time to the first token, by job.slice */
    int64_t kv_peak, end_ns, longest_run, most_running, tokens_run, steps_run, sequences_run;
};

static inline struct llm_cost cost_of(const char *gpu, const char *model, enum llm_quant quant,
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

/* B8. */
static inline void check_shares(const struct batch *b)
{
    int64_t unmet = 0;
    int64_t charged = 0;
    for (int32_t i = 0; i < b->n_running; i++) {
        const struct batch_request *r = batch_at(b, b->running[i]);
        charged += r->kv_blocks + r->n_shared * b->prefix.entry_blocks;
    }
    for (int32_t s = 0; b->shares != NULL && s < b->n_slices; s++) {
        const struct batch_share *share = &b->shares[s];
        int64_t held = 0;
        int32_t n = 0;
        for (int32_t i = 0; i < b->n_running; i++) {
            const struct batch_request *r = batch_at(b, b->running[i]);
            int64_t charge = r->kv_blocks + r->n_shared * b->prefix.entry_blocks;
            held += r->slice == s ? charge : 0;
            n += r->slice == s ? 1 : 0;
        }
        assert_int_equal(share->blocks, held);
        assert_int_equal(share->running, n);
        assert_true(held <= share->max_blocks && n <= share->max_running);
        unmet += held < share->min_blocks ? share->min_blocks - held : 0;
    }
    assert_true(b->kv.total - b->kv.used + batch_prefix_idle_blocks(&b->prefix) >= 0);
    assert_true(b->shares == NULL || b->kv.total - charged >= unmet);
}

/* B1, B4, B6 as seen after a decision. */
static inline void check_state(struct run *run, const struct batch *b, bool queues_too)
{
    int64_t held = 0;
    for (int32_t i = 0; i < b->n_running; i++) {
        const struct batch_request *r = batch_at(b, b->running[i]);
        assert_int_equal(r->state, BATCH_RUNNING);
        assert_true(r->generated < r->output_tokens);
        held += r->kv_blocks;
    }
    assert_int_equal(held + b->prefix.n * b->prefix.entry_blocks, b->kv.used);
    assert_true(b->host.used <= b->host.total);
    check_shares(b);
    assert_true(b->kv.used <= b->kv.total);
    assert_true(b->n_running <= b->max_running);
    assert_int_equal(b->n_running + b->n_waiting + b->n_finished, (int64_t)b->requests.live);
    int64_t tokens = 0;
    int64_t swapped = 0;
    for (int32_t i = 0; i < b->action.n_work; i++) {
        tokens += b->action.work[i].tokens;
    }
    assert_true(run->step_tokens == 0 || tokens <= run->step_tokens);
    for (int32_t i = 0; queues_too && i < b->n_waiting; i++) {
        const struct batch_request *r = batch_at(b, b->waiting[b->head + i]);
        assert_int_equal(r->state, BATCH_WAITING);
        assert_int_equal(r->kv_blocks, 0);
        assert_int_equal(r->n_shared, 0);
        assert_int_equal(r->computed > 0, r->swapped > 0);
        swapped += r->swapped;
    }
    assert_true(!queues_too || swapped == b->host.used);
}

/* Notes first tokens and ends. */
static inline void note_progress(const struct batch *b, struct job *jobs, int64_t now)
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

static inline void arrive(struct run *run, struct batch *b, struct job *jobs, int i)
{
    struct job *job = &jobs[i];
    struct batch_request r = {.owner = (uint64_t)i, .arrived_ns = job->arrival_ns, .slice = -1};
    r.slice = job->slice - 1;
    r.priority = 1.0 + job->slice;
    r.prefix = job->prefix;
    r.n_prefix = job->n_prefix;
    r.prompt_tokens = job->prompt;
    r.output_tokens = job->output;
    r.vision_passes = job->passes;
    uint32_t handle;
    int32_t before = b->n_waiting;
    job->first_ns = job->done_ns = -1;
    job->verdict = batch_arrive(b, job->arrival_ns, &r, &handle);
    assert_true(job->verdict != BATCH_NO_MEMORY);
    assert_int_equal(handle == POOL_NONE, job->verdict != BATCH_ACCEPTED);
    bool too_long = b->shares != NULL
                        ? job->verdict == BATCH_TOO_LONG
                        : kv_pool_blocks(&b->kv, job->prompt + job->output - 1) > b->kv.total;
    assert_int_equal(job->verdict == BATCH_TOO_LONG, too_long);
    bool full = run->max_queue > 0 && before >= run->max_queue;
    assert_int_equal(job->verdict == BATCH_QUEUE_FULL, full && !too_long);
}

/* The server's loop: an arrival at the very end of a step is in time for the next decision. */
static inline void serve(struct run *run, struct job *jobs, int n)
{
    struct batch b;
    struct err e = {0};
    assert_int_equal(batch_init(&b, run->policy, run->options, run->kv_tokens, 16, &e), 0);
    batch_set_host(&b, run->host_tokens, 50e3);
    if (run->prefix_tokens > 0) {
        assert_int_equal(batch_set_prefix(&b, run->prefix_tokens, &e), 0);
    }
    if (run->shares != NULL) {
        assert_int_equal(batch_set_shares(&b, run->shares, SLICES, &e), 0);
    }
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
    assert_int_equal(b.kv.used, b.prefix.n * b.prefix.entry_blocks);
    assert_int_equal(b.prefix.n, b.prefix.n_idle);
    assert_int_equal(b.host.used, 0);
    assert_int_equal(b.requests.live, 0);
    run->stats = b.stats;
    run->kv_peak = b.kv.peak;
    run->end_ns = now;
    batch_free(&b);
}

static inline struct job *jobs_make(int n, double rate_hz, int64_t prompt_max, int64_t output_max)
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
        jobs[i].slice = i % (SLICES + 1);
    }
    return jobs;
}

/* B2 and B3 over the whole run. */
static inline void check_totals(const struct run *run, const struct job *jobs, int n)
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
    assert_int_equal(run->tokens_run + run->stats.hit_tokens, tokens + run->stats.dropped_tokens);
    assert_int_equal(run->stats.steps, run->steps_run);
    assert_int_equal(run->stats.sequence_steps, run->sequences_run);
}

/* Requests of 60 talks, each of which repeats what was said before and adds to it. */
static inline void jobs_share(struct job *jobs, int n, int64_t entry_tokens)
{
    enum { TALKS = 60, LONGEST = 64 };
    static int64_t ids[TALKS][LONGEST];
    for (int t = 0; t < TALKS; t++) {
        for (int k = 0; k < LONGEST; k++) {
            ids[t][k] = k == 0 ? 0 : 1 + (int64_t)t * LONGEST + k; /* one system prompt for all */
        }
    }
    for (int i = 0; i < n; i++) {
        int64_t whole = jobs[i].prompt / entry_tokens;
        jobs[i].prefix = ids[(int)(draw_uniform(7, DRAW_REQUEST, 2, (uint64_t)i) * TALKS)];
        jobs[i].n_prefix = (int32_t)(whole < LONGEST ? whole : LONGEST);
    }
}

static inline double mean_wait_s(const struct job *jobs, int slice)
{
    double sum = 0.0;
    int n = 0;
    for (int i = 0; i < REQUESTS; i++) {
        if (jobs[i].slice == slice && jobs[i].verdict == BATCH_ACCEPTED) {
            sum += s_of_ns(jobs[i].first_ns - jobs[i].arrival_ns);
            n++;
        }
    }
    return n > 0 ? sum / n : 0.0;
}

/* A policy over a random workload: fast, the same again (B7), and step by step (B5). */
static inline void check_policy(struct run run, double rate_hz, int64_t prompt_max,
                                int64_t output_max, struct run *out)
{
    struct job *jobs = jobs_make(REQUESTS, rate_hz, prompt_max, output_max);
    if (run.prefix_tokens > 0) {
        jobs_share(jobs, REQUESTS, run.prefix_tokens);
    }
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
    for (int s = 0; s <= SLICES; s++) {
        run.wait_s[s] = mean_wait_s(jobs, s);
    }
    free(jobs);
    free(again);
    *out = run;
}

#endif
