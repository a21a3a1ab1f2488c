/* separated.c - see separated.h. */
#include "sched/separated.h"

#include <math.h>
#include <nlopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* Least share of a leaf with demand: keeps the logarithm finite, and is far below one PRB (1/275 of
 * the widest carrier). */
#define SHARE_MIN 1e-6

/* Where NLopt stops: far below SEPARATED_GAP, near what doubles can tell. */
#define SOLVER_FTOL  1e-13
#define SOLVER_XTOL  1e-11
#define SOLVER_EVALS 2000
/* A constraint that binds by no more than this is left out. */
#define IMPLIED 1e-12
#define TOL 1e-11

int separated_init(struct separated *p, int n_slices)
{
    size_t n = (size_t)n_slices + 1;
    *p = (struct separated){.n_slices = n_slices};
    p->leaves = calloc(n, sizeof *p->leaves);
    p->groups = calloc(n, sizeof *p->groups);
    p->x = calloc(n, sizeof *p->x);
    p->low = calloc(n, sizeof *p->low);
    p->high = calloc(n, sizeof *p->high);
    p->optimum = calloc(n, sizeof *p->optimum);
    if (p->leaves == NULL || p->groups == NULL || p->x == NULL || p->low == NULL ||
        p->high == NULL || p->optimum == NULL) {
        separated_free(p);
        return ERR_MEMORY;
    }
    return 0;
}

void separated_free(struct separated *p)
{
    free(p->leaves);
    free(p->groups);
    free(p->x);
    free(p->low);
    free(p->high);
    free(p->optimum);
    *p = (struct separated){0};
}

/* --- Posing ----------------------------------------------------------------------------------- */

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

/* Adds a leaf to the group that is being made. A leaf that may have no share stays outside. */
static void add_leaf(struct separated *p, struct separated_group *g, int slice, double weight,
                     double min_ratio, double max_ratio, double demand)
{
    if (!(demand > 0.0) || max_ratio < SHARE_MIN) {
        return;
    }
    double low = fmin(fmax(min_ratio, SHARE_MIN), max_ratio);
    double high = clamp(demand, low, max_ratio);
    p->leaves[p->n_leaves++] =
        (struct separated_leaf){.slice = slice, .weight = weight, .low = low, .high = high};
    g->n++;
    g->sum_low += low;
    g->sum_high += high;
}

/* Lowers the leaves' minima so that they sum to at most `sum`. */
static void fit_minima(struct separated *p, struct separated_group *g, double sum)
{
    if (g->sum_low <= sum) {
        return;
    }
    double factor = sum / g->sum_low;
    g->sum_low = 0.0;
    for (int i = g->first; i < g->first + g->n; i++) {
        p->leaves[i].low *= factor;
        g->sum_low += p->leaves[i].low;
    }
}

/* Ends a group: its bounds from the branch's and from those of its leaves. */
static void close_group(struct separated *p, struct separated_group *g, double min_ratio,
                        double max_ratio)
{
    if (g->n == 0) {
        return;
    }
    fit_minima(p, g, max_ratio);
    g->high = fmin(max_ratio, g->sum_high);
    g->low = fmin(fmax(min_ratio, g->sum_low), g->high);
    p->n_groups++;
}

static struct separated_group *open_group(struct separated *p, int branch)
{
    struct separated_group *g = &p->groups[p->n_groups];
    *g = (struct separated_group){.branch = branch, .first = p->n_leaves};
    return g;
}

static double branch_min(const struct slice_tree *tree, const struct separated_group *g)
{
    return g->branch < 0 ? 0.0 : fmin(tree->slices[g->branch].min_ratio, g->high);
}

/* Minima of fruits may ask for more than the carrier (only the branches' sum to at most the whole):
 * then the branches' come first, and of what the fruits' need beyond those each gets a part. */
static void lower_minima(struct separated *p, const struct slice_tree *tree, double sum)
{
    double sum_branch = 0.0;
    for (int i = 0; i < p->n_groups; i++) {
        sum_branch += branch_min(tree, &p->groups[i]);
    }
    double scale = sum_branch > 1.0 ? 1.0 / sum_branch : 1.0;
    double part = sum_branch < 1.0 ? (1.0 - sum_branch) / (sum - sum_branch) : 0.0;
    for (int i = 0; i < p->n_groups; i++) {
        struct separated_group *g = &p->groups[i];
        double own = branch_min(tree, g);
        g->low = own * scale + part * (g->low - own);
        fit_minima(p, g, g->low);
    }
}

