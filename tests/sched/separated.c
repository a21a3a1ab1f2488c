/* separated.c - pins P1 to P4 of sched/separated.h: answers against hand computation, against every
 * point of a grid and against NLopt; what the enforced tree promises. Bounds are checked from the
 * tree and the demand, not from the programme as posed. Not pinned: what the programme is worth to
 * anybody (docs/models/slicing.md). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/draw.h"
#include "sched/separated.h"

enum { SLICES_MAX = 24, INSTANCES = 1000 };

#define LEAST    1e-4 /* share of a leaf with demand at least (separated.c) */
#define ROUNDING 1e-9

static void assert_near(double seen, double expected, double margin)
{
    if (!(fabs(seen - expected) <= margin)) {
        fail_msg("%.17g instead of %.17g", seen, expected);
    }
}

/* --- Instances -------------------------------------------------------------------------------- */

struct instance {
    struct slice slices[SLICES_MAX];
    struct slice_tree tree;
    double demand[SLICES_MAX + 1];
};

static uint64_t luck;

static double uniform(void)
{
    return draw_uniform(20240607, DRAW_POLICY, 1, luck++);
}

static bool chance(double p)
{
    return uniform() < p;
}

/* A right tree. `nested`: the fruits' minima fit into those of their branch, so that all hold. */
static void random_tree(struct instance *in, int branches, int fruits, bool nested)
{
    static const char *const ids[SLICES_MAX] = {"a", "b", "c", "d", "e", "f", "g", "h",
                                                "i", "j", "k", "l", "m", "n", "o", "p",
                                                "q", "r", "s", "t", "u", "v", "w", "x"};
    int n = 0;
    double left = 1.0;
    for (int b = 0; b < branches; b++) {
        double least = chance(0.3) ? 0.0 : uniform() * left * (chance(0.5) ? 1.0 : 0.5);
        left -= least;
        double most = chance(0.3) ? 1.0 : least + (1.0 - least) * uniform();
        int branch = n;
        in->slices[n] = (struct slice){.id = ids[n],
                                       .parent = -1,
                                       .min_ratio = least,
                                       .max_ratio = most,
                                       .priority = 1.0,
                                       .service = ""};
        n++;
        double room = nested ? least : 1.0;
        for (int f = (int)(uniform() * (fruits + 1)); f > 0; f--) {
            double fruit_least = chance(0.4) ? 0.0 : uniform() * room * (chance(0.5) ? 1.0 : 0.3);
            room -= fruit_least;
            double fruit_most = chance(0.3) ? 1.0 : fruit_least + (1.0 - fruit_least) * uniform();
            in->slices[n] = (struct slice){.id = ids[n],
                                           .parent = branch,
                                           .min_ratio = fruit_least,
                                           .max_ratio = fruit_most,
                                           .priority = chance(0.5) ? 1.0 : 0.01 + 10.0 * uniform(),
                                           .service = ""};
            n++;
        }
    }
    in->tree = (struct slice_tree){.slices = in->slices, .n = n};
    struct err e = {0};
    if (slice_tree_check(&in->tree, NULL, "tree", &e) != 0) {
        fail_msg("%s", e.text);
    }
}

static void random_demand(struct instance *in)
{
    for (int i = 0; i <= in->tree.n; i++) {
        in->demand[i] = chance(0.3) ? 0.0 : chance(0.3) ? 10.0 : pow(10.0, -5.0 + 6.0 * uniform());
    }
}

static double branch_sum(const struct slice_tree *tree, int b, const double *v)
{
    double sum = v[b];
    for (int i = 0; i < tree->n; i++) {
        sum += tree->slices[i].parent == b ? v[i] : 0.0;
    }
    return sum;
}

/* Most share that a leaf may have: its own maximum and its branch's, its demand, but at least its
 * minimum and LEAST. */
static double leaf_most(const struct instance *in, int i)
{
    if (!(in->demand[i] > 0.0)) {
        return 0.0;
    }
    if (i == in->tree.n) {
        return fmin(fmax(in->demand[i], LEAST), 1.0);
    }
    const struct slice *s = &in->tree.slices[i];
    double most = s->max_ratio;
    double least = s->parent >= 0 ? s->min_ratio : 0.0;
    if (s->parent >= 0) {
        most = fmin(most, in->tree.slices[s->parent].max_ratio);
    }
    return most < LEAST ? 0.0 : fmin(fmax(in->demand[i], fmax(least, LEAST)), most);
}

