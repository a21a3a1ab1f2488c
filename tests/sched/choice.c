/* choice.c - slice choice (invariants L1, L2 of sched/choice.h) and each policy on bandits whose
 * best arm is known. What the arms are in a run is tests/sim/learn.c's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "sched/choice.h"

enum { ARMS = 6, ROUNDS = 300 };

static const struct choice_policy *find(const char *word, int *index)
{
    for (*index = 0; choice_policies[*index] != NULL; (*index)++) {
        if (strcmp(choice_policies[*index]->word, word) == 0) {
            return choice_policies[*index];
        }
    }
    fail_msg("no policy %s", word);
    return NULL;
}

/* Default options of a policy, from its own table. */
static const void *defaults(const struct choice_policy *p, struct arena *a)
{
    if (p->options == NULL) {
        return NULL;
    }
    struct cJSON *root = NULL;
    struct err e;
    void *options = arena_alloc(a, p->options->size);
    assert_int_equal(json_read_text("test", "{}", 2, &root, &e), 0);
    assert_int_equal(json_bind(root, p->options, options, "test", "", a, &e), 0);
    json_delete(root);
    return options;
}

/* At the target 1, a half off 0.75, twice it or more 0; the sums of four rewards by hand. */
static void test_reward(void **state)
{
    (void)state;
    assert_true(choice_reward(2.0, 2.0) == 1.0);
    assert_true(choice_reward(1.0, 2.0) == 0.75 && choice_reward(3.0, 2.0) == 0.75);
    assert_true(choice_reward(4.0, 2.0) == 0.0 && choice_reward(9.0, 2.0) == 0.0);
    struct choice_arm arm = {0};
    static const double rewards[] = {0.5, 1.0, 0.75, 0.25};
    for (int i = 0; i < 4; i++) {
        choice_learn(&arm, rewards[i]);
    }
    assert_int_equal(arm.n, 4);
    assert_true(fabs(arm.mean - 0.625) < 1e-15 && fabs(arm.m2 - 0.3125) < 1e-15);
}

/* L1, L2: every arm is tried before one comes again, and the same luck makes the same choice. */
static void test_first_each(void **state)
{
    (void)state;
    for (int k = 0; choice_policies[k] != NULL; k++) {
        const struct choice_policy *p = choice_policies[k];
        struct arena a = {0};
        const void *options = defaults(p, &a);
        struct choice_arm arms[ARMS] = {{0}};
        uint32_t seen = 0;
        for (int64_t round = 0; round < ARMS; round++) {
            struct draw d, same;
            draw_at(&d, 5, DRAW_LEARNER, 1, (uint64_t)round);
            draw_at(&same, 5, DRAW_LEARNER, 1, (uint64_t)round);
            int arm = p->choose(options, arms, ARMS, round, &d);
            assert_in_range(arm, 0, ARMS - 1);
            assert_int_equal(arm, p->choose(options, arms, ARMS, round, &same));
            seen |= 1U << arm;
            choice_learn(&arms[arm], 0.1 * arm);
        }
        bool learns = strcmp(p->word, "static") != 0 && !p->replays;
        assert_int_equal(seen, learns ? (1U << ARMS) - 1 : 1U);
        arena_free(&a);
    }
}

/* Pulls of the best arm in the last third of ROUNDS: rewards normal about `means`. */
static double last_third(const char *word, const double *means, double sigma, uint64_t seed)
{
    int index;
    const struct choice_policy *p = find(word, &index);
    struct arena a = {0};
    const void *options = defaults(p, &a);
    struct choice_arm arms[ARMS] = {{0}};
    int best = 0, pulls = 0;
    for (int i = 1; i < ARMS; i++) {
        best = means[i] > means[best] ? i : best;
    }
    for (int64_t round = 0; round < ROUNDS; round++) {
        struct draw d;
        draw_at(&d, seed, DRAW_LEARNER, 0, (uint64_t)round);
        int arm = p->choose(options, arms, ARMS, round, &d);
        pulls += round >= ROUNDS * 2 / 3 && arm == best;
        choice_learn(&arms[arm],
                     means[arm] + sigma * draw_gaussian(seed, DRAW_REQUEST, 0, (uint64_t)round));
    }
    arena_free(&a);
    return pulls / (ROUNDS / 3.0);
}

static void test_learn(void **state)
{
    (void)state;
    static const double means[ARMS] = {0.6, 0.75, 0.78, 0.95, 0.84, 0.3};
    static const char *const words[] = {"ucb1", "thompson", "epsilon-greedy"};
    for (size_t k = 0; k < sizeof words / sizeof words[0]; k++) {
        double sum = 0;
        for (uint64_t seed = 1; seed <= 20; seed++) {
            sum += last_third(words[k], means, 0.05, seed);
        }
        assert_true(sum / 20 > 0.8);
    }
    /* `static` does not learn: arm 0 is not the best. */
    assert_true(last_third("static", means, 0.05, 1) == 0.0);
}

/* Round 200: the testbed's exploration has shrunk to 2 x 0.99^200 = 0.27 and lets the better arm
 * win, where UCB1's own sqrt 2 still asks for the one that was seen less. By hand: radii sqrt(ln
 * 104 / 100) = 0.2155 and sqrt(ln 104 / 4) = 1.0775; 0.9 + 0.268 x 0.2155 = 0.958 against 0.6 +
 * 0.268 x 1.0775 = 0.889, and with 1.414 instead 1.205 against 2.124. */
static void test_decay(void **state)
{
    (void)state;
    int index;
    const struct choice_policy *p = find("ucb1", &index);
    struct arena a = {0};
    const double *testbed = defaults(p, &a);
    struct choice_arm arms[2] = {{100, 0.9, 0.1}, {4, 0.6, 0.1}};
    struct draw d;
    draw_at(&d, 1, DRAW_LEARNER, 0, 0);
    assert_true(testbed[0] == 2.0 && testbed[1] == 0.99);
    assert_int_equal(p->choose(testbed, arms, 2, 200, &d), 0);
    static const double auer[2] = {1.4142135623730951, 1.0};
    assert_int_equal(p->choose(auer, arms, 2, 200, &d), 1);
    arena_free(&a);
}

int test_choice(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reward),
        cmocka_unit_test(test_first_each),
        cmocka_unit_test(test_learn),
        cmocka_unit_test(test_decay),
    };
    return cmocka_run_group_tests_name("choice", tests, NULL, NULL);
}