/* Makes the groups' bounds fit one carrier. */
static void fit_groups(struct separated *p, const struct slice_tree *tree)
{
    double sum = 0.0;
    for (int i = 0; i < p->n_groups; i++) {
        sum += p->groups[i].low;
    }
    if (sum > 1.0) {
        lower_minima(p, tree, sum);
        sum = 1.0;
    }
    for (int i = 0; i < p->n_groups; i++) {
        struct separated_group *g = &p->groups[i];
        g->high = clamp(1.0 - (sum - g->low), g->low, g->high);
    }
}

void separated_pose(struct separated *p, const struct slice_tree *tree, const double *demand)
{
    p->n_leaves = 0;
    p->n_groups = 0;
    for (int b = 0; b < tree->n; b++) {
        const struct slice *branch = &tree->slices[b];
        if (branch->parent >= 0 || branch->max_ratio < SHARE_MIN) {
            continue;
        }
        struct separated_group *g = open_group(p, b);
        add_leaf(p, g, b, branch->priority, 0.0, branch->max_ratio, demand[b]);
        for (int i = 0; i < tree->n; i++) {
            const struct slice *fruit = &tree->slices[i];
            if (fruit->parent == b) {
                add_leaf(p, g, i, fruit->priority, fruit->min_ratio,
                         fmin(fruit->max_ratio, branch->max_ratio), demand[i]);
            }
        }
        close_group(p, g, branch->min_ratio, branch->max_ratio);
    }
    struct separated_group *g = open_group(p, -1);
    add_leaf(p, g, tree->n, 1.0, 0.0, 1.0, demand[tree->n]);
    close_group(p, g, 0.0, 1.0);
    fit_groups(p, tree);
}

/* From values by leaf to a vector of shares. */
static void spread(const struct separated *p, const double *x, double *share)
{
    for (int i = 0; i <= p->n_slices; i++) {
        share[i] = 0.0;
    }
    for (int i = 0; i < p->n_leaves; i++) {
        share[p->leaves[i].slice] = x[i];
    }
}

/* --- The exact optimum ------------------------------------------------------------------------
 * KKT: with the price v of the carrier where the leaf stands, x_s = w_s / v, cut to its bounds. In a
 * branch that its own minimum or maximum holds, v is the price at which the branch's leaves sum to
 * that bound; elsewhere it is the price at which all sum to the carrier. Sums fall as prices rise,
 * so prices are found by bisection, to the last bit. */

static double leaf_at(const struct separated_leaf *leaf, double price)
{
    return clamp(leaf->weight / price, leaf->low, leaf->high);
}

static double group_at(const struct separated *p, const struct separated_group *g, double price)
{
    double sum = 0.0;
    for (int i = g->first; i < g->first + g->n; i++) {
        sum += leaf_at(&p->leaves[i], price);
    }
    return sum;
}

static double all_at(const struct separated *p, double price)
{
    double sum = 0.0;
    for (int i = 0; i < p->n_groups; i++) {
        const struct separated_group *g = &p->groups[i];
        sum += clamp(group_at(p, g, price), g->low, g->high);
    }
    return sum;
}

/* The least price at which `g` (NULL: all groups, within their bounds) takes at most `sum`. */
static double price_of(const struct separated *p, const struct separated_group *g, double sum)
{
    const struct separated_leaf *leaves = g == NULL ? p->leaves : &p->leaves[g->first];
    int n = g == NULL ? p->n_leaves : g->n;
    double low = HUGE_VAL; /* here every leaf is at its maximum, at `high` at its minimum */
    double high = 0.0;
    for (int i = 0; i < n; i++) {
        low = fmin(low, leaves[i].weight / leaves[i].high);
        high = fmax(high, leaves[i].weight / leaves[i].low);
    }
    for (;;) {
        double middle = sqrt(low) * sqrt(high);
        if (!(middle > low && middle < high)) {
            return high;
        }
        double taken = g == NULL ? all_at(p, middle) : group_at(p, g, middle);
        if (taken > sum) {
            low = middle;
        } else {
            high = middle;
        }
    }
}

void separated_optimum(struct separated *p, double *share)
{
    double sum_high = 0.0;
    for (int i = 0; i < p->n_groups; i++) {
        sum_high += p->groups[i].high;
    }
    double price = p->n_leaves > 0 && sum_high > 1.0 ? price_of(p, NULL, 1.0) : 0.0;
    for (int i = 0; i < p->n_groups; i++) {
        const struct separated_group *g = &p->groups[i];
        double at = price;
        double taken = price > 0.0 ? group_at(p, g, price) : g->sum_high;
        if (taken > g->high) {
            at = price_of(p, g, g->high);
        } else if (taken < g->low) {
            at = price_of(p, g, g->low);
        }
        for (int k = g->first; k < g->first + g->n; k++) {
            p->x[k] = at > 0.0 ? leaf_at(&p->leaves[k], at) : p->leaves[k].high;
        }
    }
    spread(p, p->x, share);
}

