/* edge.c - the table of edge policies, and the two that need no epochs. A new policy is one new
 * file and one line in each of the two tables. */
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

const struct edge_policy *const edge_policies[] = {
    &edge_epoch_ot, &edge_gah, &edge_brute_force, &edge_static, &edge_no_batching,
    &edge_at_once,  NULL,
};

const struct json_variant edge_policy_variants[] = {
    {"epoch-ot", &edge_ot_options, "the largest batch of an epoch on one node, exactly (OT)"},
    {"gah", &edge_ot_options, "OT on one node after the other, the fastest first (OT-GAH)"},
    {"brute-force", &edge_brute_force_options, "as gah, without pruning the search"},
    {"static", NULL, "batches of a size that fits whatever is asked, first come first served"},
    {"no-batching", NULL,
     "one first-in-first-out queue before all GPUs, a request on a GPU at a time"},
    {"at-once", NULL, "no epochs: requests go to their server, and servers[].batching batches"},
    {NULL, NULL, NULL},
};
