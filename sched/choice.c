/* choice.c - see choice.h. */
#include "sched/choice.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stddef.h>

double choice_reward(double latency_s, double target_s)
{
    double off = (latency_s - target_s) / target_s;
    return fmax(0.0, 1.0 - off * off);
}

/* B. P. Welford, "Note on a method for calculating corrected sums of squares and products",
 * Technometrics 4(3), 1962. */
void choice_learn(struct choice_arm *arm, double reward)
{
    arm->n++;
    double off = reward - arm->mean;
    arm->mean += off / (double)arm->n;
    arm->m2 += off * (reward - arm->mean);
}

/* First arm that nothing is known of, -1: none (L1). With several requests on their way an arm may
 * be asked for again before it is heard of. */
static int unheard(const struct choice_arm *arms, int n)
{
    for (int i = 0; i < n; i++) {
        if (arms[i].n == 0) {
            return i;
        }
    }
    return -1;
}

static int best(const struct choice_arm *arms, int n)
{
    int best = 0;
    for (int i = 1; i < n; i++) {
        if (arms[i].mean > arms[best].mean) {
            best = i;
        }
    }
    return best;
}

/* --- ucb1 ------------------------------------------------------------------------------------- */

struct ucb1_options {
    double exploration, decay;
};

static const struct json_field ucb1_fields[] = {
    {.key = "exploration",
     .type = JSON_NUM,
     .offset = offsetof(struct ucb1_options, exploration),
     .max = 1e6,
     .def = "2",
     .doc = "Factor of the confidence radius sqrt(ln t / n) in round 0. WiLLM testbed: 2; UCB1 of "
            "Auer, Cesa-Bianchi and Fischer (2002): sqrt 2."},
    {.key = "decay",
     .type = JSON_NUM,
     .offset = offsetof(struct ucb1_options, decay),
     .above_min = true,
     .max = 1,
     .def = "0.99",
     .doc = "What is left of it after each round. WiLLM testbed: 0.99; UCB1: 1."},
    {.key = NULL},
};

static const struct json_spec ucb1_spec = {.name = "choice_ucb1",
                                           .doc = "Upper confidence bounds.",
                                           .size = sizeof(struct ucb1_options),
                                           .fields = ucb1_fields};

static int ucb1_choose(const void *options, const struct choice_arm *arms, int n, int64_t round,
                       struct draw *d)
{
    const struct ucb1_options *o = options;
    (void)d;
    int first = unheard(arms, n);
    if (first >= 0) {
        return first;
    }
    int64_t heard = 0;
    for (int i = 0; i < n; i++) {
        heard += arms[i].n;
    }
    double factor = o->exploration * pow(o->decay, (double)round);
    int best = 0;
    double most = -INFINITY;
    for (int i = 0; i < n; i++) {
        double bound = arms[i].mean + factor * sqrt(log((double)heard) / (double)arms[i].n);
        if (bound > most) {
            most = bound;
            best = i;
        }
    }
    return best;
}

/* --- thompson --------------------------------------------------------------------------------- */

/* Rewards taken as normal with unknown mean and variance, Jeffreys prior: the mean's posterior is
 * Student's t with n - 1 degrees of freedom about the sample mean (A. Gelman et al., "Bayesian Data
 * Analysis", 3rd ed., 3.2). Two rewards make it proper, so that each arm is asked for twice. */
static int thompson_choose(const void *options, const struct choice_arm *arms, int n, int64_t round,
                           struct draw *d)
{
    (void)options;
    (void)round;
    for (int64_t heard = 0; heard < 2; heard++) {
        for (int i = 0; i < n; i++) {
            if (arms[i].n == heard) {
                return i;
            }
        }
    }
    int best = 0;
    double most = -INFINITY;
    for (int i = 0; i < n; i++) {
        double of = (double)arms[i].n;
        double scale = sqrt(arms[i].m2 / (of * (of - 1.0)));
        double mean = arms[i].mean + scale * gsl_ran_tdist(&d->rng, of - 1.0);
        if (mean > most) {
            most = mean;
            best = i;
        }
    }
    return best;
}

/* --- epsilon-greedy --------------------------------------------------------------------------- */

