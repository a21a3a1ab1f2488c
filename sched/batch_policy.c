/* batch_policy.c - the table of batching policies, and what several of them count. A new policy
 * is one new file and one line in each of the two tables. */
#include <string.h>

#include "sched/batch.h"

const struct batch_policy *const batch_policies[] = {
    &batch_fifo, &batch_static, &batch_parallel_slots, &batch_continuous, NULL,
};

const struct json_variant batch_policy_variants[] = {
    {"fifo", &batch_fifo_options, "one request at a time, in the order of arrival"},
    {"static", &batch_static_options, "a batch of requests that starts and ends together"},
    {"parallel-slots", &batch_parallel_slots_options,
     "a fixed number of slots that decode together, as llama.cpp's server and Ollama"},
    {"continuous", &batch_continuous_options,
     "requests join and leave at every step, with paged KV and chunked prefill, as vLLM"},
    {0},
};

const struct batch_policy *batch_policy_find(const char *word)
{
    for (int i = 0; batch_policies[i] != NULL; i++) {
        if (strcmp(batch_policies[i]->word, word) == 0) {
            return batch_policies[i];
        }
    }
    return NULL;
}

/* Blocks that running requests lack for `steps` decode steps. */
static int64_t blocks_lacking(const struct batch_view *view, int64_t steps)
{
    int64_t lacking = 0;
    for (int32_t i = 0; i < view->n_running; i++) {
        const struct batch_request *r = &view->requests[view->running[i]];
        int64_t blocks = batch_blocks(view, r->computed + steps);
        lacking += blocks > r->kv_blocks ? blocks - r->kv_blocks : 0;
    }
    return lacking;
}

int64_t batch_decode_steps(const struct batch_view *view)
{
    int64_t high = INT64_MAX;
    for (int32_t i = 0; i < view->n_running; i++) {
        const struct batch_request *r = &view->requests[view->running[i]];
        int64_t wanted = r->output_tokens - r->generated;
        high = wanted < high ? wanted : high;
    }
    if (view->n_running == 0) {
        return 0;
    }
    if (blocks_lacking(view, high) <= view->kv_free) {
        return high;
    }
    int64_t low = 0; /* fits; high does not */
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (blocks_lacking(view, middle) <= view->kv_free) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}
