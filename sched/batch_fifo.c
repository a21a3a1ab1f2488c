/* batch_fifo.c - one request at a time, in the order of arrival: its whole prompt in one step,
 * then its answer token by token. The KV of the whole request is taken at the start. */
#include <stdlib.h>

#include "sched/batch.h"

struct fifo_options {
    int64_t max_queue;
};

static const struct json_field fields[] = {
    {.key = "max_queue",
     .type = JSON_INT,
     .offset = offsetof(struct fifo_options, max_queue),
     .max = 1e9,
     .def = "0",
     .doc = "requests that may wait; a further one is refused. 0: any number"},
    {.key = NULL},
};

const struct json_spec batch_fifo_options = {
    .name = "batch_fifo",
    .doc = "One request at a time, in the order of arrival.",
    .size = sizeof(struct fifo_options),
    .fields = fields,
};

static void *fifo_create(const void *options)
{
    struct fifo_options *f = calloc(1, sizeof *f);
    if (f != NULL && options != NULL) {
        *f = *(const struct fifo_options *)options;
    }
    return f;
}

static int32_t fifo_max_running(const void *state)
{
    (void)state;
    return 1;
}

static bool fifo_accept(const void *state, const struct batch_view *view,
                        const struct batch_request *request)
{
    const struct fifo_options *f = state;
    (void)request;
    return f->max_queue == 0 || view->n_waiting < f->max_queue;
}

static void fifo_decide(void *state, const struct batch_view *view, struct batch_action *action)
{
    (void)state;
    if (view->n_running == 0) {
        uint32_t first = view->waiting[0];
        const struct batch_request *r = &view->requests[first];
        action->admit[action->n_admit++] =
            (struct batch_admit){0, r->prompt_tokens + r->output_tokens - 1, 0};
        action->work[action->n_work++] = (struct batch_work){first, batch_left(r)};
        return;
    }
    action->work[action->n_work++] = (struct batch_work){view->running[0], 1};
    action->steps = batch_decode_steps(view);
}

const struct batch_policy batch_fifo = {
    .word = "fifo",
    .doc = "one request at a time, in the order of arrival",
    .options = &batch_fifo_options,
    .create = fifo_create,
    .destroy = free,
    .max_running = fifo_max_running,
    .accept = fifo_accept,
    .decide = fifo_decide,
};
