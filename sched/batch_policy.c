/* batch_policy.c - the table of batching policies (BATCH_POLICIES of batch.h) as arrays, and what
 * several of them count. */
#include <string.h>

#include "sched/batch.h"

#define ADDRESS(name, policy_word, text) &batch_##name,
const struct batch_policy *const batch_policies[] = {BATCH_POLICIES(ADDRESS) NULL};

#define VARIANT(name, policy_word, text)                                                           \
    {.word = (policy_word), .spec = &batch_##name##_options, .doc = (text)},
const struct json_variant batch_policy_variants[] = {BATCH_POLICIES(VARIANT){.word = NULL}};

const struct batch_policy *batch_policy_find(const char *word)
{
    for (int i = 0; batch_policies[i] != NULL; i++) {
        if (strcmp(batch_policies[i]->word, word) == 0) {
            return batch_policies[i];
        }
    }
    return NULL;
}

/* Blocks that running requests of a slice (-2: of all) lack for `steps` decode steps. */
static int64_t blocks_lacking(const struct batch_view *view, int32_t slice, int64_t steps)
{
    int64_t lacking = 0;
    for (int32_t i = 0; i < view->n_running; i++) {
        const struct batch_request *r = &view->requests[view->running[i]];
        lacking += slice == -2 || slice == r->slice ? batch_lacking(view, r, steps) : 0;
    }
    return lacking;
}

/* After `steps` decode steps there are blocks left, no slice has more than its largest share, and
 * what is left covers what the slices have not yet taken of their smallest. */
static bool decodes_fit(const struct batch_view *view, int64_t steps)
{
    int64_t left = view->kv_free - blocks_lacking(view, -2, steps);
    for (int32_t s = 0; view->shares != NULL && s < view->n_slices; s++) {
        const struct batch_share *share = &view->shares[s];
        int64_t blocks = share->blocks + blocks_lacking(view, s, steps);
        left -= blocks < share->min_blocks ? share->min_blocks - blocks : 0;
        if (blocks > share->max_blocks) {
            return false;
        }
    }
    return left >= 0;
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
    if (decodes_fit(view, high)) {
        return high;
    }
    int64_t low = 0; /* fits; high does not */
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (decodes_fit(view, middle)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}
