/* server_plan.h - what each model of a server needs of its GPU memory, and whether that can be.
 *
 * A model that is loaded takes its weights, its whole KV pool and what its engine keeps for itself
 * (compute buffers, the process's context), as vLLM and Ollama allocate them when they start. The
 * scenario's check makes the plan to refuse what cannot be, and the server makes it again to run.
 */
#ifndef SIM_SERVER_PLAN_H
#define SIM_SERVER_PLAN_H

#include "base/arena.h"
#include "base/err.h"
#include "models/llm.h"
#include "sim/scenario.h"

struct server_plan {
    struct llm_card card;
    const struct gpu_profile *gpu;
    const struct llm_cost *cost; /* one for all that are alike */
    int64_t kv_tokens;
    int64_t need_bytes; /* weights, KV pool and reserve */
    /* What was read from files, and for which model of which server. */
    const struct scenario_server *server;
    const struct scenario_model *model;
    const struct server_plan *before; /* another such plan, NULL: none */
};

/* Fills plans[0 .. models.n) of server `index`, and the bytes that its models may fill together.
 * Memory of the cards comes from the arena. ERR_INPUT: place and mend.
 *
 * `*known` is the list of plans made so far, NULL at first: cards and profiles are read once for
 * servers that are alike. The plans on it must stay where they are. */
int server_plan_make(const struct scenario *sc, size_t index, struct arena *a,
                     struct server_plan *plans, const struct server_plan **known,
                     int64_t *memory_bytes, struct err *e);

/* Gives a server that names one `model` its list of one, so that whoever comes later need only look
 * at `models`; and names to those without. ERR_INPUT when both or neither are there. */
int server_models_fill(const struct scenario *sc, size_t index, struct arena *a, struct err *e);

/* Index of the model that a UE group asks of a server: its first unless the group names one; -1:
 * the server has none of that name. */
int server_model_index(const struct scenario_server *s, const struct scenario_ues *group);

#endif
