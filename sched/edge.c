/* edge.c - the table of edge policies (EDGE_POLICIES of edge.h) as arrays, and the two that need no
 * epochs. */
#include "sched/edge.h"

const struct edge_policy edge_no_batching = {
    .word = "no-batching",
    .doc = "one first-in-first-out queue before all GPUs, a request on a GPU at a time",
    .flow = EDGE_QUEUE,
};

const struct edge_policy edge_at_once = {
    .word = "at-once",
    .doc = "no epochs: requests go to their server, and servers[].batching batches",
    .flow = EDGE_STRAIGHT,
};

#define ADDRESS(name, policy_word, spec, text) &edge_##name,
const struct edge_policy *const edge_policies[] = {EDGE_POLICIES(ADDRESS) NULL};

#define VARIANT(name, policy_word, spec_of, text)                                                  \
    {.word = (policy_word), .spec = (spec_of), .doc = (text)},
const struct json_variant edge_policy_variants[] = {EDGE_POLICIES(VARIANT){.word = NULL}};
