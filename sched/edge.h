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

/* The table of policies, X(name, word, options, what it does). One line here and `edge_NAME` in a
 * file sched/edge_*.c make a policy. */
#define EDGE_POLICIES(X)                                                                           \
    X(epoch_ot, "epoch-ot", &edge_ot_options,                                                      \
      "the largest batch of an epoch on one node, exactly (OT)")                                   \
    X(gah, "gah", &edge_ot_options, "OT on one node after the other, the fastest first (OT-GAH)")  \
    X(brute_force, "brute-force", &edge_brute_force_options, "as gah, without pruning the search") \
    X(static, "static", NULL,                                                                      \
      "batches of a size that fits whatever is asked, first come first served")                    \
    X(no_batching, "no-batching", NULL,                                                            \
      "one first-in-first-out queue before all GPUs, a request on a GPU at a time")                \
    X(at_once, "at-once", NULL,                                                                    \
      "no epochs: requests go to their server, and servers[].batching batches")

extern const struct json_spec edge_ot_options, edge_brute_force_options;
#define EDGE_POLICY_DECLARE(name, policy_word, spec, text)                                         \
    extern const struct edge_policy edge_##name;
EDGE_POLICIES(EDGE_POLICY_DECLARE)
#undef EDGE_POLICY_DECLARE

/* Options of epoch-ot and gah, and of brute-force. */
enum edge_search { EDGE_SEARCH_FAST, EDGE_SEARCH_PAPER, EDGE_SEARCH_WIDE };
struct edge_ot_options {
    int search;         /* enum edge_search */
    int64_t max_visits; /* tree nodes of a node's search; 0: any number */
};

#endif
