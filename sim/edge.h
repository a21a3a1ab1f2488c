/* edge.h - the edge-inference paper's system as a stage: users, epochs, and nodes that answer a
 * batch at a time. It stands where the radio stands, and where the servers stand unless these batch
 * by themselves (policy at-once).
 *
 *   RADIO_UL          epoch begins         + T_U          batch ends          + T_D
 *   -------> WAITING --------------> SENT -------> SERVED -----------> DOWN -------> at the UE
 *                | not taken                         (SERVER)        (RADIO_DL)
 *                v
 *              failed: "accuracy", "deadline", or "not scheduled in its epoch"
 *
 * With flow EDGE_QUEUE a request is SENT at its birth and waits on the server's side for a free
 * GPU; with EDGE_STRAIGHT it goes on to its server, and only the slots T_U and T_D are here.
 *
 * A deadline counts from a request's birth. With wait constant it counts from wait_s before the
 * epoch that the request was first offered in: the paper's reading, in which waiting costs nothing.
 * Either way the stamps tell what happened.
 *
 * Invariants (tests/sim/edge.c):
 *   G1 a batch starts T_U after its epoch began and ends before T_C is over, so that a node
 * computes one batch at a time; G2 a completed request was in time; G3 a request ends as completed
 * or failed, or is carried into the next epoch; G4 the link of a request to a node is a function of
 * (seed, UE, request, node).
 */
#ifndef SIM_EDGE_H
#define SIM_EDGE_H

#include "base/pool.h"
#include "sched/edge.h"
#include "sim/scenario.h"
#include "sim/stage.h"

/* Requests that one batch can hold. */
enum { EDGE_BATCH_MAX = 4096 };

/* edge_cost.c: the model that all nodes have, and server `index` as a node but for its downlink,
 * under edge.cost. ERR_INPUT: nobody says how accurate the model is at that precision. */
void edge_cost_model(const struct world *w, struct ot_model *model);
int edge_cost_node(struct world *w, int index, struct ot_node *node, struct err *e);

struct edge {
    struct stage stage;
    const struct scenario_edge *config;
    const struct edge_policy *policy;
    void *state;
    struct ot_model model;
    struct ot_node *nodes; /* one per server */
    int32_t *order;        /* the fastest first */
    int64_t n_tokens;      /* the longest answer */
    int64_t epoch_ns, up_ns, down_ns;
    double compute_s;

    /* EDGE_EPOCHS */
    uint32_t *waiting; /* oldest first */
    int32_t n_waiting, room;
    struct ot_request *requests; /* [node x n + i] */
    int32_t *node_of;
    bool awake;          /* an epoch's beginning is among the events */
    struct pool batches; /* struct edge_batch */

    /* EDGE_QUEUE */
    uint32_t queue_head, queue_tail; /* through request.edge_next */
    int64_t *idle;                   /* GPUs by node */

    uint64_t visits; /* tree nodes of all searches */
};

int edge_init(struct edge *edge, struct world *w, uint32_t entity_id, struct err *e);
void edge_free(struct edge *edge);

/* The edge is what stands at this place of the line. */
bool edge_stands_at(const struct edge *edge, enum stage_index index);

#endif
