/* server.h - an inference server: one or several models on one GPU (or tensor-parallel group), or
 * on two of them when the batching is disaggregated.
 *
 * The batch (sched/batch.h) keeps queue, sequences and KV blocks of a model and asks the batching
 * policy; the server adds the clock, the models' cost (models/llm.h), loading, and the answers.
 *
 *   stage_accept      enqueue          decided          last token
 *   ------------> OVERHEAD ---> WAITING ------> RUNNING ----------> handed on
 *                         | refused                ^ | preempted
 *                         v                        | v
 *                       failed                   WAITING
 *
 * A model (sim/server_models.c):
 *
 *                 wanted, and room made             loaded_ns
 *   [NOT LOADED] ------------------------> LOADING -----------> LOADED
 *        ^                                                        | idle, and evicted or
 *        '--------------------------------------------------------' its keep_alive_s are over
 *
 * It is loaded when a request asks for it: from disk, or over the host link when its file is in the
 * host's page cache. One model loads at a time, in the order in which they were asked for. Room is
 * made by models that are idle (nothing runs, nobody waits), the one idle longest first, and only
 * when that is enough; until then the newcomer waits, and so does whoever arrives after it for a
 * model that is there: these run dry, and no newcomer waits for ever.
 *
 * Models on one GPU take turns, a step at a time: the next step is that of the model that has had
 * the least of the GPU, counted from when it last had something to do (start-time fair queueing,
 * Goyal et al., SIGCOMM'96). Assumed: processes without a common context are time-sliced with equal
 * slices (NVIDIA's MPS documentation), here as long as a step.
 *
 * Disaggregated: the first engine makes the first token, the prompt's KV crosses a link (one
 * transfer after the other), and the second engine makes the rest. The KV leaves the first pool
 * when its prompt is done: a buffer of the sender holds it until it is across.
 *
 * Decode steps in which nothing changes are advanced in one event; an arrival cuts the run short
 * at the end of the step under way; a request that streams wants each step as an event, and so do
 * two models that both have work.
 *
 * Invariants (tests/sim/server.c, tests/sim/server_models.c; B1 to B8 are the batch's):
 *   V1 every request that arrives completes or fails once the run is drained;
 *   V2 a request's answer leaves with its last token, or token by token when it streams, and its
 *      bytes are conserved;
 *   V3 advancing many decode steps in one event gives the same stamps as one event per step;
 *   V4 weights, KV pools and reserves of the models in memory, loading ones included, never exceed
 *      what models may fill;
 *   V5 a model leaves the memory only while it is idle;
 *   V6 a pool of GPUs runs one step at a time.
 */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H

#include "base/arena.h"
#include "models/llm.h"
#include "sched/batch.h"
#include "sim/stage.h"

struct scenario_model;
struct scenario_server;
struct scenario_ues;

/* What a model runs on one pool of GPUs. */
struct server_engine {
    _Alignas(CACHE_LINE) struct batch batch;
    int64_t run_start_ns;
    int64_t run_steps;   /* of the run under way */
    uint64_t generation; /* of the event that ends it */
    int64_t busy_ns;
    int64_t had_ns; /* of the GPU, on the clock of struct server_pool */
};

/* One GPU or group of them. */
struct server_pool {
    int running;       /* model whose run is under way; -1: none */
    int64_t served_ns; /* where the model that was served last stood when its last step began */
};

struct server_loads {
    int64_t cold, warm; /* from disk; from the host's page cache */
    int64_t ns;         /* time that they took */
    int64_t evictions;  /* another model needed the room */
    int64_t expiries;   /* keep_alive_s were over */
};

/* What a step looks at comes first; so in struct server. */
struct server_model {
    _Alignas(CACHE_LINE) const struct llm_cost *cost; /* servers that are alike share it */
    int64_t loaded_ns; /* it is in GPU memory from then on; NS_NEVER: it is not */
    int64_t idle_ns;   /* idle since; only while it is */
    int64_t keep_ns;   /* NS_NEVER: for ever */
    int index;
    int prefix_group; /* UE group whose trace's prefixes are cached; -1: none */
    int64_t crossing; /* transfers between the pools under way */
    bool warm;        /* the last load was from the page cache */
    bool wanted;      /* it is in the queue for loading */
    struct server_engine engines[2];
    const struct scenario_model *config;
    const char *id;
    int64_t need_bytes; /* when it is loaded */
    uint64_t read;      /* when its file came into the page cache, counted; 0: it is not there */
    struct server_loads loads;
    struct llm_card card;
};

struct server {
    _Alignas(CACHE_LINE) struct stage stage;
    struct server_model *models;
    int n_models, n_pools;
    struct server_pool pools[2];
    const struct scenario_server *config;
    int64_t in_hand; /* requests that it has wholly and has not answered */
    int n_wants;
    int loading;      /* -1: none */
    bool blocked;     /* the first of the wants cannot be loaded */
    bool lapses;      /* some model does not stay for ever */
    bool any_streams; /* some UE wants its tokens one by one */
    int *wants;       /* models to be loaded, in order */
    const char *id;
    const struct gpu_profile *gpu;
    int64_t memory_bytes; /* that models may fill, in each pool */
    int64_t used_bytes, peak_bytes;
    uint64_t reads;
    double transfer_gbytes_per_s, transfer_latency_ns;
    int64_t link_free_ns; /* the last transfer has left the sender */
    uint64_t transfers;
    int64_t *backlog_bytes; /* by slice, for a policy that asks; NULL */
    bool *serves;           /* by slice; NULL: any */
};

int server_init(struct server *s, struct world *w, uint32_t entity_id, int index, struct err *e);
void server_free(struct server *s);

/* Writes the totals of the run. */
void server_finish(struct server *s);

/* The edge (sim/edge.h) had the GPU compute by itself: for its totals. */
void server_worked(struct server *s, int64_t busy_ns, int64_t sequences, int64_t prefill_tokens,
                   int64_t decode_tokens);

/* Requests that wait for the GPU now. */
int64_t server_waiting(const struct server *s);

/* Requests that it has wholly and has not answered. */
int64_t server_load(const struct server *s);

/* The slice may use the server (routing by-slice). */
bool server_serves(const struct server *s, int slice);

/* Share of the time so far that the GPU was computing, in percent. */
double server_utilization_pct(const struct server *s);

/* Model that a UE group asks it for; NULL: it has none of that name. */
const struct server_model *server_model_of(const struct server *s,
                                           const struct scenario_ues *group);

/* Bytes of GPU memory in use now: weights and KV blocks of the models in memory. */
double server_memory_bytes(const struct server *s);

#endif