/* All maxima hold. */
static bool within(const struct instance *in, const double *share)
{
    double sum = share[in->tree.n];
    for (int i = 0; i <= in->tree.n; i++) {
        if (share[i] < 0.0 || share[i] > leaf_most(in, i) + ROUNDING) {
            return false;
        }
    }
    for (int b = 0; b < in->tree.n; b++) {
        if (in->tree.slices[b].parent < 0) {
            double x = branch_sum(&in->tree, b, share);
            sum += x;
            if (x > in->tree.slices[b].max_ratio + ROUNDING) {
                return false;
            }
        }
    }
    return sum <= 1.0 + ROUNDING;
}

/* All minima hold, as far as they are asked for. Leaves whose minimum is below LEAST get that
 * much more, at most LEAST x SLICES_MAX in all. */
static bool reaches(const struct instance *in, const double *share)
{
    for (int b = 0; b < in->tree.n; b++) {
        const struct slice *s = &in->tree.slices[b];
        double could = leaf_most(in, b);
        for (int i = 0; i < in->tree.n && s->parent < 0; i++) {
            could += in->tree.slices[i].parent == b ? leaf_most(in, i) : 0.0;
        }
        double x = s->parent < 0 ? branch_sum(&in->tree, b, share) : share[b];
        if (x < fmin(s->min_ratio, could) - LEAST * SLICES_MAX) {
            return false;
        }
    }
    return true;
}

/* P1, and P2 when the minima are nested: all that an answer must keep to. */
static bool keeps(const struct instance *in, const double *share, bool nested)
{
    for (int i = 0; i <= in->tree.n; i++) {
        if (leaf_most(in, i) > 0.0 && !(share[i] > 0.0)) {
            return false;
        }
    }
    return within(in, share) && (!nested || reaches(in, share));
}

static double utility(const struct instance *in, const double *share)
{
    double sum = 0.0;
    for (int i = 0; i <= in->tree.n; i++) {
        if (leaf_most(in, i) > 0.0) {
            double weight = i < in->tree.n ? in->tree.slices[i].priority : 1.0;
            sum += weight * log(share[i]);
        }
    }
    return sum;
}

/* --- The exact optimum ------------------------------------------------------------------------ */

static void optimum_of(const struct instance *in, double *share)
{
    struct separated p;
    assert_int_equal(separated_init(&p, in->tree.n), 0);
    separated_pose(&p, &in->tree, in->demand);
    separated_optimum(&p, share);
    separated_free(&p);
}

static struct slice slice_of(const char *id, int parent, double least, double most, double priority)
{
    return (struct slice){.id = id,
                          .parent = parent,
                          .min_ratio = least,
                          .max_ratio = most,
                          .priority = priority,
                          .service = ""};
}

static void test_by_hand(void **state)
{
    (void)state;
    double share[6];
    struct instance in = {.tree = {.slices = in.slices, .n = 4}, .demand = {0, 9, 9, 9, 9}};
    in.slices[0] = slice_of("A", -1, 0.0, 1.0, 1.0);
    in.slices[1] = slice_of("A1", 0, 0.0, 1.0, 2.0);
    in.slices[2] = slice_of("A2", 0, 0.0, 1.0, 1.0);
    in.slices[3] = slice_of("B", -1, 0.0, 1.0, 1.0);
    /* Nothing binds: by weight, 2 : 1 : 1 and 1 for the UEs without a slice. */
    optimum_of(&in, share);
    assert_near(share[1], 0.4, 1e-12);
    assert_near(share[2], 0.2, 1e-12);
    assert_near(share[3], 0.2, 1e-12);
    assert_near(share[4], 0.2, 1e-12);
    /* The branch's maximum: its 0.3 by weight, the rest in halves. */
    in.slices[0].max_ratio = 0.3;
    optimum_of(&in, share);
    assert_near(share[1], 0.2, 1e-12);
    assert_near(share[2], 0.1, 1e-12);
    assert_near(share[3], 0.35, 1e-12);
    assert_near(share[4], 0.35, 1e-12);
    /* And a fruit's minimum within it. */
    in.slices[2].min_ratio = 0.2;
    optimum_of(&in, share);
    assert_near(share[1], 0.1, 1e-12);
    assert_near(share[2], 0.2, 1e-12);
    /* B asks for little and leaves the rest; but its minimum is not cut by what it asks. */
    in.demand[3] = 0.05;
    optimum_of(&in, share);
    assert_near(share[3], 0.05, 1e-12);
    assert_near(share[4], 0.65, 1e-12);
    /* The branch's minimum lifts its fruits above what their weights give. */
    in.slices[0].max_ratio = 1.0;
    in.slices[0].min_ratio = 0.9;
    in.slices[2].min_ratio = 0.0;
    optimum_of(&in, share);
    assert_near(share[1], 0.6, 1e-12);
    assert_near(share[2], 0.3, 1e-12);
    assert_near(share[3], 0.05, 1e-12);
    assert_near(share[4], 0.05, 1e-12);
    /* Everybody can have what it asks: nobody gets more. */
    in.slices[0].min_ratio = 0.0;
    for (int i = 1; i <= 4; i++) {
        in.demand[i] = 0.1;
    }
    optimum_of(&in, share);
    for (int i = 1; i <= 4; i++) {
        assert_near(share[i], 0.1, 1e-12);
    }
    assert_true(share[0] == 0.0);
}

