/* batch_static.c - static batching: whoever waits when the engine is free forms a batch, up to a
 * size; all prompts run in one step, then all decode together; nobody joins before the last has
 * finished. The KV of whole requests is taken at the start. */
#include <stdlib.h>

#include "sched/batch.h"

struct static_options {
    int64_t batch_size, max_queue;
};

static const struct json_field fields[] = {
    {.key = "batch_size",
     .type = JSON_INT,
     .offset = offsetof(struct static_options, batch_size),
     .min = 1,
     .max = 65536,
     .def = "8",
     .doc = "most requests in a batch. Assumed 8: a size that fits a 7B model's KV on 24 GB"},
    {.key = "max_queue",
     .type = JSON_INT,
     .offset = offsetof(struct static_options, max_queue),
     .max = 1e9,
     .def = "0",
     .doc = "requests that may wait; a further one is refused. 0: any number"},
    {.key = NULL},
};

const struct json_spec batch_static_options = {
    .name = "batch_static",
    .doc = "A batch of requests that starts and ends together.",
    .size = sizeof(struct static_options),
    .fields = fields,
};

static void *static_create(const void *options)
{
    struct static_options *s = calloc(1, sizeof *s);
    if (s != NULL) {
        *s = options != NULL ? *(const struct static_options *)options
                             : (struct static_options){.batch_size = 8};
    }
    return s;
}

static int32_t static_max_running(const void *state)
{
    const struct static_options *s = state;
    return (int32_t)s->batch_size;
}

static bool static_accept(const void *state, const struct batch_view *view,
                          const struct batch_request *request)
{
    const struct static_options *s = state;
    (void)request;
    return s->max_queue == 0 || view->n_waiting < s->max_queue;
}

static void static_decide(void *state, const struct batch_view *view, struct batch_action *action)
{
    const struct static_options *s = state;
    for (int32_t i = 0; i < view->n_running; i++) {
        action->work[action->n_work++] = (struct batch_work){view->running[i], 1};
    }
    if (view->n_running > 0) {
        action->steps = batch_decode_steps(view);
        return;
    }
    int64_t left = view->kv_free;
    for (int32_t i = 0; i < view->n_waiting && i < s->batch_size; i++) {
        const struct batch_request *r = &view->requests[view->waiting[i]];
        int64_t most = r->prompt_tokens + r->output_tokens - 1;
        left -= batch_blocks(view, most);
        if (left < 0) {
            break;
        }
        action->admit[action->n_admit++] = (struct batch_admit){i, most, 0};
        action->work[action->n_work++] = (struct batch_work){view->waiting[i], batch_left(r)};
    }
}

const struct batch_policy batch_static = {
    .word = "static",
    .doc = "a batch of requests that starts and ends together",
    .options = &batch_static_options,
    .create = static_create,
    .destroy = free,
    .max_running = static_max_running,
    .accept = static_accept,
    .decide = static_decide,
};
