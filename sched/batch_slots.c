/* batch_slots.c - parallel slots, as llama.cpp's server has them and Ollama uses them.
 *
 * Each step is one batch of at most n_batch tokens (llama.cpp, tools/server, update_slots): first
 * one token of every slot that generates, then prompt tokens of the slots that do not yet, slot
 * by slot. A slot owns the KV of its whole context from the start, so nothing is preempted; a
 * request that finds no free slot waits, and one that finds the queue full is refused (Ollama:
 * OLLAMA_MAX_QUEUE 512, then HTTP 503). */
#include <stdlib.h>

#include "sched/batch.h"

struct slots_options {
    int64_t num_parallel, max_queue, n_batch;
};

static int check_options(const void *object, const char *file, const char *place, struct err *e)
{
    const struct slots_options *o = object;
    if (o->num_parallel > o->n_batch) {
        return err_input(e, file, place,
                         "num_parallel %lld is more than n_batch %lld; write an n_batch of at "
                         "least num_parallel",
                         (long long)o->num_parallel, (long long)o->n_batch);
    }
    return 0;
}

static const struct json_field fields[] = {
    {.key = "num_parallel",
     .type = JSON_INT,
     .offset = offsetof(struct slots_options, num_parallel),
     .min = 1,
     .max = 65536,
     .def = "1",
     .doc = "slots. Ollama's default OLLAMA_NUM_PARALLEL is 1 (envconfig/config.go)"},
    {.key = "max_queue",
     .type = JSON_INT,
     .offset = offsetof(struct slots_options, max_queue),
     .max = 1e9,
     .def = "512",
     .doc = "requests that may wait; a further one is refused. 0: any number. Ollama's default "
            "OLLAMA_MAX_QUEUE is 512 (envconfig/config.go)"},
    {.key = "n_batch",
     .type = JSON_INT,
     .offset = offsetof(struct slots_options, n_batch),
     .min = 1,
     .max = 1e6,
     .def = "512",
     .doc = "tokens per step. Ollama's default num_batch is 512 (api/types.go)"},
    {.key = NULL},
};

const struct json_spec batch_parallel_slots_options = {
    .name = "batch_parallel_slots",
    .doc = "A fixed number of slots that decode together.",
    .size = sizeof(struct slots_options),
    .fields = fields,
    .check = check_options,
};

static void *slots_create(const void *options)
{
    struct slots_options *o = calloc(1, sizeof *o);
    if (o != NULL) {
        *o = options != NULL
                 ? *(const struct slots_options *)options
                 : (struct slots_options){.num_parallel = 1, .max_queue = 512, .n_batch = 512};
    }
    return o;
}

static int32_t slots_max_running(const void *state)
{
    const struct slots_options *o = state;
    return (int32_t)o->num_parallel;
}

static bool slots_accept(const void *state, const struct batch_view *view,
                         const struct batch_request *request)
{
    const struct slots_options *o = state;
    (void)request;
    return o->max_queue == 0 || view->n_waiting < o->max_queue;
}

/* Adds the next prompt tokens of a slot, as far as the step has room. */
static void prompt_add(const struct batch_view *view, uint32_t request, int64_t *room,
                       struct batch_action *action)
{
    int64_t left = batch_left(&view->requests[request]);
    int64_t tokens = left < *room ? left : *room;
    if (tokens > 0) {
        action->work[action->n_work++] = (struct batch_work){request, tokens};
        *room -= tokens;
    }
}

static void slots_decide(void *state, const struct batch_view *view, struct batch_action *action)
{
    const struct slots_options *o = state;
    int64_t room = o->n_batch;
    for (int32_t i = 0; i < view->n_running; i++) {
        if (batch_decodes(&view->requests[view->running[i]])) {
            action->work[action->n_work++] = (struct batch_work){view->running[i], 1};
            room--;
        }
    }
    bool all_decode = action->n_work == view->n_running;
    for (int32_t i = 0; i < view->n_running; i++) {
        if (!batch_decodes(&view->requests[view->running[i]])) {
            prompt_add(view, view->running[i], &room, action);
        }
    }
    int64_t blocks = view->kv_free;
    for (int32_t i = 0; i < view->n_waiting && view->n_running + i < o->num_parallel; i++) {
        const struct batch_request *r = &view->requests[view->waiting[i]];
        int64_t most = r->prompt_tokens + r->output_tokens - 1;
        blocks -= batch_blocks(view, most);
        if (blocks < 0) {
            break;
        }
        action->admit[action->n_admit++] = (struct batch_admit){i, most, 0};
        prompt_add(view, view->waiting[i], &room, action);
    }
    if (all_decode && action->n_admit == 0) {
        action->steps = batch_decode_steps(view);
    }
}

const struct batch_policy batch_parallel_slots = {
    .word = "parallel-slots",
    .doc = "a fixed number of slots that decode together, as llama.cpp's server and Ollama",
    .options = &batch_parallel_slots_options,
    .create = slots_create,
    .destroy = free,
    .max_running = slots_max_running,
    .accept = slots_accept,
    .decide = slots_decide,
};
