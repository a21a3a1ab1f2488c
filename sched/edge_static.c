/* edge_static.c - static batching: a node's batch has a size that was set beforehand, so that it
 * ends within T_C and fits the memory even when every request asks for the longest answer ("to
 * ensure there is no GPU overflow", the paper's section V-A). An epoch's requests fill it in the
 * order of arrival, whatever their deadlines: those that are late then are dropped. Assumed: it
 * keeps to the accuracy that requests ask for, and to neither uplink nor downlink, which are slack
 * wherever the paper's figures are. */
#include <stdlib.h>

#include "sched/edge.h"

/* The largest batch of longest answers that ends in time and fits. */
static int32_t static_size(const struct edge_view *view, const struct ot_node *node)
{
    const struct ot_model *m = view->model;
    int32_t low = 0, high = view->max_batch + 1;
    while (high - low > 1) {
        int32_t z = low + (high - low) / 2;
        double tokens = (double)z * (double)(m->s_pad + view->n_tokens);
        bool fits = node->alpha * (m->k1 + m->k2 * tokens) <= node->memory_bytes &&
                    ot_batch_seconds(m, node, &view->n_tokens, &z, 1) <= view->compute_s;
        low = fits ? z : low;
        high = fits ? high : z;
    }
    return low;
}

static struct ot_answer place(void *state, const struct edge_view *view, int32_t *node_of)
{
    (void)state;
    struct ot_answer answer = {0};
    for (int32_t i = 0; i < view->n; i++) {
        node_of[i] = -1;
    }
    for (int32_t step = 0; step < view->n_nodes; step++) {
        int32_t j = view->order[step];
        const struct ot_node *node = &view->nodes[j];
        int32_t left = static_size(view, node);
        for (int32_t i = 0; i < view->n && left > 0; i++) {
            const struct ot_request *r = &view->requests[(size_t)j * (size_t)view->n + (size_t)i];
            if (node_of[i] < 0 && r->accuracy <= 1 - node->dppl) {
                node_of[i] = j;
                answer.count++;
                left--;
            }
        }
    }
    return answer;
}

/* No state; a pointer that is not NULL says so. */
static void *create(const void *options, int32_t capacity)
{
    (void)options;
    (void)capacity;
    return malloc(1);
}

static bool reserve(void *state, int32_t capacity)
{
    (void)state;
    (void)capacity;
    return true;
}

const struct edge_policy edge_static = {
    .word = "static",
    .doc = "batches of a size that fits whatever is asked, first come first served",
    .flow = EDGE_EPOCHS,
    .create = create,
    .destroy = free,
    .reserve = reserve,
    .place = place,
};
