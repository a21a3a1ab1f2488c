/* batch_continuous.c - continuous batching with paged KV and chunked prefill, as vLLM 0.19 does it
 * (vllm/v1/core/sched/scheduler.py, first-come first-served).
 *
 * Every step has a budget of tokens. Running requests come first, in the order of admission: a
 * decoding one takes one token, one whose prompt is not computed yet takes as much of it as the
 * budget leaves. KV blocks are taken for the tokens of the step only; when a request finds none,
 * the last admitted request is preempted (its KV is dropped and it waits at the head of the
 * queue, to be computed again), if need be the request itself. Only when nobody was preempted do
 * waiting requests join, while the budget, the sequences and the blocks last. */
#include <stdlib.h>

#include "sched/batch.h"

struct continuous_options {
    int64_t max_num_batched_tokens, max_num_seqs, max_queue;
};

static int check_options(const void *object, const char *file, const char *place, struct err *e)
{
    const struct continuous_options *o = object;
    if (o->max_num_batched_tokens < o->max_num_seqs) {
        return err_input(e, file, place,
                         "max_num_batched_tokens %lld is less than max_num_seqs %lld; write at "
                         "least as many (vLLM asks for the same)",
                         (long long)o->max_num_batched_tokens, (long long)o->max_num_seqs);
    }
    return 0;
}

static const struct json_field fields[] = {
    {.key = "max_num_batched_tokens",
     .type = JSON_INT,
     .offset = offsetof(struct continuous_options, max_num_batched_tokens),
     .min = 1,
     .max = 1e6,
     .def = "2048",
     .doc = "tokens per step, vLLM's default"},
    {.key = "max_num_seqs",
     .type = JSON_INT,
     .offset = offsetof(struct continuous_options, max_num_seqs),
     .min = 1,
     .max = 65536,
     .def = "256",
     .doc = "sequences per step, vLLM's default"},
    {.key = "max_queue",
     .type = JSON_INT,
     .offset = offsetof(struct continuous_options, max_queue),
     .max = 1e9,
     .def = "0",
     .doc = "requests that may wait; a further one is refused. 0: any number, as vLLM"},
    {.key = NULL},
};

const struct json_spec batch_continuous_options = {
    .name = "batch_continuous",
    .doc = "Requests join and leave at every step.",
    .size = sizeof(struct continuous_options),
    .fields = fields,
    .check = check_options,
};

static void *continuous_create(const void *options)
{
    struct continuous_options *o = calloc(1, sizeof *o);
    if (o != NULL) {
        *o = options != NULL
                 ? *(const struct continuous_options *)options
                 : (struct continuous_options){.max_num_batched_tokens = 2048, .max_num_seqs = 256};
    }
    return o;
}

static int32_t continuous_max_running(const void *state)
{
    const struct continuous_options *o = state;
    return (int32_t)o->max_num_seqs;
}

static bool continuous_accept(const void *state, const struct batch_view *view,
                              const struct batch_request *request)
{
    const struct continuous_options *o = state;
    (void)request;
    return o->max_queue == 0 || view->n_waiting < o->max_queue;
}

/* What is left to give in this step. */
struct budget {
    int64_t tokens, blocks;
};

/* Blocks that a request lacks for `tokens` more tokens. */
static int64_t blocks_lacking(const struct batch_view *view, const struct batch_request *r,
                              int64_t tokens)
{
    int64_t blocks = batch_blocks(view, r->computed + tokens);
    return blocks > r->kv_blocks ? blocks - r->kv_blocks : 0;
}

static void run_running(const struct batch_view *view, struct budget *left,
                        struct batch_action *action)
{
    int32_t end = view->n_running; /* those from here on are preempted */
    for (int32_t i = 0; i < end && left->tokens > 0; i++) {
        const struct batch_request *r = &view->requests[view->running[i]];
        int64_t tokens = batch_left(r) < left->tokens ? batch_left(r) : left->tokens;
        int64_t lacking = blocks_lacking(view, r, tokens);
        while (lacking > left->blocks && end > i) {
            end--;
            left->blocks += view->requests[view->running[end]].kv_blocks;
            action->preempt[action->n_preempt++] = end;
        }
        if (end > i) {
            left->blocks -= lacking;
            left->tokens -= tokens;
            action->work[action->n_work++] = (struct batch_work){view->running[i], tokens};
        }
    }
}

static void run_waiting(const struct batch_view *view, int64_t max_num_seqs, struct budget *left,
                        struct batch_action *action)
{
    for (int32_t i = 0; i < view->n_waiting && left->tokens > 0; i++) {
        const struct batch_request *r = &view->requests[view->waiting[i]];
        int64_t tokens = batch_left(r) < left->tokens ? batch_left(r) : left->tokens;
        int64_t lacking = blocks_lacking(view, r, tokens);
        if (lacking > left->blocks || view->n_running + i >= max_num_seqs) {
            return;
        }
        left->blocks -= lacking;
        left->tokens -= tokens;
        action->admit[action->n_admit++] = (struct batch_admit){i, 0};
        action->work[action->n_work++] = (struct batch_work){view->waiting[i], tokens};
    }
}

static void continuous_decide(void *state, const struct batch_view *view,
                              struct batch_action *action)
{
    const struct continuous_options *o = state;
    struct budget left = {o->max_num_batched_tokens, view->kv_free};
    run_running(view, &left, action);
    if (action->n_preempt > 0) {
        return;
    }
    run_waiting(view, o->max_num_seqs, &left, action);
    if (action->n_admit > 0) {
        return;
    }
    for (int32_t i = 0; i < view->n_running; i++) {
        if (!batch_decodes(&view->requests[view->running[i]])) {
            return;
        }
    }
    /* All decode, and whoever waits could not join: blocks only get fewer until one finishes. */
    action->steps = batch_decode_steps(view);
}

const struct batch_policy batch_continuous = {
    .word = "continuous",
    .doc = "requests join and leave at every step, with paged KV and chunked prefill, as vLLM",
    .options = &batch_continuous_options,
    .create = continuous_create,
    .destroy = free,
    .max_running = continuous_max_running,
    .accept = continuous_accept,
    .decide = continuous_decide,
};
