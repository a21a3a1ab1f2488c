/* choice.h - which fruit slice a phone asks for: learners of the slice whose latency stays at a
 * target (WiLLM paper, section 6.3: six configurations, 2 s; offline statistics and UCB).
 *
 * An arm is a slice. When a request has ended, its arm is told the request's latency L; the reward
 * for the target T is 1 - ((L - T) / T)^2, not below 0: what counts is to be at the target, neither
 * late nor early, and to stay there (docs/models/slicing.md). A failed request earns 0.
 *
 * The statistics are the owner's, one set per phone; a policy is a function of them, of the round
 * and of the luck it is given, and keeps nothing.
 *
 * Invariants (tests/sched/choice.c):
 *   L1 an arm that no reward is known of is chosen before any other is chosen again (but by
 *      `static`);
 *   L2 the choice is a function of (options, statistics, round, draw).
 */
#ifndef SCHED_CHOICE_H
#define SCHED_CHOICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/draw.h"
#include "base/json.h"

struct choice_arm {
    int64_t n;   /* rewards heard */
    double mean; /* of them */
    double m2;   /* sum of squares about the mean */
};

struct choice_policy {
    const char *word;
    const char *doc;
    const struct json_spec *options; /* NULL: none */
    bool replays;                    /* the arm is found by whole runs before the run */
    /* The arm, 0..n-1. `round` counts from 0; `d` is this round's luck. */
    int (*choose)(const void *options, const struct choice_arm *arms, int n, int64_t round,
                  struct draw *d);
};

/* All policies; NULL-terminated; and for the scenario loader, in the same order. */
extern const struct choice_policy *const choice_policies[];
extern const struct json_variant choice_policy_variants[];

double choice_reward(double latency_s, double target_s);

/* An arm hears a reward. */
void choice_learn(struct choice_arm *arm, double reward);

#endif