struct greedy_options {
    double epsilon, decay;
};

static const struct json_field greedy_fields[] = {
    {.key = "epsilon",
     .type = JSON_NUM,
     .offset = offsetof(struct greedy_options, epsilon),
     .max = 1,
     .def = "0.3",
     .doc = "Part of the rounds in which any arm is chosen, in round 0. Assumed."},
    {.key = "decay",
     .type = JSON_NUM,
     .offset = offsetof(struct greedy_options, decay),
     .above_min = true,
     .max = 1,
     .def = "0.99",
     .doc = "What is left of it after each round. Assumed: as the testbed's ucb1."},
    {.key = NULL},
};

static const struct json_spec greedy_spec = {.name = "choice_epsilon_greedy",
                                             .doc = "The best so far, or any.",
                                             .size = sizeof(struct greedy_options),
                                             .fields = greedy_fields};

static int greedy_choose(const void *options, const struct choice_arm *arms, int n, int64_t round,
                         struct draw *d)
{
    const struct greedy_options *o = options;
    int first = unheard(arms, n);
    if (first >= 0) {
        return first;
    }
    if (gsl_rng_uniform(&d->rng) < o->epsilon * pow(o->decay, (double)round)) {
        return (int)gsl_rng_uniform_int(&d->rng, (unsigned long)n);
    }
    return best(arms, n);
}

/* --- static, offline -------------------------------------------------------------------------- */

struct static_options {
    int64_t arm;
};

static const struct json_field static_fields[] = {
    {.key = "arm",
     .type = JSON_INT,
     .offset = offsetof(struct static_options, arm),
     .max = 63,
     .def = "0",
     .doc = "Number of the slice in slice_arms, from 0; a number too large is the last."},
    {.key = NULL},
};

static const struct json_spec static_spec = {.name = "choice_static",
                                             .doc = "Always the same.",
                                             .size = sizeof(struct static_options),
                                             .fields = static_fields};

static int static_choose(const void *options, const struct choice_arm *arms, int n, int64_t round,
                         struct draw *d)
{
    const struct static_options *o = options;
    (void)arms;
    (void)round;
    (void)d;
    return o->arm < n ? (int)o->arm : n - 1;
}

/* The statistics are those of whole runs, one per arm (sim/replay.h). */
static int offline_choose(const void *options, const struct choice_arm *arms, int n, int64_t round,
                          struct draw *d)
{
    (void)options;
    (void)round;
    (void)d;
    return best(arms, n);
}

/* --- The table -------------------------------------------------------------------------------- */

#define CHOICE_POLICIES(X)                                                                         \
    X(ucb1, "ucb1", &ucb1_spec, false,                                                             \
      "Highest mean reward plus a confidence radius that decays (the testbed's variant).")         \
    X(thompson, "thompson", NULL, false,                                                           \
      "Highest draw from each arm's posterior mean (Thompson sampling, normal rewards).")          \
    X(greedy, "epsilon-greedy", &greedy_spec, false,                                               \
      "The best so far; in a part of the rounds, which decays, any.")                              \
    X(static, "static", &static_spec, false, "Always the same slice.")                             \
    X(offline, "offline", NULL, true,                                                              \
      "The whole run is replayed with each slice, the same luck each time; the one with the "      \
      "highest mean reward serves the run.")

#define POLICY(name, choice_word, spec, whole_runs, text)                                          \
    static const struct choice_policy choice_##name = {.word = (choice_word),                      \
                                                       .doc = (text),                              \
                                                       .options = (spec),                          \
                                                       .replays = (whole_runs),                    \
                                                       .choose = name##_choose};
CHOICE_POLICIES(POLICY)

#define ADDRESS(name, choice_word, spec, whole_runs, text) &choice_##name,
const struct choice_policy *const choice_policies[] = {CHOICE_POLICIES(ADDRESS) NULL};

#define VARIANT(name, choice_word, spec_of, whole_runs, text)                                      \
    {.word = (choice_word), .spec = (spec_of), .doc = (text)},
const struct json_variant choice_policy_variants[] = {CHOICE_POLICIES(VARIANT){.word = NULL}};