/* Every point of a grid over up to four leaves: the best allowed one is no better than the optimum,
 * and near it. */
struct grid {
    const struct instance *in;
    int leaves[5], n;
    double point[SLICES_MAX + 1];
    double best;
};

enum { STEPS = 48 };

static void walk(struct grid *g, int leaf, double left)
{
    if (leaf == g->n) {
        if (keeps(g->in, g->point, false)) {
            g->best = fmax(g->best, utility(g->in, g->point));
        }
        return;
    }
    int i = g->leaves[leaf];
    for (int k = 1; k <= STEPS && (double)k / STEPS <= left + ROUNDING; k++) {
        g->point[i] = (double)k / STEPS;
        if (g->point[i] > leaf_most(g->in, i)) {
            g->point[i] = leaf_most(g->in, i);
            k = STEPS; /* its maximum is a point too */
        }
        walk(g, leaf + 1, left - g->point[i]);
    }
}

static void test_against_a_grid(void **state)
{
    (void)state;
    luck = 1;
    int tight = 0;
    for (int k = 0; k < 60; k++) {
        struct instance in;
        random_tree(&in, 2, 1, true);
        /* Minima are looked at elsewhere: a grid seldom meets them. */
        for (int i = 0; i < in.tree.n; i++) {
            in.slices[i].min_ratio = 0.0;
        }
        random_demand(&in);
        struct grid g = {.in = &in, .best = -HUGE_VAL};
        double weight = 0.0;
        for (int i = 0; i <= in.tree.n; i++) {
            if (leaf_most(&in, i) > 0.0) {
                g.leaves[g.n++] = i;
                weight += i < in.tree.n ? in.tree.slices[i].priority : 1.0;
            }
        }
        double share[SLICES_MAX + 1];
        optimum_of(&in, share);
        assert_true(keeps(&in, share, true));
        if (g.n == 0) {
            continue;
        }
        walk(&g, 0, 1.0);
        double optimum = utility(&in, share);
        assert_true(g.best <= optimum + 1e-12);
        tight += g.best > optimum - 0.1 * weight;
    }
    /* A grid of 1/48 finds something near it nearly always. */
    assert_true(tight > 45);
}

/* From the optimum no share can go from one leaf to another, nor can one alone grow: with a concave
 * utility and bounds on nested sums that is optimality. */
