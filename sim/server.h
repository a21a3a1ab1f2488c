/* server.h - an inference server: one model on one GPU (or tensor-parallel group), or on two of
 * them when the batching is disaggregated.
 *
 * The batch (sched/batch.h) keeps queue, sequences and KV blocks and asks the batching policy; the
 * server adds the clock, the model's cost (models/llm.h), loading, and the answers.
 *
 *   stage_accept      enqueue          decided          last token
 *   ------------> OVERHEAD ---> WAITING ------> RUNNING ----------> handed on
 *                         | refused                ^ | preempted
 *                         v                        | v
 *                       failed                   WAITING
 *
 * Disaggregated: the first engine makes the first token, the prompt's KV crosses a link (one
 * transfer after the other), and the second engine makes the rest. The KV leaves the first pool
 * when its prompt is done: a buffer of the sender holds it until it is across.
 *
 * Decode steps in which nothing changes are advanced in one event; an arrival cuts the run short
 * at the end of the step under way; a request that streams wants each step as an event.
 *
 * Invariants (tests/sim/server.c; B1 to B7 are the batch's):
 *   V1 every request that arrives completes or fails once the run is drained;
 *   V2 a request's answer leaves with its last token, or token by token when it streams, and its
 *      bytes are conserved;
 *   V3 advancing many decode steps in one event gives the same stamps as one event per step.
 */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H

#include "models/llm.h"
#include "sched/batch.h"
#include "sim/stage.h"

struct scenario_server;

/* One GPU or group of them, and what runs on it. */
struct server_engine {
    struct batch batch;
    bool running; /* a run of steps is under way */
    int64_t run_start_ns;
    int64_t run_steps;   /* its steps */
    uint64_t generation; /* of the event that ends it */
    int64_t busy_ns;
};

struct server {
    struct stage stage;
    const char *id;
    const struct scenario_server *config;
    struct llm_card card;
    const struct gpu_profile *gpu;
    struct llm_cost cost;
    struct server_engine engines[2];
    int n_engines;
    int64_t loaded_ns; /* the model is in GPU memory from then on; NS_NEVER: not asked for */
    int64_t in_hand;   /* requests that it has wholly and has not answered */
    double transfer_gbytes_per_s, transfer_latency_ns;
    int64_t link_free_ns; /* the last transfer has left the sender */
    uint64_t transfers;
    int64_t *backlog_bytes; /* by slice, for a policy that asks; NULL */
    int prefix_group;       /* UE group whose trace's prefixes are cached; -1: none */
    bool *serves;           /* by slice; NULL: any */
};

int server_init(struct server *s, struct world *w, uint32_t entity_id, int index, struct err *e);
void server_free(struct server *s);

/* Writes the totals of the run. */
void server_finish(struct server *s);

/* Requests that wait for the GPU now. */
int64_t server_waiting(const struct server *s);

/* Requests that it has wholly and has not answered. */
int64_t server_load(const struct server *s);

/* The slice may use the server (routing by-slice). */
bool server_serves(const struct server *s, int slice);

/* Share of the time so far that the GPU was computing, in percent. */
double server_utilization_pct(const struct server *s);

/* Bytes of GPU memory in use now: weights and KV blocks. */
double server_memory_bytes(const struct server *s);

#endif
