/* server_plan.c - see server_plan.h. */
#include "sim/server_plan.h"

#include <math.h>
#include <string.h>

#include "base/text.h"
#include "sched/batch.h"
#include "sched/ot.h"

/* Ollama's default OLLAMA_CONTEXT_LENGTH: tokens of each slot (docs/faq). */
enum { OLLAMA_CONTEXT_TOKENS = 4096 };

struct plan_of {
    const struct scenario *sc;
    const struct scenario_server *s;
    size_t index;
    struct err *e;
};

/* "servers[1].models[0].key"; the short form has no list: "servers[1].key". */
static struct text place_of(const struct plan_of *p, size_t model, const char *key)
{
    struct text t = {0};
    text_add_key(&t, "servers");
    text_add_index(&t, p->index);
    if (p->s->model == NULL) {
        text_add_key(&t, "models");
        text_add_index(&t, model);
    }
    if (key != NULL) {
        text_add_key(&t, key);
    }
    return t;
}

#define FAIL(p, model, key, ...)                                                                   \
    err_input((p)->e, (p)->sc->file, place_of(p, model, key).chars, __VA_ARGS__)

/* --- The list of models ----------------------------------------------------------------------- */

static int fail_short(const struct plan_of *p, const char *key)
{
    struct text t = {0};
    text_add_key(&t, "servers");
    text_add_index(&t, p->index);
    text_add_key(&t, key);
    return err_input(p->e, p->sc->file, t.chars,
                     "stands beside `models`; write it in the models that it is for");
}

/* What belongs to one model stands with it. */
static int check_short_keys(const struct plan_of *p)
{
    const struct scenario_server *s = p->s;
    const char *key = s->quant != 0            ? "quant"
                      : s->kv_precision != 0   ? "kv_precision"
                      : s->kv_tokens != 0      ? "kv_tokens"
                      : !s->loaded             ? "loaded"
                      : s->keep_alive_s >= 0.0 ? "keep_alive_s"
                                               : NULL;
    return key == NULL ? 0 : fail_short(p, key);
}

static int name_models(const struct plan_of *p)
{
    struct scenario_model *models = p->s->models.items;
    for (size_t i = 0; i < p->s->models.n; i++) {
        if (models[i].id == NULL) {
            models[i].id = models[i].model;
        }
        for (size_t k = 0; k < i; k++) {
            if (strcmp(models[k].id, models[i].id) == 0) {
                return FAIL(p, i, "id", "\"%s\" is the id of models[%zu] already; write another",
                            models[i].id, k);
            }
        }
    }
    return 0;
}

int server_models_fill(const struct scenario *sc, size_t index, struct arena *a, struct err *e)
{
    struct scenario_server *s = (struct scenario_server *)sc->servers.items + index;
    struct plan_of p = {sc, s, index, e};
    struct text place = {0};
    text_add_key(&place, "servers");
    text_add_index(&place, index);
    if (s->model == NULL && s->models.n == 0) {
        return err_input(e, sc->file, place.chars,
                         "missing key \"model\"; name a model card, or several in `models`");
    }
    if (s->model != NULL && s->models.n > 0) {
        return fail_short(&p, "model");
    }
    if (s->model == NULL) {
        int rc = check_short_keys(&p);
        return rc == 0 ? name_models(&p) : rc;
    }
    struct scenario_model *one = arena_alloc(a, sizeof *one);
    if (one == NULL) {
        return err_memory(e, "checking a scenario");
    }
    *one = (struct scenario_model){.id = s->model,
                                   .model = s->model,
                                   .quant = s->quant,
                                   .kv_precision = s->kv_precision,
                                   .kv_tokens = s->kv_tokens,
                                   .loaded = s->loaded,
                                   .keep_alive_s = s->keep_alive_s};
    s->models = (struct json_list){one, 1};
    return 0;
}

