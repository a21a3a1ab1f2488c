/* ot.h - which requests an edge node answers together: OT and GAH of the edge-inference paper.
 *
 * Source: "OT-GAH" (IEEE, section IV, Algorithms 1 and 2), with the errata of docs/models/edge.md.
 * A node takes a set S of requests as one batch. S is feasible when
 *
 *   uplink    sum of rho_up over S <= 1                       (12a; shares of the node's bandwidth)
 *   downlink  sum of n over S <= dl_tokens                    (12b with the worst channel: k6)
 *   memory    alpha (k1 + k2 sum of (s_pad + n)) <= memory    (12c)
 *   time      beta sum of (k3 + k4 n + k5 n^2) / flops <= tau' of every member      (12d)
 *   accuracy  a <= 1 - dPPL of every member                   (12e)
 *
 * OT finds a feasible set of the largest size. For z = |I| down to 1, and for each request d in
 * the order of falling tau' as the one with the least time: the other z - 1 come from those before
 * d. All constraints but the uplink's hang on n alone, so that of the requests of one class (equal
 * n) the ones with the smallest rho_up are best: the tree has one level per class and a child per
 * number of requests taken from it.
 *
 * Invariants (tests/sched/ot.c):
 *   T1 the answer is feasible and as large as exhaustive search finds;
 *   T2 pruning, the bounds and bisection never change its size;
 *   T3 GAH finds at least half of the best assignment's requests.
 */
#ifndef SCHED_OT_H
#define SCHED_OT_H

#include <stdbool.h>
#include <stdint.h>

/* One request as one node sees it. */
struct ot_request {
    int64_t n;       /* tokens to generate: its class */
    double rho_up;   /* share of the node's uplink that its prompt takes */
    double tau_s;    /* tau': what is left for the batch's computation, s */
    double accuracy; /* a, 0..1 */
};

/* Coefficients of one model: bytes and FLOP (equations 6 to 9 collected). */
struct ot_model {
    int64_t s_pad; /* every prompt is padded to it, tokens */
    double k1;     /* bytes of the weights */
    double k2;     /* bytes of KV per token */
    double k3;     /* FLOP of a padded prompt */
    double k4, k5; /* FLOP of n generated tokens: k4 n + k5 n^2 */
};

struct ot_node {
    double flops;        /* C, FLOP/s */
    double memory_bytes; /* M */
    double alpha, beta;  /* what quantization leaves of memory and of time */
    double dppl;         /* perplexity differential */
    double dl_tokens;    /* k6: tokens that its downlink carries in an epoch */
    /* Another cost than (12d): seconds of a batch with counts[k] requests of n[k] tokens, n rising,
     * k < classes. T1 and T2 ask that a batch takes no longer when a request leaves it or when one
     * makes fewer tokens. NULL: (12d). */
    double (*seconds)(const void *self, const int64_t *n, const int32_t *counts, int32_t classes);
    const void *self;
};

/* Different numbers of tokens that ot_feasible() can tell apart on a node with `seconds`. */
enum { OT_LEVELS_MAX = 64 };

/* The model of a decoder with L layers, hidden size D and a feed-forward of 4 D, FP16 (equations 6
 * to 9): k1 = 24 L D^2, k2 = 4 L D, k3 = L (s'-1)(24 D^2 + 4 s' D),
 * k4 = L (24 D^2 + 4 s' D - 2 D), k5 = 2 L D. */
struct ot_model ot_model_of(int64_t layers, int64_t hidden, int64_t s_pad);

/* Seconds of a batch of one request with n tokens to generate; a batch takes the sum. */
double ot_seconds(const struct ot_model *m, const struct ot_node *node, int64_t n);

/* Seconds of a batch with counts[k] requests of n[k] tokens each, n rising. */
double ot_batch_seconds(const struct ot_model *m, const struct ot_node *node, const int64_t *n,
                        const int32_t *counts, int32_t classes);

struct ot_search {
    bool prune;      /* skip a child when the levels below cannot give the requests that lack */
    bool bound;      /* skip a child when even the cheapest rest breaks a constraint; exact, not in
                        the paper */
    bool bisect;     /* search z by bisection: feasible sets stay so when a request leaves */
    bool wide;       /* Algorithm 1: as if bandwidth did not bind. Where its answer keeps to the
                        bandwidth it is the best; where not, the fastest search follows */
    uint64_t budget; /* stop after so many tree nodes; 0: never */
};

/* The paper's search (Algorithm 2), the same without its pruning rule, the fastest that is still
 * exact, and Algorithm 1. */
extern const struct ot_search ot_paper, ot_unpruned, ot_fast, ot_wide;

struct ot_answer {
    int32_t count;
    uint64_t nodes_visited; /* children entered */
    bool stopped;           /* at the budget: `count` is then a lower bound */
};

/* Room for instances of up to `capacity` requests. */
struct ot;
struct ot *ot_new(int32_t capacity); /* NULL: out of memory */
void ot_free(struct ot *ot);
/* Makes room for more; false: out of memory, the old room stays. */
bool ot_reserve(struct ot *ot, int32_t capacity);

/* The largest feasible set out of requests[candidates[0..n)] on one node; their indices go to
 * selected[0..count), increasing. `candidates` NULL: all of 0..n-1. n <= capacity. */
struct ot_answer ot_solve(struct ot *ot, const struct ot_model *model, const struct ot_node *node,
                          const struct ot_request *requests, const int32_t *candidates, int32_t n,
                          const struct ot_search *search, int32_t *selected);

/* GAH: OT on each node in turn, each on the requests that are left. requests[j * n + i] is request
 * i as node j sees it; order[0..n_nodes) are node numbers; node_of[i] becomes the node that
 * answers request i, or -1. `selected` is room for n. */
struct ot_answer ot_gah(struct ot *ot, const struct ot_model *model, const struct ot_node *nodes,
                        int32_t n_nodes, const int32_t *order, const struct ot_request *requests,
                        int32_t n, const struct ot_search *search, int32_t *node_of);

/* Counts a request of n tokens among `*classes` classes of rising n (room for OT_LEVELS_MAX);
 * false: there are too many. */
bool ot_count_level(int64_t *levels, int32_t *counts, int32_t *classes, int64_t n);

/* Does this set keep every constraint of the node? `set` are indices into requests. */
bool ot_feasible(const struct ot_model *model, const struct ot_node *node,
                 const struct ot_request *requests, const int32_t *set, int32_t n);

#endif