/* --- NLopt ------------------------------------------------------------------------------------ */

/* Moves v[0..n) between low (part 0) and high (part 1) so that they sum to `sum`, as far as those
 * allow. */
static void level(double *v, const double *low, const double *high, int n, double sum)
{
    double sum_low = 0.0;
    double sum_high = 0.0;
    for (int i = 0; i < n; i++) {
        sum_low += low[i];
        sum_high += high[i];
    }
    double room = sum_high - sum_low;
    double part = room > 0.0 ? clamp((sum - sum_low) / room, 0.0, 1.0) : 0.0;
    for (int i = 0; i < n; i++) {
        v[i] = low[i] + part * (high[i] - low[i]);
    }
}

static double sum_of(const double *v, int n)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++) {
        sum += v[i];
    }
    return sum;
}

/* A point within all bounds: all groups, and in them all leaves, equally far on the way from their
 * minimum to their maximum. */
static void start_point(struct separated *p)
{
    double low = 0.0;
    double high = 0.0;
    for (int i = 0; i < p->n_groups; i++) {
        low += p->groups[i].low;
        high += p->groups[i].high;
    }
    double part = high > low ? clamp((1.0 - low) / (high - low), 0.0, 1.0) : 0.0;
    for (int i = 0; i < p->n_groups; i++) {
        const struct separated_group *g = &p->groups[i];
        level(&p->x[g->first], &p->low[g->first], &p->high[g->first], g->n,
              g->low + part * (g->high - g->low));
    }
}

/* What a solver may miss by a rounding: pulls its answer back within the bounds. */
static void repair(struct separated *p)
{
    double all = 0.0;
    double least = 0.0;
    for (int i = 0; i < p->n_groups; i++) {
        const struct separated_group *g = &p->groups[i];
        double *x = &p->x[g->first];
        for (int k = 0; k < g->n; k++) {
            x[k] = clamp(x[k], p->low[g->first + k], p->high[g->first + k]);
        }
        double sum = sum_of(x, g->n);
        if (sum > g->high) {
            level(x, &p->low[g->first], x, g->n, g->high);
        } else if (sum < g->low) {
            level(x, x, &p->high[g->first], g->n, g->low);
        }
        all += clamp(sum, g->low, g->high);
        least += g->low;
    }
    double part = all > 1.0 ? (1.0 - least) / (all - least) : 1.0;
    for (int i = 0; i < p->n_groups && part < 1.0; i++) {
        const struct separated_group *g = &p->groups[i];
        double *x = &p->x[g->first];
        double sum = sum_of(x, g->n);
        level(x, &p->low[g->first], x, g->n, g->low + part * (sum - g->low));
    }
}

/* The solver sees y = log x: U becomes linear and what bends are the sums of exp(y), with curvatures
 * near the weights; in x they would run over many orders of magnitude. A point is optimal in y where
 * it is in x, so that the bounds from below, which are not convex in y, make no other optima. */

/* U / sum of w: the same maximum, and a gradient whose size does not hang on the weights. */
static double objective(unsigned n, const double *y, double *gradient, void *data)
{
    const struct separated *p = data;
    double weight = 0.0;
    double value = 0.0;
    for (unsigned i = 0; i < n; i++) {
        weight += p->leaves[i].weight;
    }
    for (unsigned i = 0; i < n; i++) {
        double w = p->leaves[i].weight / weight;
        value += w * y[i];
        if (gradient != NULL) {
            gradient[i] = w;
        }
    }
    return value;
}

/* Sum of the shares of y[first..first + count), times `sign`. */
static double shares(unsigned n, const double *y, double *gradient, int first, int count,
                     double sign)
{
    double sum = 0.0;
    for (int i = 0; i < (int)n; i++) {
        double x = i >= first && i < first + count ? sign * exp(y[i]) : 0.0;
        sum += x;
        if (gradient != NULL) {
            gradient[i] = x;
        }
    }
    return sum;
}

static double whole_within(unsigned n, const double *y, double *gradient, void *data)
{
    (void)data;
    return shares(n, y, gradient, 0, (int)n, 1.0) - 1.0;
}

static double group_within(unsigned n, const double *y, double *gradient, void *data)
{
    const struct separated_group *g = data;
    return shares(n, y, gradient, g->first, g->n, 1.0 / g->high) - 1.0;
}

static double group_reaches(unsigned n, const double *y, double *gradient, void *data)
{
    const struct separated_group *g = data;
    return 1.0 + shares(n, y, gradient, g->first, g->n, -1.0 / g->low);
}

