/* edge_cost.c - what a batch costs on an edge node: by the edge-inference paper's equations, or by
 * the GPU profile and model card that the rest of the simulator runs on.
 *
 * By the profile a batch of z requests runs its padded prompts in one step, and then decodes: one
 * step per token, with those that still have tokens to make. Memory is the server's KV pool. */
#include <math.h>
#include <stdio.h>

#include "base/units.h"
#include "models/llm.h"
#include "sim/edge.h"
#include "sim/server.h"
#include "sim/server_plan.h"
#include "sim/world.h"

/* Largest batch by the profile. */
enum { BATCH_MAX = EDGE_BATCH_MAX };

/* A node's own cost (ot_node.self). */
struct profile_cost {
    const struct llm_cost *cost;
    int64_t s_pad;
    struct llm_chunk *chunks; /* BATCH_MAX padded prompts */
};

static double profile_seconds(const void *self, const int64_t *n, const int32_t *counts,
                              int32_t classes)
{
    const struct profile_cost *p = self;
    int64_t left = 0;
    for (int32_t k = 0; k < classes; k++) {
        left += counts[k];
    }
    if (left > BATCH_MAX) {
        return HUGE_VAL;
    }
    int64_t ns = llm_step_ns(p->cost, p->chunks, (int)left, 0, 0, 0);
    int64_t made = 1; /* tokens of each: the prompt's step makes the first */
    for (int32_t k = 0; k < classes && left > 0; k++) {
        if (n[k] > made && counts[k] > 0) {
            ns += llm_decode_run_ns(p->cost, left, left * (p->s_pad + made), n[k] - made);
            made = n[k];
        }
        left -= counts[k];
    }
    return s_of_ns(ns);
}

static const struct server_model *model_of(const struct world *w, int index)
{
    return &w->servers[index]->models[0];
}

void edge_cost_model(const struct world *w, struct ot_model *model)
{
    const struct llm_card *card = &model_of(w, 0)->card;
    const struct scenario_edge *c = w->scenario->edge;
    *model = ot_model_of(card->layers, card->hidden, c->s_pad);
    if (c->cost == EDGE_COST_PROFILE) {
        model->k1 = 0.0; /* memory in tokens of the KV pool */
        model->k2 = 1.0;
    }
}

static enum llm_quant quant_of(const struct server_model *m)
{
    return (enum llm_quant)(m->config->quant == 0 ? m->card.default_quant : m->config->quant - 1);
}

/* What the scenario, or else the card, says of the node's precision. */
static int perplexity_delta(const struct world *w, int index, double *delta, struct err *e)
{
    const struct server_model *m = model_of(w, index);
    const struct scenario_server *s = w->servers[index]->config;
    enum llm_quant quant = quant_of(m);
    const struct llm_accuracy *own = llm_accuracy_of(&m->card, quant);
    *delta = s->edge->perplexity_delta;
    if (*delta >= 0.0) {
        return 0;
    }
    *delta = own != NULL ? own->perplexity_delta : 0.0;
    if (own != NULL || quant == LLM_F16 || quant == LLM_BF16) {
        return 0;
    }
    char place[64];
    snprintf(place, sizeof place, "servers[%d].edge.perplexity_delta", index);
    return err_input(e, w->scenario->file, place,
                     "is missing, and the model card \"%s\" has none for %s; write the perplexity "
                     "less that of 16 bits",
                     m->card.name, llm_quant_words[quant]);
}

int edge_cost_node(struct world *w, int index, struct ot_node *node, struct err *e)
{
    const struct server_model *m = model_of(w, index);
    const struct server *s = w->servers[index];
    const struct scenario_node *c = s->config->edge;
    enum llm_quant quant = quant_of(m);
    int rc = perplexity_delta(w, index, &node->dppl, e);
    if (rc != 0) {
        return rc;
    }
    if (w->scenario->edge->cost == EDGE_COST_PAPER) {
        node->flops = (double)c->gpus * c->gpu_tflops * 1e12;
        node->memory_bytes = (double)c->gpus * c->gpu_memory_gb * 1e9;
        node->alpha = llm_alpha(&m->card, quant);
        node->beta = llm_beta(&m->card, quant);
        return 0;
    }
    struct profile_cost *p = arena_alloc(&w->arena, sizeof *p);
    struct llm_chunk *chunks = arena_array(&w->arena, BATCH_MAX, sizeof *chunks);
    if (p == NULL || chunks == NULL) {
        return err_memory(e, "an edge node's cost");
    }
    for (int i = 0; i < BATCH_MAX; i++) {
        chunks[i].tokens = w->scenario->edge->s_pad;
    }
    const struct kv_pool *kv = &m->engines[0].batch.kv;
    *p = (struct profile_cost){m->cost, w->scenario->edge->s_pad, chunks};
    node->flops = node->alpha = node->beta = 1.0;
    node->memory_bytes = (double)(kv->total * kv->block_tokens);
    node->seconds = profile_seconds;
    node->self = p;
    return 0;
}