static void test_no_exchange_helps(void **state)
{
    (void)state;
    luck = 1000000;
    for (int k = 0; k < INSTANCES; k++) {
        struct instance in;
        random_tree(&in, 3, 3, true);
        random_demand(&in);
        double share[SLICES_MAX + 1];
        optimum_of(&in, share);
        assert_true(keeps(&in, share, true));
        double optimum = utility(&in, share);
        double step = 1e-5;
        for (int from = -1; from <= in.tree.n; from++) {
            for (int to = 0; to <= in.tree.n; to++) {
                double moved[SLICES_MAX + 1];
                memcpy(moved, share, sizeof moved);
                if (from >= 0) {
                    moved[from] -= step;
                }
                moved[to] += step;
                bool least = true;
                for (int i = 0; i < in.tree.n; i++) {
                    const struct slice *s = &in.tree.slices[i];
                    double floor = s->parent >= 0 ? fmax(s->min_ratio, LEAST) : LEAST;
                    least = least && (leaf_most(&in, i) == 0.0 ||
                                      moved[i] >= fmin(floor, leaf_most(&in, i)) - 1e-12);
                    double sum = branch_sum(&in.tree, i, moved);
                    least = least && (s->parent >= 0 || sum >= s->min_ratio ||
                                      sum >= branch_sum(&in.tree, i, share) - 1e-12);
                }
                if (least && moved[in.tree.n] >= LEAST && keeps(&in, moved, false)) {
                    assert_true(utility(&in, moved) <= optimum + 1e-9);
                }
            }
        }
    }
}

/* --- NLopt ------------------------------------------------------------------------------------ */

static void test_nlopt(void **state)
{
    (void)state;
    luck = 2000000;
    double worst = 0.0;
    for (int k = 0; k < 2 * INSTANCES; k++) {
        struct instance in;
        bool nested = k % 2 == 0;
        random_tree(&in, 3, 4, nested);
        random_demand(&in);
        struct separated p;
        double share[SLICES_MAX + 1];
        double again[SLICES_MAX + 1];
        assert_int_equal(separated_init(&p, in.tree.n), 0);
        separated_pose(&p, &in.tree, in.demand);
        assert_int_equal(separated_solve(&p, share), 0);
        assert_true(keeps(&in, share, nested));
        double gap = separated_gap(&p, share);
        worst = fmax(worst, fabs(gap));
        assert_int_equal(separated_solve(&p, again), 0);
        assert_memory_equal(share, again, (size_t)(in.tree.n + 1) * sizeof *share);
        separated_free(&p);
    }
    print_message("NLopt: largest gap of %d instances %.2g\n", 2 * INSTANCES, worst);
    assert_true(worst < SEPARATED_GAP);
}

static void test_gap_by_hand(void **state)
{
    (void)state;
    struct instance in = {.tree = {.slices = in.slices, .n = 2}, .demand = {9, 9, 0}};
    in.slices[0] = slice_of("A", -1, 0.0, 1.0, 1.0);
    in.slices[1] = slice_of("B", -1, 0.0, 1.0, 1.0);
    struct separated p;
    assert_int_equal(separated_init(&p, 2), 0);
    separated_pose(&p, &in.tree, in.demand);
    /* Geometric mean of 0.5 and 0.5 against that of 0.2 and 0.8. */
    assert_near(separated_gap(&p, (double[]){0.2, 0.8, 0.0}), 1.0 - 0.4 / 0.5, 1e-12);
    assert_near(separated_gap(&p, (double[]){0.5, 0.5, 0.0}), 0.0, 1e-12);
    /* Who has nothing loses all. */
    assert_near(separated_gap(&p, (double[]){0.0, 1.0, 0.0}), 1.0, 0.0);
    /* Beyond what A asks its share is worth nothing. */
    in.demand[0] = 0.1;
    separated_pose(&p, &in.tree, in.demand);
    assert_near(separated_gap(&p, (double[]){0.4, 0.6, 0.0}), 1.0 - sqrt(0.6 / 0.9), 1e-12);
    /* Nobody asks. */
    in.demand[0] = in.demand[1] = 0.0;
    separated_pose(&p, &in.tree, in.demand);
    assert_true(separated_gap(&p, (double[]){0.0, 0.0, 0.0}) == 0.0);
    separated_free(&p);
}

/* --- Enforcing -------------------------------------------------------------------------------- */

/* A tree has no maximum for UEs without a slice, nor for a branch's own beside its fruits. */
static bool all_bounded(const struct instance *in)
{
    if (in->demand[in->tree.n] > 0.0) {
        return false;
    }
    for (int i = 0; i < in->tree.n; i++) {
        int branch = in->tree.slices[i].parent;
        if (branch >= 0 && in->demand[branch] > 0.0) {
            return false;
        }
    }
    return true;
}