/* The bounds of the groups, where those of the leaves do not imply them. */
static nlopt_result constrain(struct separated *p, nlopt_opt opt)
{
    nlopt_result rc = NLOPT_SUCCESS;
    double all = 0.0;
    for (int i = 0; i < p->n_groups && rc > 0; i++) {
        struct separated_group *g = &p->groups[i];
        double least = sum_of(&p->low[g->first], g->n);
        double most = sum_of(&p->high[g->first], g->n);
        bool within = g->high < most - IMPLIED;
        /* Every share is worth something: a group without play is at its maximum by itself. */
        bool reaches = g->low > least + IMPLIED && g->low < g->high - IMPLIED;
        all += fmin(most, g->high);
        if (within && reaches && g->high - g->low < IMPLIED) {
            rc = nlopt_add_equality_constraint(opt, group_within, g, TOL);
            continue;
        }
        if (within) {
            rc = nlopt_add_inequality_constraint(opt, group_within, g, TOL);
        }
        if (reaches && rc > 0) {
            rc = nlopt_add_inequality_constraint(opt, group_reaches, g, TOL);
        }
    }
    if (all > 1.0 + IMPLIED && rc > 0) {
        rc = nlopt_add_inequality_constraint(opt, whole_within, p, TOL);
    }
    return rc;
}

static nlopt_result set_up(struct separated *p, nlopt_opt opt)
{
    for (int i = 0; i < p->n_leaves; i++) {
        p->low[i] = log(p->low[i]);
        p->high[i] = log(p->high[i]);
        p->x[i] = clamp(log(p->x[i]), p->low[i], p->high[i]);
    }
    nlopt_result rc = nlopt_set_max_objective(opt, objective, p);
    rc = rc > 0 ? nlopt_set_lower_bounds(opt, p->low) : rc;
    rc = rc > 0 ? nlopt_set_upper_bounds(opt, p->high) : rc;
    rc = rc > 0 ? nlopt_set_ftol_abs(opt, SOLVER_FTOL) : rc;
    rc = rc > 0 ? nlopt_set_xtol_rel(opt, SOLVER_XTOL) : rc;
    return rc > 0 ? nlopt_set_maxeval(opt, SOLVER_EVALS) : rc;
}

/* Bounds of the leaves as the solver sees them: tightened by what their group's bounds leave them,
 * so that a group without play has leaves without play, which NLopt takes out. */
static void tighten(struct separated *p)
{
    for (int i = 0; i < p->n_groups; i++) {
        const struct separated_group *g = &p->groups[i];
        for (int k = g->first; k < g->first + g->n; k++) {
            const struct separated_leaf *leaf = &p->leaves[k];
            double low = g->low - (g->sum_high - leaf->high);
            double high = g->high - (g->sum_low - leaf->low);
            p->low[k] = clamp(low, leaf->low, leaf->high);
            p->high[k] = clamp(high, p->low[k], leaf->high);
        }
    }
}

#ifndef ALGO
#define ALGO NLOPT_LD_SLSQP
#endif
int dbg_rc, dbg_evals;
int separated_solve(struct separated *p, double *share)
{
    tighten(p);
    start_point(p);
    int rc = 0;
    if (p->n_leaves > 0) {
        nlopt_opt opt = nlopt_create(ALGO, (unsigned)p->n_leaves);
        if (opt == NULL) {
            return ERR_MEMORY;
        }
        double value;
        nlopt_result result = constrain(p, opt);
        result = result > 0 ? set_up(p, opt) : result;
        result = result > 0 ? nlopt_optimize(opt, p->x, &value) : result;
        dbg_rc = result; dbg_evals = nlopt_get_numevals(opt);
        nlopt_destroy(opt);
        rc = result > 0 || result == NLOPT_ROUNDOFF_LIMITED ? 0
             : result == NLOPT_OUT_OF_MEMORY                ? ERR_MEMORY
                                                            : ERR_WORK;
    for (int i = 0; i < p->n_leaves; i++) {
        p->low[i] = exp(p->low[i]);
        p->high[i] = exp(p->high[i]);
        p->x[i] = exp(p->x[i]);
    }
        repair(p);
    }
    spread(p, p->x, share);
    return rc;
}

double separated_gap(struct separated *p, const double *share)
{
    separated_optimum(p, p->optimum);
    double weight = 0.0;
    double loss = 0.0;
    for (int i = 0; i < p->n_leaves; i++) {
        const struct separated_leaf *leaf = &p->leaves[i];
        /* Beyond its demand a share is worth nothing. */
        double x = fmin(share[leaf->slice], leaf->high);
        weight += leaf->weight;
        loss += leaf->weight * log(x / p->optimum[leaf->slice]);
    }
    return weight > 0.0 ? -expm1(loss / weight) : 0.0;
}
