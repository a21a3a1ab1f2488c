/* edge.h - which request is served where, in the edge-inference paper's system: the contract.
 *
 * Users send prompts to edge nodes in epochs. What has arrived when an epoch begins is offered to a
 * policy, which gives each request a node or none; each node then answers its requests as one batch
 * (docs/models/edge.md). Two kinds of policy need no epochs: no-batching, one queue before all
 * GPUs, and at-once, where the nodes' servers batch by themselves (servers[].batching).
 *
 * Invariants (tests/sched/edge.c, over every policy with `place`):
 *   D1 a request gets one node at most, and only one that is accurate enough for it;
 *   D2 the batches of `keeps` policies satisfy every constraint of sched/ot.h;
 *   D3 the placement is a function of the view.
 */
#ifndef SCHED_EDGE_H
#define SCHED_EDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "sched/ot.h"

/* When requests are sent up, and who decides. */
enum edge_flow {
    EDGE_EPOCHS,   /* at the beginning of the next epoch, if `place` finds them a node */
    EDGE_QUEUE,    /* at once, into one first-in-first-out queue before all GPUs */
    EDGE_STRAIGHT, /* at once, to a server that batches by itself */
};

/* What has arrived when an epoch begins, oldest first, and the nodes as they are in this epoch. */
struct edge_view {
    const struct ot_model *model;
    const struct ot_node *nodes;
    const int32_t *order; /* node numbers, the fastest first */
    int32_t n_nodes;
    const struct ot_request *requests; /* [j * n + i]: request i as node j sees it */
    int32_t n;
    double compute_s;  /* T_C: what an epoch leaves for computing */
    int64_t n_tokens;  /* the longest answer that may be asked for */
    int32_t max_batch; /* a batch is no larger than this on any node */
};

struct edge_policy {
    const char *word;
    const char *doc;
    enum edge_flow flow;
    bool keeps; /* its batches satisfy every constraint */
    bool alone; /* for one node */
    const struct json_spec *options;
    /* State for epochs of up to `capacity` requests; NULL: out of memory. */
    void *(*create)(const void *options, int32_t capacity);
    void (*destroy)(void *state);
    /* Makes room for more; false: out of memory, the old room stays. */
    bool (*reserve)(void *state, int32_t capacity);
    /* node_of[0..n) becomes a node's number, or -1. */
    struct ot_answer (*place)(void *state, const struct edge_view *view, int32_t *node_of);
};

/* All policies; NULL-terminated; and for the scenario loader, in the same order. */
extern const struct edge_policy *const edge_policies[];
extern const struct json_variant edge_policy_variants[];

extern const struct edge_policy edge_epoch_ot, edge_gah, edge_brute_force, edge_static,
    edge_no_batching, edge_at_once;
extern const struct json_spec edge_ot_options, edge_brute_force_options;

/* Options of epoch-ot and gah, and of brute-force. */
enum edge_search { EDGE_SEARCH_FAST, EDGE_SEARCH_PAPER, EDGE_SEARCH_WIDE };
struct edge_ot_options {
    int search;         /* enum edge_search */
    int64_t max_visits; /* tree nodes of a node's search; 0: any number */
};

#endif
