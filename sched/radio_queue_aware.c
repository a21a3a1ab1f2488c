/* radio_queue_aware.c - policy queue-aware: the radio looks at the servers (cross-layer).
 *
 * A question that arrives at a busy server only waits there, so its PRB are better spent on a
 * question for an idle one; and a question is worth something only once it is there as a whole, so
 * those that are nearly through come first:
 *
 *   key = PF x 1 / (1 + queue_weight x requests waiting at the server)   uplink only
 *            x 1 / (1 + backlog / backlog_bytes)
 *
 * with PF = pf_bytes / thr. Downlink answers have passed the server, so its queue does not count.
 * Within a slice tree minima and maxima hold as everywhere. Old questions are not starved: PF grows
 * without bound while a UE gets nothing.
 */
#include <stddef.h>
#include <stdlib.h>

#include "sched/radio_policies.h"
#include "sched/radio_share.h"

struct queue_options {
    double queue_weight;
    double backlog_bytes;
    bool enforce_slices;
};

static const struct queue_options queue_defaults = {
    .queue_weight = 1.0, .backlog_bytes = 1e5, .enforce_slices = true};

static const struct json_field queue_fields[] = {
    {.key = "queue_weight",
     .type = JSON_NUM,
     .offset = offsetof(struct queue_options, queue_weight),
     .min = 0,
     .max = 1e6,
     .def = "1",
     .doc = "How much one waiting request counts; 0: the server does not count. Assumed: one "
            "waiting request halves the weight."},
    {.key = "backlog_bytes",
     .type = JSON_NUM,
     .offset = offsetof(struct queue_options, backlog_bytes),
     .min = 0,
     .max = 1e12,
     .above_min = true,
     .def = "100000",
     .doc = "Backlog in bytes that halves the weight. Assumed: about one image question of the "
            "testbed's phones (107 516 bytes)."},
    {.key = "enforce_slices",
     .type = JSON_BOOL,
     .offset = offsetof(struct queue_options, enforce_slices),
     .def = "true",
     .doc = "Whether the minima and maxima of the slice tree hold; false: slices only label."},
    {.key = NULL}};

const struct json_spec radio_queue_aware_spec = {.name = "queue_aware",
                                                 .doc = "Options of queue-aware.",
                                                 .size = sizeof(struct queue_options),
                                                 .fields = queue_fields};

struct queue_aware {
    struct radio_share share;
    struct queue_options options;
};

/* Stands for the infinite PF of a UE that has had nothing, so that the other factors still order
 * such UEs among themselves. */
#define PF_NEWCOMER 1e30

static double queue_key(const void *self, const struct radio_view *view,
                        const struct radio_ue_view *ue)
{
    const struct queue_options *o = self;
    double key = ue->thr > 0.0 ? ue->pf_bytes / ue->thr : PF_NEWCOMER;
    if (view->direction == RADIO_UL) {
        key /= 1.0 + o->queue_weight * (double)ue->server_queue;
    }
    return key / (1.0 + (double)ue->backlog_bytes / o->backlog_bytes);
}

void *radio_queue_aware_create(const void *options, int32_t carrier_prb,
                               const struct slice_tree *slices)
{
    struct queue_aware *q = calloc(1, sizeof *q);
    if (q == NULL || radio_share_init(&q->share, carrier_prb, slices) != 0) {
        free(q);
        return NULL;
    }
    q->options = options != NULL ? *(const struct queue_options *)options : queue_defaults;
    return q;
}

void radio_queue_aware_destroy(void *state)
{
    if (state != NULL) {
        radio_share_free(&((struct queue_aware *)state)->share);
        free(state);
    }
}

int32_t radio_queue_aware_allocate(void *state, const struct radio_view *view,
                                   struct radio_grant *grants)
{
    struct queue_aware *q = state;
    struct radio_rule rule = {.key = queue_key,
                              .self = &q->options,
                              .enforce = q->options.enforce_slices,
                              .floor_prb = view->min_grant_prb};
    return radio_share_run(&q->share, view, &rule, grants);
}
