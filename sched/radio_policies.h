/* radio_policies.h - the table of radio policies. One line here and one file radio_NAME.c make a
 * policy: the line's NAME names the file's spec and functions, which are declared below. */
#ifndef SCHED_RADIO_POLICIES_H
#define SCHED_RADIO_POLICIES_H

#include "sched/radio.h"

/* X(name, word, option that makes it keep to the slice tree, whether it reads the servers' queues,
 * what it does); radio.h has the third and the fourth. */
#define RADIO_POLICIES(X)                                                                          \
    X(round_robin, "round-robin", "enforce_slices", false,                                         \
      "Who waited longest first; PRB in equal parts among the UEs of the slot.")                   \
    X(proportional_fair, "proportional-fair", "enforce_slices", false,                             \
      "Highest rate over own past throughput first, each as much as it asks (the testbed's "       \
      "scheduler without slices).")                                                                \
    X(max_cqi, "max-cqi", "enforce_slices", false,                                                 \
      "Best channel first, each as much as it asks: most bytes, no fairness.")                     \
    X(tree_branch_fruit, "tree-branch-fruit", "enforce_tree", false,                               \
      "Algorithm 1 of the WiLLM paper: proportional-fair shares within branch and fruit bounds.")  \
    X(oai_willm, "oai-willm", NULL, false,                                                         \
      "What the WiLLM testbed's code does, with its quirks; each can be switched off.")            \
    X(dedicated_min_max, "dedicated-min-max", "", false,                                           \
      "Two layers of dedicated, minimum and maximum shares with proportional fairness inside.")    \
    X(queue_aware, "queue-aware", "enforce_slices", true,                                          \
      "Proportional fairness weighed by the server's queue and by what is left to send "           \
      "(cross-layer).")

#define RADIO_POLICY_DECLARE(name, policy_word, keeps, sees, text)                                 \
    extern const struct json_spec radio_##name##_spec;                                             \
    void *radio_##name##_create(const void *options, int32_t carrier_prb,                          \
                                const struct slice_tree *slices);                                  \
    void radio_##name##_destroy(void *state);                                                      \
    int32_t radio_##name##_allocate(void *state, const struct radio_view *view,                    \
                                    struct radio_grant *grants);
RADIO_POLICIES(RADIO_POLICY_DECLARE)
#undef RADIO_POLICY_DECLARE

#endif