static void test_enforced_tree(void **state)
{
    (void)state;
    luck = 3000000;
    int exact = 0;
    for (int k = 0; k < INSTANCES; k++) {
        struct instance in;
        bool nested = k % 2 == 0;
        random_tree(&in, 3, 3, nested);
        random_demand(&in);
        for (int i = 0; i <= in.tree.n && k % 4 < 2; i++) {
            bool fruit = i < in.tree.n && in.slices[i].parent >= 0;
            in.demand[i] = fruit ? in.demand[i] : 0.0;
        }
        struct separated p;
        double share[SLICES_MAX + 1];
        double fluid[SLICES_MAX + 1];
        struct slice slices[SLICES_MAX];
        struct slice_tree out = {.slices = slices, .n = in.tree.n};
        assert_int_equal(separated_init(&p, in.tree.n), 0);
        separated_pose(&p, &in.tree, in.demand);
        separated_optimum(&p, share);
        double grant = chance(0.5) ? 0.0 : 10.0 / 106.0;
        separated_enforce(&in.tree, share, grant, &out);
        assert_int_equal(out.version, 1);
        struct err e = {0};
        if (slice_tree_check(&out, NULL, "enforced", &e) != 0) {
            fail_msg("%s", e.text);
        }
        double minima = 0.0;
        double configured = 0.0;
        for (int i = 0; i < in.tree.n; i++) {
            const struct slice *from = &in.tree.slices[i];
            assert_true(slices[i].min_ratio >= from->min_ratio);
            assert_true(slices[i].max_ratio <= from->max_ratio);
            assert_true(slices[i].max_ratio >= share[i] - ROUNDING);
            assert_int_equal(slices[i].parent, from->parent);
            minima += from->parent < 0 ? slices[i].min_ratio : 0.0;
            configured += from->parent < 0 ? from->min_ratio : 0.0;
            /* Silent: as configured. */
            double asked = from->parent < 0 ? branch_sum(&in.tree, i, share) : share[i];
            if (asked == 0.0) {
                assert_true(slices[i].min_ratio == from->min_ratio);
                assert_true(slices[i].max_ratio == from->max_ratio);
            }
        }
        /* Room for a smallest grant. */
        assert_true(minima <= fmax(configured, 1.0 - grant) + ROUNDING);
        /* While nothing has changed, what is in force is what was decided. */
        separated_fluid(&p, &out, fluid);
        assert_true(within(&in, fluid));
        if (grant == 0.0 && nested && all_bounded(&in)) {
            assert_near(separated_gap(&p, fluid), 0.0, 1e-9);
            exact++;
        }
        /* Others ask: the enforced tree still gives everybody's configured minimum. (A branch may
         * miss its own while shares decided for fruits that fell silent are not lent.) */
        random_demand(&in);
        separated_pose(&p, &in.tree, in.demand);
        separated_fluid(&p, &out, fluid);
        assert_true(within(&in, fluid));
        for (int i = 0; i < in.tree.n && nested; i++) {
            bool fruitless = branch_sum(&in.tree, i, in.demand) == in.demand[i];
            if (in.slices[i].parent >= 0 || fruitless) {
                assert_true(fluid[i] >= fmin(in.slices[i].min_ratio, leaf_most(&in, i)) - ROUNDING);
            }
        }
        separated_free(&p);
    }
    assert_true(exact > INSTANCES / 10);
}

/* Nobody asked: the configured tree. */
static void test_enforce_nothing(void **state)
{
    (void)state;
    luck = 4000000;
    struct instance in;
    random_tree(&in, 4, 4, false);
    struct slice slices[SLICES_MAX];
    struct slice_tree out = {.slices = slices, .n = in.tree.n};
    double share[SLICES_MAX + 1] = {0};
    separated_enforce(&in.tree, share, 0.1, &out);
    for (int i = 0; i < in.tree.n; i++) {
        assert_true(slices[i].min_ratio == in.slices[i].min_ratio);
        assert_true(slices[i].max_ratio == in.slices[i].max_ratio);
    }
}

int test_separated(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),           cmocka_unit_test(test_against_a_grid),
        cmocka_unit_test(test_no_exchange_helps), cmocka_unit_test(test_nlopt),
        cmocka_unit_test(test_gap_by_hand),       cmocka_unit_test(test_enforced_tree),
        cmocka_unit_test(test_enforce_nothing),
    };
    return cmocka_run_group_tests_name("separated", tests, NULL, NULL);
}