int server_model_index(const struct scenario_server *s, const struct scenario_ues *group)
{
    const struct scenario_model *models = s->models.items;
    if (group->model[0] == '\0') {
        return 0;
    }
    for (size_t i = 0; i < s->models.n; i++) {
        if (strcmp(models[i].id, group->model) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* --- Memory ----------------------------------------------------------------------------------- */

/* What a loader of the models says, at the place in the scenario that named it. */
static int at_place(const struct plan_of *p, int rc, size_t model, const char *key,
                    const struct err *inner)
{
    return rc == ERR_INPUT ? FAIL(p, model, key, "%s", inner->text) : err_memory(p->e, "a model");
}

/* Card, profile and cost follow from these alone. */
static bool alike(const struct server_plan *known, const struct scenario_server *s,
                  const struct scenario_model *m)
{
    const struct scenario_server *t = known->server;
    const struct scenario_model *n = known->model;
    return t->engine == s->engine && t->tensor_parallel == s->tensor_parallel &&
           n->quant == m->quant && n->kv_precision == m->kv_precision &&
           strcmp(t->gpu, s->gpu) == 0 && strcmp(n->model, m->model) == 0;
}

/* The card and the profile exist and are right, and the precision is possible. */
static int make_cost(const struct plan_of *p, size_t i, struct arena *a, struct server_plan *plan,
                     const struct server_plan **list)
{
    const struct scenario_model *m = (const struct scenario_model *)p->s->models.items + i;
    struct err inner = {0};
    for (const struct server_plan *known = *list; known != NULL; known = known->before) {
        if (alike(known, p->s, m)) {
            *plan = *known;
            return 0;
        }
    }
    int rc = llm_card_load(NULL, m->model, a, &plan->card, &inner);
    if (rc != 0) {
        return at_place(p, rc, i, "model", &inner);
    }
    rc = gpu_profile_load(NULL, p->s->gpu, a, &plan->gpu, &inner);
    if (rc != 0) {
        struct text place = {0};
        text_add_key(&place, "servers");
        text_add_index(&place, p->index);
        text_add_key(&place, "gpu");
        return rc == ERR_INPUT ? err_input(p->e, p->sc->file, place.chars, "%s", inner.text)
                               : err_memory(p->e, "a GPU profile");
    }
    struct llm_setup setup = {
        .gpu = plan->gpu,
        .card = &plan->card,
        .quant = (enum llm_quant)(m->quant == 0 ? plan->card.default_quant : m->quant - 1),
        .engine = (enum llm_engine)p->s->engine,
        .tensor_parallel = (int)p->s->tensor_parallel,
        .kv = (enum llm_kv)m->kv_precision,
    };
    struct llm_cost *cost = arena_alloc(a, sizeof *cost);
    if (cost == NULL) {
        return err_memory(p->e, "a model's cost");
    }
    plan->cost = cost;
    rc = llm_cost_make(&setup, cost, &inner);
    if (rc != 0) {
        return at_place(p, rc, i, NULL, &inner);
    }
    plan->server = p->s;
    plan->model = m;
    plan->before = *list;
    *list = plan;
    return 0;
}

/* Slots of a policy that has a number of them with a context each (Ollama); 0: none; -1: out of
 * memory. */
static int64_t slots_of(const struct scenario_server *s)
{
    const struct batch_policy *policy = batch_policies[s->batching.index];
    if (policy != &batch_parallel_slots) {
        return 0;
    }
    void *state = policy->create(s->batching.options);
    if (state == NULL) {
        return -1;
    }
    int64_t slots = policy->max_running(state);
    policy->destroy(state);
    return slots;
}

/* The pools of several models. Ollama gives every slot its context. Else those that name no size
 * have equal parts of what is left beside all of them, so that all can be loaded. */
static int share_memory(const struct plan_of *p, double budget, struct server_plan *plans)
{
    const struct scenario_model *m = p->s->models.items;
    int64_t slots = slots_of(p->s);
    if (slots < 0) {
        return err_memory(p->e, "a batching policy");
    }
    double left = budget;
    double askers = 0.0;
    for (size_t i = 0; i < p->s->models.n; i++) {
        const struct llm_cost *c = plans[i].cost;
        plans[i].kv_tokens = m[i].kv_tokens > 0 ? m[i].kv_tokens : slots * OLLAMA_CONTEXT_TOKENS;
        left -= c->weights_bytes + c->reserve_bytes +
                (double)plans[i].kv_tokens * c->kv_bytes_per_token;
        askers += plans[i].kv_tokens == 0 ? 1.0 : 0.0;
    }
    for (size_t i = 0; i < p->s->models.n; i++) {
        const struct llm_cost *c = plans[i].cost;
        if (plans[i].kv_tokens > 0) {
            continue;
        }
        plans[i].kv_tokens = left > 0.0 ? (int64_t)floor(left / askers / c->kv_bytes_per_token) : 0;
        if (plans[i].kv_tokens < p->s->kv_block_tokens) {
            return FAIL(p, i, "kv_tokens",
                        "is missing, and the %zu models together leave no memory for it on %s; "
                        "write the tokens of the KV pool, so that models take turns in memory",
                        p->s->models.n, p->s->gpu);
        }
    }
    return 0;
}

static int64_t need_of(const struct scenario_server *s, const struct server_plan *plan)
{
    int64_t blocks = plan->kv_tokens / s->kv_block_tokens;
    return llround(plan->cost->weights_bytes + plan->cost->reserve_bytes +
                   (double)(blocks * s->kv_block_tokens) * plan->cost->kv_bytes_per_token);
}

/* Each fits alone, and those that are there at the beginning fit together. */
static int check_fit(const struct plan_of *p, double budget, const struct server_plan *plans)
{
    const struct scenario_model *m = p->s->models.items;
    double loaded = 0.0;
    for (size_t i = 0; i < p->s->models.n; i++) {
        double need = (double)plans[i].need_bytes;
        if (need > budget) {
            return FAIL(p, i, NULL,
                        "\"%s\" needs %.1f GB (%.1f of weights, %lld tokens of KV), and models may "
                        "fill %.1f GB of %lld x %s; use a smaller kv_tokens or quant, or a larger "
                        "memory_utilization",
                        m[i].id, need / 1e9, plans[i].cost->weights_bytes / 1e9,
                        (long long)plans[i].kv_tokens, budget / 1e9,
                        (long long)p->s->tensor_parallel, p->s->gpu);
        }
        loaded += m[i].loaded ? need : 0.0;
        if (loaded > budget) {
            return FAIL(p, i, "loaded",
                        "the models that are loaded at time 0 need %.1f GB together, and may fill "
                        "%.1f GB; write false, so that it is loaded when it is asked for",
                        loaded / 1e9, budget / 1e9);
        }
    }
    return 0;
}

/* An edge node under the edge-inference paper's cost has its memory and weights by its numbers: the
 * server itself never runs a step. */
static int plan_paper(const struct plan_of *p, struct arena *a, struct server_plan *plan,
                      int64_t *memory_bytes)
{
    const struct scenario_model *m = p->s->models.items;
    struct err inner = {0};
    int rc = llm_card_load(NULL, m->model, a, &plan->card, &inner);
    if (rc != 0) {
        return at_place(p, rc, 0, "model", &inner);
    }
    rc = gpu_profile_load(NULL, p->s->gpu, a, &plan->gpu, &inner);
    if (rc != 0) {
        return at_place(p, rc, 0, "gpu", &inner);
    }
    enum llm_quant quant =
        (enum llm_quant)(m->quant == 0 ? plan->card.default_quant : m->quant - 1);
    double alpha = llm_alpha(&plan->card, quant);
    struct ot_model paper = ot_model_of(plan->card.layers, plan->card.hidden, 1);
    double bytes = (double)p->s->edge->gpus * p->s->edge->gpu_memory_gb * 1e9;
    struct llm_cost *cost = arena_alloc(a, sizeof *cost);
    if (cost == NULL) {
        return err_memory(p->e, "an edge node's cost");
    }
    *cost = (struct llm_cost){.memory_bytes = bytes,
                              .weights_bytes = alpha * paper.k1,
                              .kv_bytes_per_token = alpha * paper.k2};
    plan->cost = cost;
    double left = floor((bytes - alpha * paper.k1) / (alpha * paper.k2));
    if (left < (double)p->s->kv_block_tokens) {
        return FAIL(p, 0, "model",
                    "\"%s\" has %.1f GB of weights, and the node %.1f GB of memory; use a smaller "
                    "quant or more edge.gpus",
                    m->model, alpha * paper.k1 / 1e9, bytes / 1e9);
    }
    /* What no run of one node will fill. */
    plan->kv_tokens = (int64_t)fmin(left, 1e7);
    plan->need_bytes = llround(bytes);
    *memory_bytes = llround(bytes);
    return 0;
}

int server_plan_make(const struct scenario *sc, size_t index, struct arena *a,
                     struct server_plan *plans, const struct server_plan **known,
                     int64_t *memory_bytes, struct err *e)
{
    const struct scenario_server *s = (const struct scenario_server *)sc->servers.items + index;
    struct plan_of p = {sc, s, index, e};
    if (sc->edge != NULL && sc->edge->cost == EDGE_COST_PAPER && s->edge != NULL &&
        s->models.n == 1) {
        return plan_paper(&p, a, plans, memory_bytes);
    }
    for (size_t i = 0; i < s->models.n; i++) {
        int rc = make_cost(&p, i, a, &plans[i], known);
        if (rc != 0) {
            return rc;
        }
    }
    double budget = plans[0].cost->memory_bytes * s->memory_utilization;
    int rc = 0;
    if (s->model == NULL) {
        rc = share_memory(&p, budget, plans);
    } else {
        plans[0].kv_tokens =
            s->kv_tokens > 0 ? s->kv_tokens : llm_kv_tokens(plans[0].cost, s->memory_utilization);
        if (plans[0].kv_tokens < s->kv_block_tokens) {
            rc = FAIL(&p, 0, NULL,
                      "model \"%s\" leaves no memory for the KV cache on %s; use a larger "
                      "memory_utilization, a smaller quant or more GPUs (tensor_parallel)",
                      s->model, s->gpu);
        }
    }
    for (size_t i = 0; i < s->models.n; i++) {
        plans[i].need_bytes = need_of(s, &plans[i]);
    }
    *memory_bytes = llround(budget);
    if (rc == 0 && s->model != NULL) {
        /* A pool that the scenario gives a server's only model is taken as it is: it may be one
         * that was recorded. */
        *memory_bytes = plans[0].need_bytes > *memory_bytes ? plans[0].need_bytes : *memory_bytes;
        return 0;
    }
    return rc == 0 ? check_fit(&p, budget, plans) : rc;
}
